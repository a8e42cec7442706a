#include "checkpoint/folder.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "checkpoint/architectures.h"
#include "checkpoint/json_fields.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/tensor_list.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t config_bytes_max = 1U << 20U;  // real ones have a few KB; MLX with a line per module 100 KB
constexpr std::size_t index_bytes_max = 4U << 20U;   // ~130 bytes a tensor

struct Met {
  SafetensorsTensor tensor;
  std::uint32_t file;
};
using MetByName = std::unordered_map<std::string_view, Met*>;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The shards that model.safetensors.index.json names, in the order of their names, and which tensor is in which.
struct Index {
  std::vector<std::string> files;
  std::map<std::string, std::string, std::less<>> file_of;
};

Result<Index> read_index(const std::string& path) {
  auto text = read_text_file(path, index_bytes_max);
  if (!text) return std::unexpected(std::move(text.error()));
  auto json = parse_json_unique(*text, path);
  if (!json) return std::unexpected(std::move(json.error()));
  const auto map = json->find("weight_map");
  if (!json->is_object() || map == json->end() || !map->is_object() || map->empty())
    return fail(Errc::bad_value, path + ": expected an object \"weight_map\" with tensors");
  Index index;
  for (const auto& [tensor, file] : map->items()) {
    const std::string place = path + ": tensor " + in_quotes(tensor) + ": ";
    if (!file.is_string()) return fail(Errc::bad_value, place + "met " + shown(file) + ", expected a file's name");
    const auto& file_name = file.get_ref<const std::string&>();
    // A name that leaves the folder, or says nothing, is not followed.
    if (file_name.empty() || file_name.front() == '.' || file_name.find('/') != std::string::npos ||
        file_name.find('\0') != std::string::npos || !file_name.ends_with(".safetensors"))
      return fail(Errc::bad_value,
                  place + "met " + in_quotes(file_name) + ", expected a .safetensors file in the folder");
    index.file_of.emplace(tensor, file_name);
    index.files.push_back(file_name);
  }
  std::ranges::sort(index.files);
  const auto [first, last] = std::ranges::unique(index.files);
  index.files.erase(first, last);
  return index;
}

Result<Index> find_files(const fs::path& folder) {
  if (is_there(folder / "model.safetensors")) return Index{.files = {"model.safetensors"}, .file_of = {}};
  const fs::path index = folder / "model.safetensors.index.json";
  if (is_there(index)) return read_index(index.string());
  std::string detail = folder.string() + ": no model.safetensors and no model.safetensors.index.json";
  if (is_there(folder / "pytorch_model.bin") || is_there(folder / "pytorch_model.bin.index.json"))
    detail += ", only pytorch_model.bin (convert it to safetensors)";
  return fail(Errc::not_found, detail);
}

Result<std::vector<Met>> read_files(const fs::path& folder, const Index& index, Folder& out) {
  std::vector<Met> met;
  std::unordered_map<std::string, std::uint32_t> seen;
  for (const auto& file_name : index.files) {
    auto mapped = MappedFile::open((folder / file_name).string());
    if (!mapped) return std::unexpected(std::move(mapped.error()));
    const auto number = static_cast<std::uint32_t>(out.files.size());
    out.files.push_back(std::move(*mapped));
    const MappedFile& file = out.files.back();
    auto content = read_safetensors(file.bytes());
    if (!content) return std::unexpected(with_context(file.path(), std::move(content.error())));
    for (auto& tensor : content->tensors) {
      const auto [other, is_new] = seen.emplace(tensor.name, number);
      if (!is_new) {
        return fail(Errc::bad_value, file.path() + ": tensor " + in_quotes(tensor.name) + ": stands in " +
                                         out.files[other->second].path() + " too");
      }
      met.push_back({std::move(tensor), number});
    }
  }
  for (const auto& [tensor, file_name] : index.file_of) {
    const auto found = seen.find(tensor);
    if (found != seen.end() && fs::path(out.files[found->second].path()).filename() == file_name) continue;
    return fail(Errc::not_found, (folder / file_name).string() + ": tensor " + in_quotes(tensor) +
                                     ": the index says that it is here, but it is not");
  }
  return met;
}

