#include "cache/page_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PageTable table_of(std::uint32_t pages, std::uint32_t sequences, std::uint32_t page = 32) {
  return PageTable::create(std::vector<PageGroup>{{.pages = pages}}, page, sequences).value();
}

Result<std::span<const PageCopy>> grow(PageTable& table, std::uint32_t sequence, std::uint32_t positions) {
  const PageTable::Growth growth{sequence, positions};
  return table.append({&growth, 1});
}

std::string said(const auto& result) { return result ? "done" : to_string(result.error()); }

TEST(PageTable, refuses_what_makes_no_table) {
  const auto made = [](std::vector<PageGroup> groups, std::uint32_t page, std::uint32_t sequences) {
    return said(PageTable::create(groups, page, sequences));
  };
  EXPECT_EQ(made({{.pages = 1}}, 1, 1), "done");
  EXPECT_THAT(made({}, 1, 1), HasSubstr("groups is 0"));
  EXPECT_THAT(made({{.pages = 0}}, 1, 1), HasSubstr("pages is 0"));
  EXPECT_THAT(made({{.pages = 1}}, 0, 1), HasSubstr("positions of a page is 0"));
  EXPECT_THAT(made({{.pages = 1}}, 1, 0), HasSubstr("sequences is 0"));
}

TEST(PageTable, refuses_calls_that_break_its_terms_and_changes_nothing) {
  PageTable table = table_of(4, 3);
  ASSERT_TRUE(grow(table, 0, 40));
  EXPECT_EQ(grow(table, 3, 1).error().code, Errc::bad_value);
  EXPECT_EQ(grow(table, 0, 0xFFFFFFFF).error().code, Errc::bad_value);
  EXPECT_THAT(said(grow(table, 1, 65)),
              HasSubstr("full: KV cache: 3 pages of 32 positions are needed, 2 of 4 are free"));
  EXPECT_EQ(table.share(0, 0, 1).error().code, Errc::bad_value);
  EXPECT_EQ(table.share(0, 1, 41).error().code, Errc::bad_value);
  EXPECT_EQ(table.share(7, 1, 1).error().code, Errc::bad_value);
  ASSERT_TRUE(grow(table, 1, 1));
  EXPECT_THAT(said(table.share(0, 1, 10)), HasSubstr("sequence 1 holds 1 positions"));
  EXPECT_EQ(table.truncate(3, 0).error().code, Errc::bad_value);
  EXPECT_THAT(table.lengths(), ElementsAre(40, 1, 0));
  EXPECT_EQ(table.pages_free(), 1U);
  EXPECT_TRUE(table.check_invariants());
}

TEST(PageTable, all_sequences_grow_or_none) {
  PageTable table = table_of(3, 2);
  const std::vector<PageTable::Growth> growth{{0, 33}, {1, 33}};
  EXPECT_EQ(table.pages_needed(growth), 4);
  EXPECT_EQ(table.append(growth).error().code, Errc::full);
  EXPECT_THAT(table.lengths(), ElementsAre(0, 0));
  EXPECT_EQ(table.pages_free(), 3U);
  const std::vector<PageTable::Growth> twice{{0, 30}, {1, 1}, {0, 30}};
  EXPECT_EQ(table.pages_needed(twice), 3);
  EXPECT_TRUE(table.append(twice));
  EXPECT_THAT(table.lengths(), ElementsAre(60, 1));
}

TEST(PageTable, a_shared_last_page_is_to_be_copied_by_whoever_writes_first) {
  PageTable table = table_of(4, 3);
  ASSERT_TRUE(grow(table, 0, 40));
  const std::uint32_t last = table.pages(0)[1];
  ASSERT_TRUE(table.share(0, 1, 35));
  EXPECT_EQ(table.counts().used, 2U);
  EXPECT_EQ(table.counts().shared, 2U);
  const auto copies = grow(table, 1, 1);
  ASSERT_TRUE(copies);
  EXPECT_THAT(*copies, ElementsAre(PageCopy{0, last, table.pages(1)[1]}));
  EXPECT_NE(table.pages(1)[1], last);
  EXPECT_EQ(table.pages(0)[0], table.pages(1)[0]);
  EXPECT_TRUE(grow(table, 0, 1)->empty()) << "alone now";
}

