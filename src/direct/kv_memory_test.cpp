#include "direct/kv_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"

namespace assay::direct {
namespace {

using kernel::Isa;
using kernel::KvType;
using testing::HasSubstr;

KvGroup small_group() { return {.layers = {0, 1}, .kv_heads = 2, .layout = {KvType::f16, 2}, .window = 0}; }

Result<KvMemory> make(const std::vector<KvGroup>& groups, std::uint32_t pages, std::uint32_t sequences) {
  return KvMemory::create(groups, {.context = 4096, .sequences = sequences, .batch = 64, .positions = pages * 32ULL});
}

KvMemory small(std::uint32_t pages, std::uint32_t sequences) {
  return std::move(*make({small_group()}, pages, sequences));
}

Result<void> grow(KvMemory& cache, std::uint32_t sequence, std::uint32_t positions) {
  const PageTable::Growth growth{sequence, positions};
  return cache.append({&growth, 1});
}

// A number that can be told from every other in what is stored: two halves hold 22 bits of it exactly.
void store_stamp(KvMemory& cache, std::uint32_t sequence, std::uint32_t position, std::uint32_t stamp) {
  for (std::uint32_t layer = 0; layer < 2; ++layer) {
    for (std::uint32_t head = 0; head < 2; ++head) {
      const std::vector<float> key{static_cast<float>(stamp % 2048), static_cast<float>(layer)};
      const std::uint32_t high = stamp / 2048;
      const std::vector<float> value{static_cast<float>(high), static_cast<float>(head)};
      cache.store(Isa::portable, sequence, position, layer, head, key, value);
    }
  }
}

std::uint32_t load_stamp(const KvMemory& cache, std::uint32_t sequence, std::uint32_t position, std::uint32_t layer,
                         std::uint32_t head) {
  const auto view = cache.view(sequence, layer, head);
  std::vector<float> key(2);
  std::vector<float> value(2);
  kernel::kv_load(view.layout, view.plane(position / 32), position % 32, key, value);
  EXPECT_EQ(key[1], static_cast<float>(layer));
  EXPECT_EQ(value[1], static_cast<float>(head));
  return static_cast<std::uint32_t>(key[0]) + 2048 * static_cast<std::uint32_t>(value[0]);
}

TEST(KvMemory, refuses_shapes_that_make_no_memory) {
  const auto detail = [](const std::vector<KvGroup>& groups, std::uint32_t sequences) {
    const auto cache = make(groups, 1, sequences);
    return cache ? std::string("made") : to_string(cache.error());
  };
  KvGroup group = small_group();
  EXPECT_EQ(detail({group}, 1), "made");
  EXPECT_THAT(detail({group}, 0), HasSubstr("sequences is 0"));
  EXPECT_THAT(detail({}, 1), HasSubstr("groups is 0"));
  EXPECT_THAT(detail({group, group}, 1), HasSubstr("layer 0 is in two groups"));
  group.layers = {0, 1U << 30U};
  EXPECT_THAT(detail({group}, 1), HasSubstr("layer 1073741824"));
  group.layers = {};
  EXPECT_THAT(detail({group}, 1), HasSubstr("layers is 0"));
  group.layers = {0};
  group.kv_heads = 0;
  EXPECT_THAT(detail({group}, 1), HasSubstr("kv_heads is 0"));
  group.kv_heads = 1;
  group.layout = {KvType::q8_0, 48};
  EXPECT_THAT(detail({group}, 1), HasSubstr("head_dim is 48, expected a multiple of 32"));
  group.layout = {KvType::f16, 0};
  EXPECT_THAT(detail({group}, 1), HasSubstr("head_dim is 0"));
  group.layout = {KvType::f16, 4096};
  EXPECT_THAT(detail({group}, 1), HasSubstr("head_dim is 4096"));
}

TEST(KvMemory, absurd_sizes_are_an_error_and_no_abort) {
  const KvGroup group{.layers = {0}, .kv_heads = 0xFFFFFFFF, .layout = {KvType::f16, 1024}, .window = 0};
  const KvRoom room{.context = 1U << 24U, .sequences = 4096, .batch = 1, .positions = 0};
  const auto cache = KvMemory::create(std::vector{group}, room);
  ASSERT_FALSE(cache);
  EXPECT_EQ(cache.error().code, Errc::full);
  const KvRoom more{.context = 0xFFFFFFFF, .sequences = 4096, .batch = 1, .positions = 0};
  EXPECT_EQ(kv_pages(group, more).error().code, Errc::bad_value);
}

TEST(KvMemory, layers_with_a_window_are_a_group_and_take_no_more_than_they_see) {
  ModelConfig config;
  config.layers.resize(6);
  each_attention(config, [](Attention& a) {
    a.kv_heads = 4;
    a.head_dim = 64;
  });
  set_windows(config, 512, {true, true, false, true, true, false});
  const auto groups = kv_groups(config, KvType::f16, 32'768);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].layers, (std::vector<std::uint32_t>{0, 1, 3, 4}));
  EXPECT_EQ(groups[0].window, 512U);
  EXPECT_EQ(groups[1].layers, (std::vector<std::uint32_t>{2, 5}));
  EXPECT_EQ(groups[1].window, 0U);
  const KvRoom room{.context = 32'768, .sequences = 2, .batch = 256, .positions = 0};
  EXPECT_EQ(kv_pages(groups[0], room).value(), 2U * (768 / 32 + 1));
  EXPECT_EQ(kv_pages(groups[1], room).value(), 2U * 1024);
  EXPECT_EQ(kv_groups(config, KvType::f16, 512).size(), 1U) << "a window that is never left is none";
  ModelConfig wider = config;
  std::get<Attention>(wider.layers[5].mixer).head_dim = 128;
  EXPECT_EQ(kv_groups(wider, KvType::f16, 32'768).size(), 3U);
  // And that much is enough for any batch, wherever in a page it begins.
  const auto cache = KvMemory::create(groups, room);
  ASSERT_TRUE(cache);
  KvMemory memory = std::move(*KvMemory::create(groups, room));
  for (std::uint32_t length = 0; length + 256 <= 32'768; length += 255) {
    ASSERT_TRUE(grow(memory, 0, 255)) << length;
    ASSERT_TRUE(grow(memory, 1, length == 0 ? 1 : 255)) << length;
  }
  EXPECT_LE(memory.table().counts(0).used, 2U * (768 / 32 + 1));
  EXPECT_EQ(memory.statistics().bytes_used, memory.table().counts(0).used * groups[0].page_bytes() +
                                                memory.table().counts(1).used * groups[1].page_bytes());
}

TEST(KvMemory, a_shared_last_page_is_copied_by_whoever_writes_first) {
  KvMemory cache = small(4, 3);
  ASSERT_TRUE(grow(cache, 0, 40));
  for (std::uint32_t p = 0; p < 40; ++p) store_stamp(cache, 0, p, 100 + p);
  ASSERT_TRUE(cache.share(0, 1, 35));
  EXPECT_EQ(cache.table().counts().used, 2U);
  EXPECT_EQ(cache.table().counts().shared, 2U);
  ASSERT_TRUE(grow(cache, 1, 1));
  store_stamp(cache, 1, 35, 999);
  EXPECT_EQ(load_stamp(cache, 0, 35, 1, 1), 135U);
  EXPECT_EQ(load_stamp(cache, 1, 35, 1, 1), 999U);
  EXPECT_EQ(load_stamp(cache, 1, 34, 0, 1), 134U);
  EXPECT_EQ(cache.table().pages(0)[0], cache.table().pages(1)[0]);
  EXPECT_NE(cache.table().pages(0)[1], cache.table().pages(1)[1]);
  EXPECT_EQ(cache.statistics().copies_on_write, 1U);
  ASSERT_TRUE(grow(cache, 0, 1));  // alone now: nothing to copy
  EXPECT_EQ(cache.statistics().copies_on_write, 1U);
  EXPECT_EQ(cache.statistics().bytes_used, 3 * small_group().page_bytes());
}

TEST(KvMemory, a_prefix_of_whole_pages_is_shared_without_a_copy) {
  KvMemory cache = small(4, 2);
  ASSERT_TRUE(grow(cache, 0, 64));
  ASSERT_TRUE(cache.share(0, 1, 64));
  ASSERT_TRUE(grow(cache, 1, 5));
  EXPECT_EQ(cache.statistics().copies_on_write, 0U);
  ASSERT_TRUE(cache.truncate(0, 0));
  EXPECT_EQ(cache.table().counts().used, 3U);
  ASSERT_TRUE(cache.truncate(1, 0));
  EXPECT_EQ(cache.table().pages_free(), 4U);
}

// A key or value that tells its stamp, in every block of 32 and in each block's scale, so that a part that was not copied
// shows. Kept exactly by both types: the greatest of a block is 127 times a small whole number.
std::vector<float> stamped(std::uint32_t stamp, std::uint32_t salt, std::uint32_t dim) {
  std::vector<float> out(dim);
  for (std::uint32_t d = 0; d < dim; ++d) {
    const std::uint32_t scale = 1 + (stamp + 3 * (d / 32) + salt) % 7;
    const std::uint32_t digits[] = {127, stamp % 100, stamp / 100 % 100, stamp / 10000 % 100,
                                    (stamp * 31 + d + salt) % 127};
    out[d] = static_cast<float>(scale * digits[std::min(d % 32, 4U)]);
  }
  return out;
}

// The cache against what it stands for: a list of stamps per sequence.
class Model {
 public:
  Model(std::uint64_t seed, kernel::KvLayout layout, Isa isa)
      : random_(seed),
        isa_(isa),
        cache_(std::move(*make({{.layers = {0, 1}, .kv_heads = 2, .layout = layout, .window = 0}},
                               static_cast<std::uint32_t>(2 + random_.below(12)), sequences))),
        lists_(sequences) {}

  std::uint64_t copies() const { return cache_.statistics().copies_on_write; }

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
      const auto held = cache_.table().check_invariants();
      ASSERT_TRUE(held) << to_string(held.error());
      compare();
    }
  }

 private:
  static constexpr std::uint32_t sequences = 5;

  std::uint32_t any() { return static_cast<std::uint32_t>(random_.below(sequences)); }

  void append() {
    std::vector<PageTable::Growth> growth;
    for (std::uint64_t n = 1 + random_.below(3); n > 0; --n) {
      growth.push_back({any(), static_cast<std::uint32_t>(random_.below(random_.below(4) == 0 ? 100 : 8))});
    }
    const std::int64_t needed = cache_.table().pages_needed(growth);
    const std::uint32_t free_before = cache_.table().pages_free();
    const auto done = cache_.append(growth);
    ASSERT_EQ(done.has_value(), needed <= free_before);
    if (!done) {
      ASSERT_EQ(done.error().code, Errc::full);
      ASSERT_EQ(cache_.table().pages_free(), free_before);
      return;
    }
    ASSERT_EQ(cache_.table().pages_free(), free_before - needed);
    for (const auto& [sequence, positions] : growth) {
      for (std::uint32_t i = 0; i < positions; ++i) {
        lists_[sequence].push_back(++stamp_);
        store(sequence, static_cast<std::uint32_t>(lists_[sequence].size() - 1));
      }
    }
  }

  void store(std::uint32_t sequence, std::uint32_t position) {
    const std::uint32_t dim = cache_.groups()[0].layout.head_dim;
    for (std::uint32_t layer = 0; layer < 2; ++layer) {
      for (std::uint32_t head = 0; head < 2; ++head) {
        cache_.store(isa_, sequence, position, layer, head, stamped(stamp_, 2 * layer + head, dim),
                     stamped(stamp_, 4 + 2 * layer + head, dim));
      }
    }
  }

  void share() {
    const std::uint32_t from = any();
    const std::uint32_t to = any();
    const auto upto = static_cast<std::uint32_t>(random_.below(lists_[from].size() + 2));
    const std::uint32_t free_before = cache_.table().pages_free();
    const bool allowed = from != to && lists_[to].empty() && upto <= lists_[from].size();
    ASSERT_EQ(cache_.share(from, to, upto).has_value(), allowed);
    ASSERT_EQ(cache_.table().pages_free(), free_before);
    if (allowed) lists_[to].assign(lists_[from].begin(), lists_[from].begin() + upto);
  }

  void truncate() {
    const std::uint32_t sequence = any();
    const std::uint64_t length = random_.below(3) == 0 ? 0 : random_.below(lists_[sequence].size() + 3);
    ASSERT_TRUE(cache_.truncate(sequence, static_cast<std::uint32_t>(length)));
    if (length < lists_[sequence].size()) lists_[sequence].resize(length);
  }

  void compare() {
    for (std::uint32_t sequence = 0; sequence < sequences; ++sequence) {
      const auto& list = lists_[sequence];
      ASSERT_EQ(cache_.table().lengths()[sequence], list.size());
      for (std::uint64_t n = list.empty() ? 0 : 6; n > 0; --n) {  // some inner ones and the last
        const auto position = static_cast<std::uint32_t>(n == 1 ? list.size() - 1 : random_.below(list.size()));
        const auto layer = static_cast<std::uint32_t>(random_.below(2));
        const auto head = static_cast<std::uint32_t>(random_.below(2));
        const auto view = cache_.view(sequence, layer, head);
        kernel::kv_load(view.layout, view.plane(position / 32), position % 32, key_, value_);
        ASSERT_EQ(key_, stamped(list[position], 2 * layer + head, view.layout.head_dim)) << sequence << " " << position;
        ASSERT_EQ(value_, stamped(list[position], 4 + 2 * layer + head, view.layout.head_dim))
            << sequence << " " << position;
      }
    }
  }

  Random random_;
  const Isa isa_;
  KvMemory cache_;
  std::vector<float> key_ = std::vector<float>(cache_.groups()[0].layout.head_dim);
  std::vector<float> value_ = std::vector<float>(cache_.groups()[0].layout.head_dim);
  std::vector<std::vector<std::uint32_t>> lists_;
  std::uint32_t stamp_ = 0;
};

TEST(KvMemory, behaves_as_a_list_of_stamps_over_hundreds_of_seeds) {
  struct Kind {
    kernel::KvLayout layout;
    Isa isa;
    std::uint64_t seeds;
  };
  for (const Kind& kind :
       {Kind{{KvType::f16, 32}, Isa::portable, 300}, Kind{{KvType::q8_0, 32}, Isa::portable, 300},
        Kind{{KvType::q8_0, 96}, kernel::best_isa(), 100}, Kind{{KvType::f16, 80}, kernel::best_isa(), 100},
        Kind{{KvType::q8_0, 256}, kernel::best_isa(), 30}}) {
    SCOPED_TRACE(std::string(name(kind.layout.type)) + " " + std::to_string(kind.layout.head_dim));
    std::uint64_t copies = 0;
    for (std::uint64_t seed = 0; seed < kind.seeds; ++seed) {
      SCOPED_TRACE(seed);
      Model model(seed, kind.layout, kind.isa);
      model.run(60);
      if (HasFailure()) return;
      copies += model.copies();
    }
    EXPECT_GT(copies, kind.seeds / 4) << "pages copied on write";
  }
}

TEST(KvMemoryDeathTest, storing_to_a_shared_page_is_our_own_bug) {
  KvMemory cache = small(4, 2);
  ASSERT_TRUE(grow(cache, 0, 10));
  ASSERT_TRUE(cache.share(0, 1, 10));
  EXPECT_DEATH(store_stamp(cache, 1, 3, 1), "references");
}

}  // namespace
}  // namespace assay::direct
