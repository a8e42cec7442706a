// Bytes per second of encoding, decoding and cutting, one core. Arguments of Google Benchmark; ASSAY_BENCH_VOCABULARIES
// may name the folder of published vocabularies (default: ../shared/tokenizers beside the project).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "tokenizer/from_gguf.h"
#include "tokenizer/scanner.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::string read_folder(const fs::path& folder, std::string_view extension, std::size_t bytes_max) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::string out;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    out.append(std::istreambuf_iterator<char>(in), {});
    if (out.size() >= bytes_max) break;
  }
  out.resize(std::min(out.size(), bytes_max));
  return out;
}

// English-like text: words of the project's own comments, drawn as often as they occur there.
std::string english(std::size_t bytes) {
  const std::string source = read_folder(fs::path(ASSAY_SOURCE_DIR) / "docs", ".md", 400'000);
  std::vector<std::string> words;
  for (std::size_t at = 0; at < source.size();) {
    const std::size_t end = std::min(source.find_first_of(" \n", at), source.size());
    if (end > at) words.push_back(source.substr(at, end - at));
    at = end + 1;
  }
  Random random(1);
  std::string out;
  while (!words.empty() && out.size() < bytes) {
    out += words[random.below(words.size())];
    out += random.below(15) == 0 ? "\n" : " ";
  }
  return out;
}

std::string code() { return read_folder(fs::path(ASSAY_SOURCE_DIR) / "src", ".cpp", 1 << 20); }

fs::path vocabulary(const std::string& name) {
  const char* folder = std::getenv("ASSAY_BENCH_VOCABULARIES");
  const fs::path base =
      folder != nullptr ? fs::path(folder) : fs::path(ASSAY_SOURCE_DIR) / ".." / "shared" / "tokenizers";
  return base / ("ggml-vocab-" + name + ".gguf");
}

void encode(benchmark::State& state, const std::string& name, const std::string& text) {
  const auto gguf = Gguf::open(vocabulary(name).string());
  if (!gguf) {
    state.SkipWithError((name + " is not there").c_str());
    return;
  }
  const auto tokenizer = tokenizer_from_gguf(*gguf);
  std::vector<Token> out;
  for (auto _ : state) {
    out.clear();
    if (!tokenizer || !tokenizer->encode(text, {}, out)) state.SkipWithError("encode failed");
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void decode(benchmark::State& state, const std::string& name, const std::string& text) {
  const auto gguf = Gguf::open(vocabulary(name).string());
  if (!gguf) {
    state.SkipWithError((name + " is not there").c_str());
    return;
  }
  const auto tokenizer = tokenizer_from_gguf(*gguf);
  const auto tokens = tokenizer->encode(text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer->decode(*tokens));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void load(benchmark::State& state, const std::string& name) {
  for (auto _ : state) {
    const auto gguf = Gguf::open(vocabulary(name).string());
    if (!gguf || !tokenizer_from_gguf(*gguf)) state.SkipWithError((name + " is not there").c_str());
  }
}

void scan(benchmark::State& state, std::string_view pattern, const std::string& text) {
  const Scanner scanner = find_scanner(pattern);
  std::vector<std::uint32_t> ends;
  for (auto _ : state) {
    ends.clear();
    scanner(text, 0, ends);
    benchmark::DoNotOptimize(ends.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

int register_all() {
  const std::string prose = english(1 << 20);
  const std::string program = code();
  for (const std::string name : {"gpt-2", "llama-bpe", "qwen2", "llama-spm"}) {
    benchmark::RegisterBenchmark(("encode/" + name + "/english").c_str(), encode, name, prose);
    benchmark::RegisterBenchmark(("encode/" + name + "/code").c_str(), encode, name, program);
    benchmark::RegisterBenchmark(("encode/" + name + "/one_letter_1MB").c_str(), encode, name,
                                 std::string(1 << 20, 'a'));
    benchmark::RegisterBenchmark(("encode/" + name + "/spaces_1MB").c_str(), encode, name, std::string(1 << 20, ' '));
    benchmark::RegisterBenchmark(("decode/" + name + "/english").c_str(), decode, name, prose);
    benchmark::RegisterBenchmark(("load/" + name).c_str(), load, name);
  }
  for (const std::string_view pattern : scanned_patterns()) {
    benchmark::RegisterBenchmark(("scan/" + std::string(pattern.substr(0, 60))).c_str(), scan, pattern, prose);
  }
  return 0;
}

const int registered = register_all();

}  // namespace
}  // namespace assay
