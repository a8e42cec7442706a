// assay models info: what a model is, without loading it.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "checkpoint/gguf.h"
#include "cli/model_options.h"
#include "cli/models.h"

namespace assay::cli {
namespace {

const char* name_of(RopeScaling::Kind kind) {
  switch (kind) {
    case RopeScaling::Kind::none:
      return "none";
    case RopeScaling::Kind::linear:
      return "linear";
    case RopeScaling::Kind::llama3:
      return "llama3";
    case RopeScaling::Kind::yarn:
      return "yarn";
  }
  return "";
}

// 1e-06 for a float that a file has as 9.999999974752427e-07.
double short_number(double value) {
  const auto rounded = static_cast<float>(value);
  if (static_cast<double>(rounded) != value || !std::isfinite(value)) return value;
  std::array<char, 32> text{};
  for (int digits = 6; digits <= 9; ++digits) {
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    if (std::strtof(text.data(), nullptr) == rounded) return std::strtod(text.data(), nullptr);
  }
  return value;
}

// "26.9 M", "1.72 B", "960".
std::string human_count(std::uint64_t count) {
  std::array<char, 32> text{};
  const auto value = static_cast<double>(count);
  if (count < 1000) {
    std::snprintf(text.data(), text.size(), "%llu", static_cast<unsigned long long>(count));
  } else if (value < 999'950) {
    std::snprintf(text.data(), text.size(), "%.1f K", value / 1e3);
  } else if (value < 999.95e6) {
    std::snprintf(text.data(), text.size(), "%.1f M", value / 1e6);
  } else {
    std::snprintf(text.data(), text.size(), "%.2f B", value / 1e9);
  }
  return text.data();
}

// Sizes of the first layer, which published models have in all of them; the rope of layers that see all; the widest window.
Json to_json(const ModelConfig& config) {
  const Attention& a = attention_of(config.layers.front());
  const Rope& rope = config.ropes.front();
  Json out = {{"architecture", config.architecture_name},
              {"name", config.model_name},
              {"layers", config.layers.size()},
              {"hidden", config.hidden},
              {"ffn", dense_of(config.layers.front()).width},
              {"heads", a.heads},
              {"kv_heads", a.kv_heads},
              {"head_dim", a.head_dim},
              {"vocab", config.vocab},
              {"context_train", config.context_train},
              {"rms_eps", short_number(config.rms_eps)},
              {"rope_theta", short_number(rope.theta)},
              {"rope_dims", rope.dims},
              {"rope_scaling", name_of(rope.scaling.kind)},
              {"tied_head", config.tied_head},
              {"qkv_bias", a.bias},
              {"qk_norm", a.qk_norm},
              {"sliding_window", widest_window(config)}};
  if (rope.scaling.kind != RopeScaling::Kind::none) out["rope_factor"] = rope.scaling.factor;
  return out;
}

struct TypeCount {
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;
};

// The value of a metadata key for people: short texts and numbers whole, the rest by its size.
Json shown(const GgufValue& value) {
  constexpr std::size_t text_max = 200;
  if (value.type == GgufType::array) return "[" + std::to_string(value.count) + "]";
  if (const auto text = gguf_cast<std::string_view>(value)) {
    if (text->size() <= text_max) return std::string(*text);
    return "(" + std::to_string(text->size()) + " bytes of text)";
  }
  if (const auto flag = gguf_cast<bool>(value)) return *flag;
  if (const auto number = gguf_cast<std::int64_t>(value)) return *number;
  if (const auto number = gguf_cast<double>(value)) return short_number(*number);
  return nullptr;
}

std::string tokenizer_kind(const Checkpoint& checkpoint) {
  if (const Gguf* gguf = checkpoint.gguf()) {
    const auto model = gguf->maybe<std::string_view>("tokenizer.ggml.model");
    const auto pre = gguf->maybe<std::string_view>("tokenizer.ggml.pre");
    if (!model || !*model) return "none";
    return std::string(**model) + (pre && *pre ? " (" + std::string(**pre) + ")" : "");
  }
  const auto text = checkpoint.folder_text("tokenizer.json");
  return text && *text ? "tokenizer.json" : "none";
}

Result<Json> describe(const Checkpoint& checkpoint, const std::string& path) {
  const auto weights = model::bind(checkpoint.config(), [&](std::string_view name) { return checkpoint.tensor(name); });
  if (!weights) return std::unexpected(with_context(path, weights.error()));
  std::map<DType, TypeCount> types;
  std::uint64_t parameters = 0;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) {
    TypeCount& count = types[tensor.view.dtype];
    ++count.tensors;
    count.bytes += tensor.view.bytes();
    parameters += tensor.view.rows() * tensor.view.columns();
  }
  Json histogram = Json::array();
  for (const auto& [type, count] : types)
    histogram.push_back({{"type", name(type)}, {"tensors", count.tensors}, {"bytes", count.bytes}});
  Json tokenizer = {{"kind", tokenizer_kind(checkpoint)}};
  if (tokenizer["kind"] != "none") {
    const auto loaded = load_tokenizer(checkpoint);
    if (loaded) {
      tokenizer["tokens"] = loaded->size();
      tokenizer["ends"] = Json::array();
      for (const Token end : loaded->end_tokens())
        tokenizer["ends"].push_back({{"id", end}, {"text", std::string(loaded->text(end))}});
    }
    if (!loaded) tokenizer["error"] = to_string(loaded.error());
  }
  const auto chat = find_chat_template(checkpoint);
  Json metadata = Json::object();
  if (const Gguf* gguf = checkpoint.gguf()) {
    for (const GgufEntry& entry : gguf->metadata()) metadata[std::string(entry.key)] = shown(entry.value);
  }
  return Json{{"path", path},
              {"format", checkpoint.format()},
              {"files", checkpoint.files()},
              {"file_bytes", checkpoint.file_bytes()},
              {"parameters", parameters},
              {"bytes_per_token", weights->bytes_per_token()},
              {"config", to_json(checkpoint.config())},
              {"types", std::move(histogram)},
              {"tokenizer", std::move(tokenizer)},
              {"chat_template", chat && *chat},
              {"metadata", std::move(metadata)}};
}

// Texts of a file from anywhere: control bytes would move the terminal's cursor or worse, so they are shown as "?".
std::string text_of(const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

void print_table(const Json& info) {
  std::printf("%s\n%s, %zu file%s, %s, %s parameters, %s read for each token\n", text_of(info["path"]).c_str(),
              text_of(info["format"]).c_str(), info["files"].size(), info["files"].size() == 1 ? "" : "s",
              human_bytes(info["file_bytes"].get<double>()).c_str(),
              human_count(info["parameters"].get<std::uint64_t>()).c_str(),
              human_bytes(info["bytes_per_token"].get<double>()).c_str());
  std::printf("\nconfig\n");
  for (const auto& [key, value] : info["config"].items())
    std::printf("  %-16s %s\n", key.c_str(), text_of(value).c_str());
  std::printf("\ntensors\n");
  for (const Json& type : info["types"]) {
    std::printf("  %-8s %5llu  %10s\n", text_of(type["type"]).c_str(),
                static_cast<unsigned long long>(type["tensors"].get<std::uint64_t>()),
                human_bytes(type["bytes"].get<double>()).c_str());
  }
  const Json& tokenizer = info["tokenizer"];
  std::printf("\ntokenizer       %s", text_of(tokenizer["kind"]).c_str());
  if (tokenizer.contains("tokens")) std::printf(", %s tokens", text_of(tokenizer["tokens"]).c_str());
  if (tokenizer.contains("error")) std::printf(", %s", text_of(tokenizer["error"]).c_str());
  if (tokenizer.contains("ends")) {
    std::string ends;
    for (const Json& end : tokenizer["ends"])
      ends += (ends.empty() ? "" : ", ") + end["id"].dump() + " " + text_of(end["text"]);
    std::printf("\nends            %s", ends.empty() ? "none: an answer goes on to its limit" : ends.c_str());
  }
  std::printf("\nchat template   %s\n", info["chat_template"].get<bool>() ? "yes" : "none");
  if (info["metadata"].empty()) return;
  std::printf("\nmetadata\n");
  for (const auto& [key, value] : info["metadata"].items())
    std::printf("  %-44s %s\n", key.c_str(), text_of(value).c_str());
}

Result<void> info_command(Session& session, const std::string& model) {
  const auto path = find_model(session, model, IfChanged::take);
  if (!path) return std::unexpected(path.error());
  const auto checkpoint = roster::open_checkpoint(*path);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  const auto info = describe(*checkpoint, *path);
  if (!info) return std::unexpected(info.error());
  if (session.json) {
    session.print(*info);
  } else {
    print_table(*info);
  }
  return {};
}

}  // namespace

void add_models_info(CLI::App& models, Session& session) {
  auto model = std::make_shared<std::string>();
  CLI::App* command = models.add_subcommand("info", "config, types, tokenizer and metadata of a model");
  command->footer("Example:\n  assay models info qwen3-4b-q4_0.gguf");
  command->add_option("model", *model, "a name, a file or a folder; without it the model that comes with assay");
  command->callback([model, &session] {
    if (const auto done = info_command(session, *model); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
