#include "artifact/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): SIGKILL and kill are POSIX
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>

#include "artifact/check.h"
#include "artifact/manifest.h"
#include "artifact/synth.h"
#include "base/json.h"
#include "model/tiny_model.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void spill(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
  std::ranges::sort(out);
  return out;
}

// Runs `work` in `count` processes that begin together; gives their exit codes, -1 for one that a signal ended.
std::vector<int> at_once(int count, const std::function<int(int)>& work) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      char none = 0;
      ::close(ends[1]);
      [[maybe_unused]] const auto begun = ::read(ends[0], &none, 1);  // until all are there
      ::_exit(work(i));
    }
    children.push_back(child);
  }
  ::close(ends[0]);
  ::close(ends[1]);
  std::vector<int> endings;
  for (const pid_t child : children) {
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    endings.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
  return endings;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest()
      : folder_(fs::path(::testing::TempDir()) / ("store_" + std::to_string(::getpid()))), store_(folder_ / "models") {
    fs::create_directories(folder_);
  }
  ~StoreTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string model(const std::string& name, std::uint64_t seed = 1) const {
    ModelConfig config = model::tiny_config(Architecture::qwen3);
    config.vocab = 320;
    device::ThreadPool pool(1);
    const auto made = synthesize({.config = config, .type = DType::q4_0, .seed = seed}, path(name), pool);
    EXPECT_TRUE(made) << to_string(made.error());
    return path(name);
  }
  std::string refusal(const ImportOptions& options) const {
    const auto done = store_.import(options);
    return done ? "no refusal" : done.error().detail;
  }
  // Changes a byte in the middle, where the weights are.
  static void damage(const std::string& file) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(fs::file_size(file) / 2));
    stream.put('\x55').put('\x56').put('\x57');
  }
  // A folder as converters leave it: config, tokenizer and weights.
  std::string hf_folder() const {
    const fs::path from = fs::path(ASSAY_SOURCE_DIR) / "tests/golden/models/qwen2-bias";
    const fs::path to = folder_ / "hf";
    fs::create_directories(to);
    for (const char* name : {"config.json", "model.safetensors"}) fs::copy_file(from / name, to / name);
    spill(to / "tokenizer.json", "{}");
    return to.string();
  }

  fs::path folder_;
  Store store_;
};

