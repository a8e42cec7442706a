#include "artifact/elsewhere.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string digest(64, 'a');

class ElsewhereTest : public testing::Test {
 protected:
  ElsewhereTest() : root_(fs::path(testing::TempDir()) / ("elsewhere_" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
    write("ollama/manifests/registry.ollama.ai/library/qwen3/0.6b", manifest("application/vnd.ollama.image.model"));
    write("ollama/manifests/registry.ollama.ai/library/qwen3/latest", manifest("application/vnd.ollama.image.model"));
    write("ollama/manifests/registry.ollama.ai/me/mine/v1", manifest("application/vnd.ollama.image.adapter"));
    write("ollama/manifests/hf.co/owner/repo/Q4_0", manifest("application/vnd.ollama.image.model"));
    write("ollama/blobs/sha256-" + digest, "GGUF");
    const std::string repo = "hub/models--Qwen--Qwen3-0.6B/";
    write(repo + "refs/main", "0123abcd\n");
    write(repo + "blobs/one", "{}");
    write(repo + "blobs/two", "weights");
    fs::create_directories(root_ / (repo + "snapshots/0123abcd"));
    fs::create_directories(root_ / (repo + "snapshots/ffff"));
    fs::create_symlink("../../blobs/one", root_ / (repo + "snapshots/0123abcd/config.json"));
    fs::create_symlink("../../blobs/two", root_ / (repo + "snapshots/0123abcd/model.safetensors"));
    for (const char* file :
         {"a-Q4_0.gguf", "b-Q8_0-00001-of-00002.gguf", "b-Q8_0-00002-of-00002.gguf", "mmproj-f16.gguf"})
      write("hub/models--owner--many/snapshots/1/" + std::string(file), "GGUF");
    write("lm/publisher/one/only-Q4_0.gguf", "GGUF");
  }
  ~ElsewhereTest() override { fs::remove_all(root_); }

  static std::string manifest(const std::string& type) {
    return R"({"schemaVersion": 2, "layers": [{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:0"},
        {"mediaType": ")" +
           type + R"(", "digest": "sha256:)" + digest + R"("}]})";
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string at(const std::string& path) const { return (root_ / path).string(); }
  Result<FoundModel> find(const std::string& given) const {
    return find_elsewhere(given, {.ollama = {root_ / "none", root_ / "ollama"}, .hugging_face = {root_ / "hub"}});
  }
  std::string error(const std::string& given) const {
    const auto found = find(given);
    return found ? "found " + found->path : to_string(found.error());
  }

  fs::path root_;
};

TEST_F(ElsewhereTest, ollamas_models_are_found_by_name_and_by_manifest) {
  for (const auto& [given, name] : std::vector<std::pair<std::string, std::string>>{
           {"ollama:qwen3:0.6b", "qwen3-0.6b"},
           {"ollama:qwen3", "qwen3"},
           {"ollama:hf.co/owner/repo:Q4_0", "repo-Q4_0"},
           {at("ollama/manifests/registry.ollama.ai/library/qwen3/0.6b"), "qwen3-0.6b"}}) {
    const auto found = find(given);
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_EQ(found->path, at("ollama/blobs/sha256-" + digest)) << given;
    EXPECT_EQ(found->name, name);
    EXPECT_EQ(found->sha256, digest);
  }
}

TEST_F(ElsewhereTest, an_unknown_name_of_ollama_lists_what_is_there) {
  const std::string there = "there are hf.co/owner/repo:Q4_0, me/mine:v1, qwen3:0.6b, qwen3:latest";
  for (const char* name : {"ollama:llama3", "ollama:qwen3:4b", "ollama:", "ollama:../../x:y", "ollama:/etc:passwd"})
    EXPECT_THAT(error(name), HasSubstr(there)) << name;
  EXPECT_THAT(error("ollama:me/mine:v1"), HasSubstr("image.adapter is not done"));
  fs::remove(at("ollama/blobs/sha256-" + digest));
  EXPECT_THAT(error("ollama:qwen3"), HasSubstr("names it as its model"));
  EXPECT_THAT(to_string(find_elsewhere("ollama:x", {.ollama = {root_ / "none"}, .hugging_face = {}}).error()),
              HasSubstr("Ollama's store: looked in " + at("none")));
}