// One that was there first needs a page because a younger one reads its last.
TEST(PageTable, the_giver_needs_the_page_when_nothing_is_free) {
  PageTable table = table_of(2, 2);
  ASSERT_TRUE(grow(table, 0, 40));
  ASSERT_TRUE(table.share(0, 1, 40));
  EXPECT_EQ(grow(table, 0, 1).error().code, Errc::full);
  EXPECT_THAT(table.lengths(), ElementsAre(40, 40));
  ASSERT_TRUE(table.truncate(1, 0));
  EXPECT_TRUE(grow(table, 0, 1)->empty());
}

TEST(PageTable, a_prefix_of_whole_pages_is_shared_without_a_copy) {
  PageTable table = table_of(4, 2);
  ASSERT_TRUE(grow(table, 0, 64));
  ASSERT_TRUE(table.share(0, 1, 64));
  EXPECT_TRUE(grow(table, 1, 5)->empty());
  ASSERT_TRUE(table.truncate(0, 0));
  EXPECT_EQ(table.counts().used, 3U);
  ASSERT_TRUE(table.truncate(1, 0));
  EXPECT_EQ(table.pages_free(), 4U);
}

TEST(PageTable, pages_that_a_window_has_passed_go_back) {
  PageTable table = PageTable::create(std::vector<PageGroup>{{.pages = 8}, {.pages = 3, .window = 6}}, 4, 2).value();
  for (std::uint32_t length = 0; length < 30; ++length) {
    ASSERT_TRUE(grow(table, 0, 1)) << length;
    ASSERT_TRUE(table.check_invariants());
    // The token just written saw six positions, itself included.
    const std::uint32_t first = length + 1 > 6 ? length + 1 - 6 : 0;
    EXPECT_EQ(table.passed(0, 1), first / 4) << length;
    EXPECT_EQ(table.passed(0, 0), 0U);
  }
  EXPECT_EQ(table.counts(0).used, 8U);
  EXPECT_LE(table.counts(1).used, 3U);
  EXPECT_EQ(table.counts(1).returned, table.passed(0, 1));
  // The other group of layers is out of pages, and says which.
  ASSERT_TRUE(grow(table, 0, 2));
  EXPECT_THAT(said(grow(table, 0, 1)),
              HasSubstr("1 pages of 4 positions (layers that see everything) are needed, 0 of 8 are free"));
}

TEST(PageTable, what_a_window_has_passed_can_neither_be_gone_back_to_nor_shared) {
  PageTable table = PageTable::create(std::vector<PageGroup>{{.pages = 9}, {.pages = 8, .window = 6}}, 4, 3).value();
  ASSERT_TRUE(grow(table, 0, 20));
  EXPECT_EQ(table.passed(0, 1), 0U) << "one pass saw all of it";
  ASSERT_TRUE(grow(table, 0, 1));
  EXPECT_EQ(table.passed(0, 1), 3U) << "positions 0 to 11 are not seen from 20";
  EXPECT_THAT(said(table.truncate(0, 16)),
              HasSubstr("unsupported: KV cache: keeping 16 of 21 positions of sequence 0: a window of 6 has passed"));
  EXPECT_THAT(said(table.share(0, 1, 16)), HasSubstr("unsupported: KV cache: sharing 16 of 21"));
  EXPECT_THAT(table.lengths(), ElementsAre(21, 0, 0));
  EXPECT_TRUE(table.share(0, 1, 17)) << "position 17 sees 12 and on";
  EXPECT_EQ(table.passed(1, 1), 3U);
  EXPECT_TRUE(table.truncate(0, 17));
  EXPECT_TRUE(grow(table, 0, 2));
  EXPECT_TRUE(grow(table, 1, 2));
  EXPECT_TRUE(table.check_invariants());
  EXPECT_TRUE(table.truncate(0, 0)) << "the whole of it always";
  EXPECT_TRUE(table.truncate(1, 0));
  EXPECT_EQ(table.pages_free(0), 9U);
  EXPECT_EQ(table.pages_free(1), 8U);
  ASSERT_TRUE(table.share(0, 1, 0)) << "nothing of nothing";
}