const Met* find(const MetByName& by_name, const std::string& tensor_name) {
  const auto found = by_name.find(tensor_name);
  return found == by_name.end() ? nullptr : found->second;
}

// weight (rows, packed) u32, scales and biases (rows, groups) of one module as one tensor.
Result<TensorView> join_affine(const HfConfig& config, const std::string& module, const TensorView& weight,
                               const MetByName& by_name) {
  const std::string place = "tensor " + in_quotes(module + ".weight") + ": ";
  if (!config.quantization)
    return fail(Errc::bad_value, place + "has scales, but config.json has no key \"quantization\"");
  const auto format = config.quantization->of(module);
  if (!format) return fail(Errc::bad_value, place + "has scales, but config.json says that it is not quantized");
  const Met* scales = find(by_name, module + ".scales");
  const Met* biases = find(by_name, module + ".biases");
  if (scales == nullptr || biases == nullptr)
    return fail(Errc::not_found, "tensor " + in_quotes(module + (scales == nullptr ? ".scales" : ".biases")) +
                                     ": quantized weights need it");
  const TensorView& scale_view = scales->tensor.view;
  const DType scale_type = scale_view.dtype;
  if (scale_type != DType::f16 && scale_type != DType::bf16 && scale_type != DType::f32)
    return fail(Errc::unsupported, "tensor " + in_quotes(module + ".scales") + ": type " +
                                       std::string(name(scale_type)) + ", expected f16, bf16 or f32");
  if (biases->tensor.view.dtype != scale_type || biases->tensor.view.shape != scale_view.shape)
    return fail(Errc::bad_value, "tensor " + in_quotes(module + ".biases") +
                                     ": expected shape and type of the scales, " + to_string(scale_view.shape) + " " +
                                     std::string(name(scale_type)));
  if (weight.dtype != DType::u32 || weight.shape.size() != 2 || scale_view.shape.size() != 2)
    return fail(Errc::bad_value, place + to_string(weight.shape) + " " + std::string(name(weight.dtype)) +
                                     " with scales " + to_string(scale_view.shape) +
                                     ", expected two matrices, the weight of u32");
  const std::uint64_t columns = weight.shape[1] * (32 / format->bits);  // the file holds 4 bytes for each: no overflow
  if (weight.shape[0] != scale_view.shape[0] || columns != scale_view.shape[1] * format->group) {
    return fail(Errc::bad_value, place + to_string(weight.shape) + " u32 and scales " + to_string(scale_view.shape) +
                                     " do not agree with " + std::to_string(format->bits) + " bits in groups of " +
                                     std::to_string(format->group));
  }
  return TensorView{.dtype = format->bits == 4 ? DType::affine4 : DType::affine8,
                    .shape = {weight.shape[0], columns},
                    .data = weight.data,
                    .scales = scale_view.data,
                    .biases = biases->tensor.view.data,
                    .scale_dtype = scale_type,
                    .group = format->group};
}

// Buffers that some folders carry and nothing reads: RoPE frequencies, which config.json gives.
bool is_unread_buffer(std::string_view hf_name) { return hf_name.ends_with("rotary_emb.inv_freq"); }

// "lm_head.weight" -> "lm_head".
std::string_view module_of(std::string_view hf_name) { return hf_name.substr(0, hf_name.rfind('.')); }

bool ends_in_part(std::string_view hf_name) { return hf_name.ends_with(".scales") || hf_name.ends_with(".biases"); }

// The weight that scales or biases belong to is among the tensors.
bool has_weight(const MetByName& by_name, std::string_view part) {
  return find(by_name, std::string(part.substr(0, part.rfind('.'))) + ".weight") != nullptr;
}

// A tied model reads its embedding as the head. A head beside it is left out where it is the same; where it is not, some
// programs compute with the one and some with the other.
Result<void> check_unread_head(const SafetensorsTensor& head, const MetByName& by_name) {
  const std::string embedding =
      std::string(module_of(hf_name(Role::embedding))) + head.name.substr(module_of(hf_name(Role::head)).size());
  const Met* other = find(by_name, embedding);
  const bool same = other != nullptr && other->tensor.view.dtype == head.view.dtype &&
                    other->tensor.view.shape == head.view.shape &&
                    std::ranges::equal(other->tensor.view.data, head.view.data);
  if (same) return {};
  return fail(Errc::bad_value, "tensor " + in_quotes(head.name) + ": is not " + in_quotes(embedding) +
                                   ", but config.json has \"tie_word_embeddings\": true: which of them is the head?");
}