TEST_F(StoreTest, an_import_is_a_hard_link_with_a_manifest) {
  const std::string from = model("tiny.gguf");
  const auto made = store_.import({.path = from, .now_unix_s = 1'700'000'000});
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_EQ(made->name, "tiny");
  EXPECT_EQ(made->kept, Kept::link);
  EXPECT_TRUE(fs::equivalent(made->path, from));
  EXPECT_EQ(made->architecture, "qwen3");
  EXPECT_EQ(made->quant, "q4_0");
  EXPECT_EQ(made->sha256, hash_files({&from, 1}).value());
  EXPECT_EQ(made->imported_unix_s, 1'700'000'000);
  ASSERT_TRUE(Checkpoint::open(made->path));
  const auto list = store_.list();
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(write_manifest(list->front()), write_manifest(*made));
}

TEST_F(StoreTest, the_same_weights_or_name_twice_are_refused) {
  const std::string from = model("tiny.gguf");
  ASSERT_TRUE(store_.import({.path = from}));
  EXPECT_THAT(refusal({.path = from, .name = "other"}), HasSubstr("the same weights are there already as \"tiny\""));
  EXPECT_THAT(refusal({.path = model("b.gguf", 2), .name = "tiny"}),
              HasSubstr("a model named \"tiny\" is there already"));
}

TEST_F(StoreTest, a_name_is_made_of_whatever_the_path_has) {
  for (const auto& [path, name] :
       std::vector<std::pair<std::string, std::string>>{{"/x/mein Modell \u00FC.gguf", "mein-Modell-u"},
                                                        {"/x/caf\u00E9 (2).gguf", "cafe-2"},
                                                        {"/x/.hidden.gguf", "hidden"},
                                                        {"/x/a  --  b/", "a-b"},
                                                        {"/x/\u4E2D\u6587.gguf", ""},
                                                        {"/x/qwen3-4b-00001-of-00002.gguf", "qwen3-4b"},
                                                        {"/x/bad\xFF"
                                                         "byte.gguf",
                                                         "bad-byte"}})
    EXPECT_EQ(name_from_path(path), name) << path;
  const std::string from = model("mein Modell \u00FC.gguf");
  ASSERT_TRUE(store_.import({.path = from}));
  EXPECT_TRUE(store_.find("mein-Modell-u"));
  EXPECT_THAT(refusal({.path = model("\u4E2D\u6587.gguf", 2)}),
              HasSubstr("no name can be made of it, expected one: --name"));
}

TEST_F(StoreTest, a_file_that_was_written_to_is_told_before_a_run) {
  const std::string from = model("tiny.gguf");
  const auto made = store_.import({.path = from});
  ASSERT_TRUE(made);
  EXPECT_TRUE(check_unchanged(*made));
  const auto time = fs::last_write_time(from);
  damage(from);  // the same bytes on the disk as the link's
  fs::last_write_time(from, time + std::chrono::seconds(1));
  EXPECT_THAT(
      to_string(check_unchanged(*store_.find("tiny")).error()),
      HasSubstr("model \"tiny\": " + made->path + " was written to since it was imported: 'assay models verify tiny'"));
  ASSERT_EQ(check_files(*made)->size(), 1U);
  const auto accepted = store_.accept("tiny", 1'800'000'000);
  ASSERT_TRUE(accepted) << to_string(accepted.error());
  EXPECT_NE(accepted->sha256, made->sha256);
  EXPECT_EQ(accepted->imported_unix_s, 1'800'000'000);
  EXPECT_TRUE(check_unchanged(*store_.find("tiny")));
  EXPECT_THAT(check_files(*store_.find("tiny")).value(), IsEmpty());
}

TEST_F(StoreTest, a_file_of_another_size_or_none_is_told_before_a_run) {
  const std::string from = model("tiny.gguf");
  const auto made = store_.import({.path = from, .as = Kept::reference});
  ASSERT_TRUE(made);
  std::ofstream(from, std::ios::app) << "more";
  EXPECT_THAT(to_string(check_unchanged(*made).error()), HasSubstr("bytes, had "));
  fs::remove(from);
  const auto gone = check_unchanged(*made);
  EXPECT_EQ(gone.error().code, Errc::not_found);
  EXPECT_THAT(gone.error().detail, HasSubstr("is gone: 'assay models remove tiny' forgets the model"));
}

TEST_F(StoreTest, a_manifest_without_times_is_compared_by_size) {
  const std::string from = model("tiny.gguf");
  auto made = store_.import({.path = from});
  ASSERT_TRUE(made);
  for (StoredFile& file : made->files) file.modified_ns = 0;
  fs::last_write_time(from, fs::last_write_time(from) + std::chrono::hours(1));
  EXPECT_TRUE(check_unchanged(*made));
  Json old = parse_json(write_manifest(*made), "manifest").value();
  for (Json& file : old["files"]) file.erase("modified_ns");
  EXPECT_TRUE(read_manifest(old.dump(), "old"));
}

TEST_F(StoreTest, weights_with_another_hash_than_their_name_says_are_refused) {
  EXPECT_THAT(refusal({.path = model("tiny.gguf"), .sha256 = std::string(64, '0')}),
              HasSubstr("as its name says: the file was changed or cut"));
  EXPECT_THAT(store_.list().value(), IsEmpty());
}

TEST_F(StoreTest, names_that_leave_the_folder_are_refused) {
  const std::string from = model("tiny.gguf");
  for (const char* name : {"../x", "a/b", ".hidden", "two words"})
    EXPECT_THAT(refusal({.path = from, .name = name}), HasSubstr("expected letters, digits")) << name;
}

TEST_F(StoreTest, what_is_no_model_is_refused_before_anything_is_made) {
  spill(path("picture.png"), "\x89PNG\r\n\x1a\n0000000000000000000000000000");
  EXPECT_THAT(refusal({.path = path("picture.png")}), HasSubstr("picture.png"));
  EXPECT_THAT(refusal({.path = path("none.gguf")}), HasSubstr("none.gguf"));
  EXPECT_FALSE(fs::exists(store_.folder()));
}

TEST_F(StoreTest, a_reference_is_forgotten_and_the_file_stays) {
  const std::string from = model("tiny.gguf");
  const auto made = store_.import({.path = from, .as = Kept::reference});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->path, from);
  EXPECT_EQ(fs::hard_link_count(from), 1U);
  EXPECT_EQ(store_.remove("tiny").value(), 0U);
  EXPECT_TRUE(Checkpoint::open(from));
  EXPECT_THAT(store_.list().value(), IsEmpty());
}

TEST_F(StoreTest, removing_a_link_frees_nothing_while_the_file_has_another_name) {
  const std::string from = model("tiny.gguf");
  const std::uint64_t bytes = fs::file_size(from);
  ASSERT_TRUE(store_.import({.path = from}));
  EXPECT_EQ(store_.remove("tiny").value(), 0U);
  EXPECT_TRUE(fs::exists(from));
  ASSERT_TRUE(store_.import({.path = from}));
  fs::remove(from);
  EXPECT_EQ(store_.remove("tiny").value(), bytes);
  EXPECT_THAT(store_.remove("tiny").error().detail, HasSubstr("no model named \"tiny\""));
}

TEST_F(StoreTest, a_copy_is_a_file_of_its_own) {
  const std::string from = model("tiny.gguf");
  const auto made = store_.import({.path = from, .as = Kept::copy});
  ASSERT_TRUE(made);
  EXPECT_FALSE(fs::equivalent(made->path, from));
  EXPECT_TRUE(slurp(made->path) == slurp(from));
}

TEST_F(StoreTest, a_folder_brings_its_texts_and_opens_from_the_store) {
  const auto made = store_.import({.path = hf_folder() + "/", .name = "folder"});
  ASSERT_TRUE(made) << to_string(made.error());
  EXPECT_EQ(made->architecture, "qwen2");
  ASSERT_EQ(made->files.size(), 3U);
  EXPECT_EQ(made->files[0].file_name, "model.safetensors");
  fs::remove_all(folder_ / "hf");
  const auto opened = Checkpoint::open(made->path);
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_EQ(opened->folder_text("tokenizer.json").value(), "{}");
  EXPECT_THAT(check_files(*made).value(), IsEmpty());
  spill(fs::path(made->path) / "tokenizer.json", "{ }");
  EXPECT_THAT(check_files(*made).value(), ElementsAre(HasSubstr("tokenizer.json: has 3 bytes, had 2")));
}

TEST_F(StoreTest, a_changed_byte_is_found) {
  const std::string from = model("tiny.gguf");
  const auto made = store_.import({.path = from});
  ASSERT_TRUE(made);
  EXPECT_THAT(check_files(*made).value(), IsEmpty());
  damage(from);
  EXPECT_THAT(check_files(*made).value(), ElementsAre(HasSubstr("SHA-256 is")));
  fs::remove(made->path);
  EXPECT_THAT(check_files(*made).value(), ElementsAre(HasSubstr("No such file")));
}

TEST_F(StoreTest, what_a_crash_left_is_neither_listed_nor_in_the_way) {
  for (const char* name : {".installing-tiny-4711", ".removing-other-4711"}) {
    fs::create_directories(store_.folder() / name);
    spill(store_.folder() / name / "tiny.gguf", "half");
  }
  EXPECT_THAT(store_.list().value(), IsEmpty());
  ASSERT_TRUE(store_.import({.path = model("tiny.gguf")}));
  EXPECT_THAT(names_in(store_.folder()), ElementsAre("tiny"));
}

TEST_F(StoreTest, a_refused_import_leaves_nothing) {
  ASSERT_TRUE(store_.import({.path = model("tiny.gguf")}));
  EXPECT_THAT(refusal({.path = path("tiny.gguf"), .name = "other"}), HasSubstr("the same weights"));
  EXPECT_THAT(names_in(store_.folder()), ElementsAre("tiny"));
}

// Processes, not threads: each has a lock, a process id and a crash of its own.
TEST_F(StoreTest, of_many_imports_of_one_name_at_once_one_is_whole_and_the_others_are_told) {
  const std::string from = model("tiny.gguf");
  constexpr int count = 6;
  for (int round = 0; round < 20; ++round) {
    const auto endings = at_once(count, [&](int i) {
      const auto made = store_.import({.path = from, .name = "one"});
      if (made) return 0;
      const std::string& why = made.error().detail;
      return why.contains("is there already") || why.contains("another process") ? 1 : 2 + i;
    });
    EXPECT_EQ(std::ranges::count(endings, 0), 1) << "round " << round;
    EXPECT_EQ(std::ranges::count(endings, 1), count - 1) << "round " << round;
    EXPECT_THAT(names_in(store_.folder()), ElementsAre("one"));
    const auto found = store_.find("one");
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_THAT(check_files(*found).value(), IsEmpty());
    ASSERT_TRUE(store_.remove("one"));
  }
}

TEST_F(StoreTest, of_many_imports_of_the_same_weights_under_other_names_one_is_kept) {
  const std::string from = model("tiny.gguf");
  for (int round = 0; round < 20; ++round) {
    const auto endings = at_once(4, [&](int i) {
      const auto made = store_.import({.path = from, .name = "name" + std::to_string(i)});
      return made ? 0 : made.error().detail.contains("the same weights") ? 1 : 2;
    });
    EXPECT_EQ(std::ranges::count(endings, 0), 1) << "round " << round;
    EXPECT_EQ(std::ranges::count(endings, 1), 3) << "round " << round;
    const auto left = store_.list();
    ASSERT_TRUE(left);
    ASSERT_EQ(left->size(), 1U);
    ASSERT_TRUE(store_.remove(left->front().name));
  }
}

TEST_F(StoreTest, lists_and_removals_at_once_never_show_half_a_model) {
  const std::string from = model("tiny.gguf");
  ASSERT_TRUE(store_.import({.path = model("other.gguf", 2)}));
  const auto endings = at_once(4, [&](int i) {
    for (int round = 0; round < 60; ++round) {
      if (i % 2 == 0) {
        const auto made = store_.import({.path = from, .name = "one"});
        const auto removed = made ? store_.remove("one") : Result<std::uint64_t>(0);
        if (!removed && removed.error().code != Errc::full && removed.error().code != Errc::not_found) return 2;
      } else {
        const auto list = store_.list();
        if (!list || list->empty() || list->size() > 2) return 3;
        for (const StoredModel& model : *list) {
          if (model.files.size() != 1) return 4;
        }
      }
    }
    return 0;
  });
  EXPECT_THAT(endings, ElementsAre(0, 0, 0, 0));
}

TEST_F(StoreTest, one_that_is_killed_while_it_imports_is_cleared_away_by_the_next) {
  const std::string from = model("tiny.gguf");
  const pid_t child = ::fork();
  if (child == 0) {
    [[maybe_unused]] const auto never = store_.import({.path = from}, [](std::uint64_t) {
      ::kill(::getpid(), SIGKILL);
      return true;
    });
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_THAT(store_.list().value(), IsEmpty());
  ASSERT_TRUE(store_.import({.path = from}));
  EXPECT_THAT(names_in(store_.folder()), ElementsAre("tiny"));
}

TEST_F(StoreTest, a_broken_manifest_is_named) {
  ASSERT_TRUE(store_.import({.path = model("tiny.gguf")}));
  const fs::path manifest = store_.folder() / "tiny" / manifest_name;
  const std::string good = slurp(manifest);
  for (const auto& [text, words] :
       {std::pair<std::string, const char*>("{", "assay.manifest.json"),
        {"[]", "\"version\": is missing"},
        {"{\"version\": 9}", "version 9, expected 1"},
        {good.substr(0, good.find("\"files\"")) + "\"files\": []}", "expected a list of files"}}) {
    spill(manifest, text);
    const auto list = store_.list();
    ASSERT_FALSE(list) << text;
    EXPECT_THAT(list.error().detail, HasSubstr(words));
  }
  std::string leaves = good;
  leaves.replace(leaves.find("\"tiny.gguf\"", leaves.find("\"files\"")), 11, "\"../../x\"");
  spill(manifest, leaves);
  EXPECT_THAT(store_.find("tiny").error().detail, HasSubstr("expected a name without folder"));
}

TEST(StoreNames, come_from_the_path) {
  EXPECT_EQ(name_from_path("/x/Qwen3-4B-Q4_0.gguf"), "Qwen3-4B-Q4_0");
  EXPECT_EQ(name_from_path("/x/big-00002-of-00003.gguf"), "big");
  EXPECT_EQ(name_from_path("/x/mlx-folder/"), "mlx-folder");
  EXPECT_EQ(name_from_path("/x/mlx-folder"), "mlx-folder");
}

TEST_F(StoreTest, values_that_are_no_numbers_are_named_with_tensor_and_row) {
  const std::string file = model("tiny.gguf");
  device::ThreadPool pool(2);
  std::uint64_t at = 0;
  {
    const auto checkpoint = Checkpoint::open(file);
    ASSERT_TRUE(checkpoint);
    EXPECT_THAT(check_values(*checkpoint, pool).value(), IsEmpty());
    for (const CheckpointTensor& tensor : checkpoint->tensors()) {
      if (tensor.name == "blk.1.ffn_up.weight") at = tensor.at + 3 * row_bytes(DType::q4_0, 256);
    }
  }
  std::fstream(file, std::ios::binary | std::ios::in | std::ios::out)
      .seekp(static_cast<std::streamoff>(at))
      .write("\x00\x7e", 2);
  const auto checkpoint = Checkpoint::open(file);
  EXPECT_THAT(check_values(*checkpoint, pool).value(), ElementsAre(HasSubstr("tensor blk.1.ffn_up.weight: row 3 has")));
}

TEST_F(StoreTest, equal_files_are_found_and_made_one) {
  const std::string a = model("a.gguf");
  fs::create_directories(folder_ / "deep/er");
  fs::copy_file(a, path("deep/er/b.gguf"));
  fs::create_hard_link(a, path("link.gguf"));
  fs::create_symlink(a, path("symbolic.gguf"));
  model("other.gguf", 2);  // the same size, other bytes
  const auto files = weight_files(folder_.string());
  ASSERT_TRUE(files);
  EXPECT_EQ(files->size(), 4U);
  const auto found = find_duplicates(*files);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_THAT(found->front().paths, ElementsAre(a, path("deep/er/b.gguf")));
  Duplicate earlier = found->front();
  ++earlier.modified_ns[1];
  EXPECT_THAT(make_links(earlier).value(), ElementsAre(path("deep/er/b.gguf"))) << "written to since it was read";
  EXPECT_FALSE(fs::equivalent(a, path("deep/er/b.gguf")));
  earlier = found->front();
  ++earlier.modified_ns[0];
  EXPECT_THAT(to_string(make_links(earlier).error()), HasSubstr("a.gguf: was written to since it was read"));
  EXPECT_FALSE(fs::equivalent(a, path("deep/er/b.gguf")));
  EXPECT_THAT(make_links(found->front()).value(), IsEmpty());
  EXPECT_TRUE(fs::equivalent(a, path("deep/er/b.gguf")));
  EXPECT_THAT(find_duplicates(*files).value(), IsEmpty());
}

}  // namespace
}  // namespace assay::artifact