TEST(PageTable, a_pass_that_failed_can_be_taken_back_behind_a_window) {
  PageTable table = PageTable::create(std::vector<PageGroup>{{.pages = 20, .window = 5}}, 4, 1).value();
  for (std::uint32_t length = 0; length < 60; length += 3) {
    ASSERT_TRUE(grow(table, 0, 7));
    ASSERT_TRUE(table.truncate(0, length)) << length;
    ASSERT_TRUE(grow(table, 0, 3));
  }
}

// The table against what it stands for: for each group a list of stamps per sequence, kept in the pages that it names.
class Model {
 public:
  explicit Model(std::uint64_t seed)
      : random_(seed),
        page_(static_cast<std::uint32_t>(1 + random_.below(6))),
        groups_(make_groups()),
        table_(PageTable::create(groups_, page_, sequences).value()),
        lists_(sequences),
        memory_(groups_.size()) {}

  std::map<std::string, std::uint64_t> probes;

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      const std::uint64_t choice = random_.below(10);
      if (choice < 6) {
        append();
      } else if (choice < 8) {
        share();
      } else {
        truncate();
      }
      const auto held = table_.check_invariants();
      ASSERT_TRUE(held) << to_string(held.error());
      compare();
    }
  }

 private:
  static constexpr std::uint32_t sequences = 5;

  std::vector<PageGroup> make_groups() {
    std::vector<PageGroup> groups;
    for (std::uint64_t n = 1 + random_.below(3); n > 0; --n) {
      const auto window = static_cast<std::uint32_t>(random_.below(2) == 0 ? 0 : 1 + random_.below(20));
      groups.push_back({.pages = static_cast<std::uint32_t>(2 + random_.below(30)), .window = window});
    }
    return groups;
  }
  std::uint32_t any() { return static_cast<std::uint32_t>(random_.below(sequences)); }

  void append() {
    std::vector<PageTable::Growth> growth;
    std::map<std::uint32_t, std::uint32_t> before;
    for (std::uint64_t n = 1 + random_.below(3); n > 0; --n) {
      growth.push_back({any(), static_cast<std::uint32_t>(random_.below(random_.below(4) == 0 ? 20 : 4))});
      before[growth.back().sequence] = table_.lengths()[growth.back().sequence];
    }
    bool fits = true;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      fits = fits && table_.pages_needed(growth, g) <= static_cast<std::int64_t>(table_.pages_free(g));
    }
    std::vector<std::int64_t> after;
    after.reserve(groups_.size());
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      after.push_back(static_cast<std::int64_t>(table_.pages_free(g)) - (fits ? table_.pages_needed(growth, g) : 0));
    }
    const auto done = table_.append(growth);
    ASSERT_EQ(done.has_value(), fits);
    for (std::size_t g = 0; g < groups_.size(); ++g) ASSERT_EQ(table_.pages_free(g), after[g]) << g;
    if (!done) {
      ASSERT_EQ(done.error().code, Errc::full);
      ++probes["full"];
      return;
    }
    for (const auto& [group, from, to] : *done) memory_[group][to] = memory_[group][from];
    probes["copied"] += done->size();
    if (random_.below(6) == 0) {  // the pass failed: back to what was
      for (const auto& [sequence, length] : before) ASSERT_TRUE(table_.truncate(sequence, length));
      ++probes["taken back"];
      return;
    }
    for (const auto& [sequence, positions] : growth) {
      for (std::uint32_t i = 0; i < positions; ++i) {
        lists_[sequence].push_back(++stamp_);
        write(sequence, static_cast<std::uint32_t>(lists_[sequence].size() - 1));
      }
    }
  }

  void write(std::uint32_t sequence, std::uint32_t position) {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::uint32_t page = table_.pages(sequence, g)[position / page_];
      ASSERT_EQ(table_.references(page, g), 1U) << "written while another reads it";
      auto& held = memory_[g][page];
      held.resize(page_);
      held[position % page_] = stamp_;
    }
  }

  // Whether the token at `length` still sees all it may.
  bool reaches(std::uint32_t sequence, std::uint32_t length) const {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::uint32_t window = groups_[g].window;
      const std::uint32_t first = window == 0 || length < window ? 0 : length - window + 1;
      if (length > 0 && table_.passed(sequence, g) > first / page_) return false;
    }
    return true;
  }

  void share() {
    const std::uint32_t from = any();
    const std::uint32_t to = any();
    const auto upto = static_cast<std::uint32_t>(random_.below(lists_[from].size() + 2));
    const bool allowed = from != to && lists_[to].empty() && upto <= lists_[from].size();
    const bool there = !allowed || reaches(from, upto);
    const auto done = table_.share(from, to, upto);
    ASSERT_EQ(done.has_value(), allowed && there);
    if (!done) {
      ASSERT_EQ(done.error().code, allowed ? Errc::unsupported : Errc::bad_value);
      probes["share behind a window"] += allowed ? 1 : 0;
      return;
    }
    lists_[to].assign(lists_[from].begin(), lists_[from].begin() + upto);
    ++probes["shared"];
  }

  void truncate() {
    const std::uint32_t sequence = any();
    const auto length =
        static_cast<std::uint32_t>(random_.below(3) == 0 ? 0 : random_.below(lists_[sequence].size() + 3));
    const bool there = length >= lists_[sequence].size() || reaches(sequence, length);
    const auto done = table_.truncate(sequence, length);
    ASSERT_EQ(done.has_value(), there);
    if (!done) {
      ASSERT_EQ(done.error().code, Errc::unsupported);
      ++probes["truncate behind a window"];
    } else if (length < lists_[sequence].size()) {
      lists_[sequence].resize(length);
    }
  }

  // What the next token of each sequence sees is what was written.
  void compare() {
    for (std::uint32_t sequence = 0; sequence < sequences; ++sequence) {
      const auto& list = lists_[sequence];
      ASSERT_EQ(table_.lengths()[sequence], list.size());
      for (std::size_t g = 0; g < groups_.size(); ++g) {
        const std::size_t window = groups_[g].window;
        for (std::size_t p = window == 0 || list.size() < window ? 0 : list.size() - window + 1; p < list.size(); ++p) {
          const std::uint32_t page = table_.pages(sequence, g)[p / page_];
          ASSERT_NE(page, PageTable::no_page) << p;
          ASSERT_EQ(memory_[g][page][p % page_], list[p]) << sequence << " " << p;
        }
      }
    }
    for (std::size_t g = 0; g < groups_.size(); ++g) probes["returned"] += table_.counts(g).returned > 0 ? 1 : 0;
  }

  Random random_;
  const std::uint32_t page_;
  const std::vector<PageGroup> groups_;
  PageTable table_;
  std::vector<std::vector<std::uint32_t>> lists_;
  std::vector<std::map<std::uint32_t, std::vector<std::uint32_t>>> memory_;  // per group, by page
  std::uint32_t stamp_ = 0;
};

TEST(PageTable, behaves_as_lists_of_stamps_over_hundreds_of_seeds) {
  std::map<std::string, std::uint64_t> probes;
  for (std::uint64_t seed = 0; seed < 700; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    model.run(80);
    if (HasFailure()) return;
    for (const auto& [name, count] : model.probes) probes[name] += count;
  }
  for (const char* probe :
       {"full", "copied", "taken back", "shared", "returned", "share behind a window", "truncate behind a window"}) {
    EXPECT_GT(probes[probe], 100U) << "too rare over all seeds: " << probe;
  }
}

}  // namespace
}  // namespace assay