TEST_F(ElsewhereTest, a_manifest_that_is_none_is_refused_by_path) {
  const std::string path = "ollama/manifests/registry.ollama.ai/library/odd/latest";
  for (const char* text :
       {"[]", "{}", R"({"layers": []})", R"({"layers": [1, "x", {"mediaType": 3}]})",
        R"({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../x"}]})"}) {
    write(path, text);
    EXPECT_THAT(error("ollama:odd"), HasSubstr(at(path) + ": ")) << text;
    EXPECT_THAT(error(at(path)), HasSubstr("expected a manifest of Ollama's store")) << text;
  }
}

TEST_F(ElsewhereTest, the_caches_models_are_found_by_name_and_by_folder) {
  for (const std::string& given :
       {std::string("hf:Qwen/Qwen3-0.6B"), at("hub/models--Qwen--Qwen3-0.6B"), at("hub/models--Qwen--Qwen3-0.6B/")}) {
    const auto found = find(given);
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_EQ(found->path, at("hub/models--Qwen--Qwen3-0.6B/snapshots/0123abcd"));
    EXPECT_EQ(found->name, "Qwen3-0.6B");
  }
  EXPECT_THAT(error("hf:Qwen/Qwen3-4B"), HasSubstr("there are Qwen/Qwen3-0.6B, owner/many"));
  EXPECT_THAT(error("hf:../x"), HasSubstr("has no model"));
  fs::remove(at("hub/models--Qwen--Qwen3-0.6B/refs/main"));
  EXPECT_THAT(error("hf:Qwen/Qwen3-0.6B"), HasSubstr("has 2 states and refs/main names none of them"));
}

TEST_F(ElsewhereTest, of_several_ggufs_one_is_asked_for_and_parts_are_one) {
  EXPECT_THAT(error("hf:owner/many"),
              HasSubstr("has 2 models, expected one of them: a-Q4_0.gguf, b-Q8_0-00001-of-00002"));
  const auto one = find("hf:owner/many/a-Q4_0.gguf");
  ASSERT_TRUE(one) << to_string(one.error());
  EXPECT_EQ(one->path, at("hub/models--owner--many/snapshots/1/a-Q4_0.gguf"));
  EXPECT_EQ(one->name, "a-Q4_0");
  EXPECT_THAT(error("hf:owner/many/c.gguf"), HasSubstr("c.gguf: no such file"));
  EXPECT_THAT(error("hf:owner/many/../../../x"), HasSubstr("no such file"));
  fs::remove(at("hub/models--owner--many/snapshots/1/a-Q4_0.gguf"));
  EXPECT_EQ(find("hf:owner/many")->path, at("hub/models--owner--many/snapshots/1/b-Q8_0-00001-of-00002.gguf"));
}

TEST_F(ElsewhereTest, a_folder_with_one_gguf_is_that_one_and_everything_else_is_itself) {
  EXPECT_EQ(find(at("lm/publisher/one"))->path, at("lm/publisher/one/only-Q4_0.gguf"));
  for (const std::string& given : {at("lm/publisher/one/only-Q4_0.gguf"), at("hub"), at("nothing"),
                                   at("hub/models--Qwen--Qwen3-0.6B/snapshots/0123abcd"), std::string("plain")}) {
    const auto found = find(given);
    if (given == at("hub")) continue;  // several models below it
    ASSERT_TRUE(found) << to_string(found.error());
    EXPECT_EQ(found->path, given);
  }
}

}  // namespace
}  // namespace assay::artifact
