#include "adapter/installed/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapter/installed/test_folder.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* sha256_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-4

Manifest example() {
  Manifest out;
  out.name = "llama.cpp";
  out.version = "0.3.36";
  out.source = "pypi llama-cpp-python==0.3.36";
  out.source_sha256 = sha256_of_abc;
  out.commit = "0c1e57098";
  out.flags = {"-DGGML_NATIVE=ON"};
  out.way = "clang 19.1.7";
  out.refused = {{"GCC 12.2.0", "a prompt of 72 tokens: ended with signal 4"}};
  out.proof = "22 models on cpu";
  out.devices = {"cpu"};
  out.loads = {"gguf"};
  out.worker = "bin/assay-worker-llama";
  out.worker_build = "0.1.0 0123456789ab";
  out.files = {{"bin/assay-worker-llama", sha256_of_abc}, {"lib/libllama.so", sha256_of_abc}};
  out.installed_unix_s = 1'700'000'000;
  return out;
}

// The engine of `manifest` as a folder, every file with "abc" in it.
void put(const fs::path& engines, const Manifest& manifest) {
  const fs::path folder = engines / manifest.name / manifest.version;
  for (const InstalledFile& file : manifest.files) spill(folder / file.path, "abc");
  spill(folder / manifest_name, to_json(manifest).dump());
}

Result<Manifest> with(const char* key, Json value) {
  Json json = to_json(example());
  json[key] = std::move(value);
  return manifest_from_json(json);
}

TEST(Manifest, IsReadAsItWasWritten) {
  const auto again = manifest_from_json(to_json(example()));
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(to_json(*again), to_json(example()));
  EXPECT_EQ(again->files.size(), 2U);
}

TEST(Manifest, EveryKeyMustBeThere) {
  const Json whole = to_json(example());
  for (const auto& [key, value] : whole.items()) {
    Json json = whole;
    json.erase(key);
    const auto read = manifest_from_json(json);
    ASSERT_FALSE(read) << key;
    EXPECT_THAT(read.error().detail, HasSubstr("\"" + key + "\""));
  }
}

TEST(Manifest, EveryKeyHasItsType) {
  const Json whole = to_json(example());
  for (const auto& [key, value] : whole.items()) {
    for (const Json& other : {Json(nullptr), Json(-1), Json(Json::object())}) {
      Json json = whole;
      json[key] = other;
      const auto read = manifest_from_json(json);
      ASSERT_FALSE(read) << key << " " << other;
      EXPECT_THAT(read.error().detail, HasSubstr("\"" + key + "\""));
    }
  }
}

TEST(Manifest, UnknownKeysAreRefused) {
  const auto read = with("colour", "red");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().detail, HasSubstr("colour"));
  const auto file = with("files", {{{"path", "bin/assay-worker-llama"}, {"sha256", sha256_of_abc}, {"mode", 7}}});
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().detail, HasSubstr("mode"));
}

TEST(Manifest, AnotherFormatIsUnsupported) {
  const auto read = with("format", 3);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::unsupported);
}

TEST(Manifest, FormatOneIsReadAndProvesNothing) {
  Json json = to_json(example());
  json["format"] = 1;
  EXPECT_FALSE(manifest_from_json(json)) << "it has keys that format 1 does not know";
  for (const char* key : {"way", "refused", "proof"}) json.erase(key);
  const auto read = manifest_from_json(json);
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(read->proof, "");
  EXPECT_EQ(how_built(*read), "");
}

TEST(Manifest, WhatWasRefusedIsSaidBesideWhatWasTaken) {
  EXPECT_EQ(how_built(example()), "clang 19.1.7, since GCC 12.2.0: a prompt of 72 tokens: ended with signal 4");
  EXPECT_FALSE(with("refused", {"GCC"}));
  EXPECT_FALSE(with("refused", {{{"way", "GCC"}}}));
  EXPECT_FALSE(with("refused", {{{"way", "GCC"}, {"why", "x"}, {"when", "y"}}}));
}

TEST(Manifest, NothingOutsideItsFolderIsNamed) {
  for (const char* path : {"", "/bin/sh", "../sh", "bin/../../sh"}) {
    EXPECT_FALSE(with("worker", path)) << path;
    EXPECT_FALSE(with("files", {{{"path", path}, {"sha256", sha256_of_abc}}})) << path;
  }
  for (const char* name : {"", ".", "..", "a/b", ".hidden"}) {
    EXPECT_FALSE(with("name", name)) << name;
    EXPECT_FALSE(with("version", name)) << name;
  }
}