float element(const TensorView& view, std::size_t index) {
  if (view.dtype == DType::f32) {
    float value = 0;
    std::memcpy(&value, view.data.data() + index * sizeof(value), sizeof(value));
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, view.data.data() + index * sizeof(bits), sizeof(bits));
  return view.dtype == DType::bf16 ? bf16_to_float(bits) : half_to_float(bits);
}

// The gain as it multiplies, where the file holds it less 1. Types that a gain may not have stay, and are refused later.
void make_whole(TensorView& gain, std::vector<std::vector<float>>& kept) {
  if (gain.dtype != DType::f32 && gain.dtype != DType::f16 && gain.dtype != DType::bf16) return;
  std::vector<float>& values = kept.emplace_back(gain.rows() * gain.columns());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1 + element(gain, i);
  gain.dtype = DType::f32;
  gain.data = std::as_bytes(std::span(values));
}

Result<void> name_tensors(std::vector<Met>& met, Folder& out) {
  MetByName by_name;
  for (auto& one : met) by_name.emplace(one.tensor.name, &one);
  const HfConfig& config = out.config;
  out.config.model.tied_head = config.tied.value_or(!by_name.contains(hf_name(Role::head)));
  std::unordered_map<std::string, ExpectedTensor> canonical;  // by HF names
  for (auto& expected : expected_tensors(config.model)) canonical.emplace(expected.hf_name, expected);
  const bool less_one = facts_of(config.model.architecture).gains_less_one;
  const std::string head = std::string(module_of(hf_name(Role::head))) + ".";
  for (const auto& [tensor, file] : met) {
    if (config.model.tied_head && tensor.name.starts_with(head)) {
      if (auto same = check_unread_head(tensor, by_name); !same)
        return std::unexpected(with_context(out.files[file].path(), std::move(same.error())));
      continue;
    }
    if (is_unread_buffer(tensor.name)) continue;
    if (ends_in_part(tensor.name) && has_weight(by_name, tensor.name)) continue;  // joined below
    const std::string& path = out.files[file].path();
    const auto known = canonical.find(tensor.name);
    CheckpointTensor named{.name = known != canonical.end() ? known->second.name : tensor.name,
                           .view = tensor.view,
                           .file = file,
                           .at = tensor.at};
    const std::string module(module_of(tensor.name));
    if (tensor.name.ends_with(".weight") &&
        (find(by_name, module + ".scales") != nullptr || find(by_name, module + ".biases") != nullptr)) {
      auto joined = join_affine(config, module, tensor.view, by_name);
      if (!joined) return std::unexpected(with_context(path, std::move(joined.error())));
      named.view = std::move(*joined);
    } else if (config.quantization && config.quantization->modules.contains(module) &&
               config.quantization->modules.find(module)->second) {
      return fail(Errc::not_found, path + ": tensor " + in_quotes(module + ".scales") +
                                       ": config.json says that this module is quantized");
    }
    if (less_one && known != canonical.end() && kind_of(known->second.role) == TensorKind::gain)
      make_whole(named.view, out.gains);
    out.hf_names.push_back(tensor.name);
    out.tensors.push_back(std::move(named));
  }
  return {};
}

}  // namespace

Result<Folder> open_folder(const std::string& path) {
  const fs::path folder(path);
  const std::string config_path = (folder / "config.json").string();
  auto text = read_text_file(config_path, config_bytes_max);
  if (!text && text.error().code == Errc::not_found)
    return fail(Errc::not_found, path + ": is a directory without config.json, expected a GGUF file or a model folder");
  if (!text) return std::unexpected(std::move(text.error()));
  auto config = read_hf_config(*text);
  if (!config) return std::unexpected(with_context(config_path, std::move(config.error())));
  Folder out;
  out.config = std::move(*config);
  auto index = find_files(folder);
  if (!index) return std::unexpected(std::move(index.error()));
  auto met = read_files(folder, *index, out);
  if (!met) return std::unexpected(std::move(met.error()));
  ASSAY_TRY(name_tensors(*met, out));
  return out;
}

}  // namespace assay