TEST(Manifest, HashesAreHashes) {
  EXPECT_FALSE(with("source_sha256", "abc"));
  EXPECT_TRUE(with("source_sha256", "")) << "Homebrew's build has none";
  EXPECT_FALSE(with("files", {{{"path", "bin/assay-worker-llama"}, {"sha256", std::string(64, 'A')}}}));
}

TEST(Manifest, TheWorkerIsAmongTheHashedFiles) {
  const auto read = with("files", {{{"path", "lib/libllama.so"}, {"sha256", sha256_of_abc}}});
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().detail, HasSubstr("worker"));
}

TEST(Version, IsNewerByNumbers) {
  EXPECT_TRUE(is_newer("0.3.36", "0.3.9"));
  EXPECT_FALSE(is_newer("0.3.9", "0.3.36"));
  EXPECT_TRUE(is_newer("1.0", "0.99.99"));
  EXPECT_TRUE(is_newer("1.0+cuda", "1.0"));
  EXPECT_TRUE(is_newer("1.0.1", "1.0"));
  EXPECT_FALSE(is_newer("1.0", "1.0"));
  EXPECT_FALSE(is_newer("1.007", "1.7"));
  EXPECT_FALSE(is_newer("1.7", "1.007"));
}

TEST(Installed, NoFolderIsNoEngines) {
  const Installed found = installed_engines("/nowhere/engines");
  EXPECT_THAT(found.engines, IsEmpty());
  EXPECT_THAT(found.complaints, IsEmpty());
}

TEST(Installed, EnginesByNameAndNewestFirst) {
  const TestFolder folder;
  for (const char* version : {"0.3.9", "0.3.36", "0.3.36+cuda"}) {
    Manifest one = example();
    one.version = version;
    put(folder.path(), one);
  }
  Manifest other = example();
  other.name = "a";
  put(folder.path(), other);
  const Installed found = installed_engines(folder.path().string());
  EXPECT_THAT(found.complaints, IsEmpty());
  std::vector<std::string> names;
  names.reserve(found.engines.size());
  for (const Manifest& one : found.engines) names.push_back(one.name + "@" + one.version);
  EXPECT_THAT(names, ElementsAre("a@0.3.36", "llama.cpp@0.3.36+cuda", "llama.cpp@0.3.36", "llama.cpp@0.3.9"));
  EXPECT_EQ(found.engines[0].folder, (folder.path() / "a" / "0.3.36").string());
}

TEST(Installed, WhatDoesNotReadIsAComplaintAndTheOthersAreListed) {
  const TestFolder folder;
  put(folder.path(), example());
  spill(folder.path() / "mlx" / "1" / "lib" / "libmlx.so", "abc");                        // no manifest
  spill(folder.path() / "mlx" / "2" / "manifest.json", "{");                              // no JSON
  spill(folder.path() / "mlx" / "3" / "manifest.json", to_json(example()).dump());        // of another engine
  spill(folder.path() / "mlx" / "4" / "manifest.json", R"({"format": 1, "format": 1})");  // a key twice
  spill(folder.path() / "mlx" / ".installing-5-77" / "tree" / "manifest.json", "{}");     // under way
  spill(folder.path() / "mlx" / "6.failed.log", "");                                      // no engine
  const Installed found = installed_engines(folder.path().string());
  ASSERT_EQ(found.engines.size(), 1U);
  EXPECT_THAT(found.complaints,
              UnorderedElementsAre(HasSubstr("mlx/4/manifest.json"), HasSubstr("mlx/2/manifest.json"),
                                   HasSubstr("mlx/3/manifest.json"), HasSubstr("mlx/1/manifest.json")));
}

TEST(Verify, PassesWhatIsWhole) {
  const TestFolder folder;
  put(folder.path(), example());
  const Installed found = installed_engines(folder.path().string());
  const auto whole = verify(found.engines.at(0));
  EXPECT_TRUE(whole) << to_string(whole.error());
}

TEST(Verify, NamesTheFileThatDiffersAndTheOneThatIsMissing) {
  const TestFolder folder;
  put(folder.path(), example());
  const Manifest manifest = installed_engines(folder.path().string()).engines.at(0);
  const fs::path library = fs::path(manifest.folder) / "lib" / "libllama.so";
  spill(library, "abd");
  auto whole = verify(manifest);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Errc::bad_value);
  EXPECT_THAT(whole.error().detail, HasSubstr(library.string()));
  EXPECT_THAT(whole.error().detail, HasSubstr(sha256_of_abc));
  fs::remove(library);
  whole = verify(manifest);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code, Errc::bad_value);
  EXPECT_THAT(whole.error().detail, HasSubstr("missing"));
}

}  // namespace
}  // namespace assay::adapter
