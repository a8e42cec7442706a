#include "direct/kv_memory.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/check.h"

namespace assay::direct {
namespace {

constexpr std::uint32_t page_positions = kernel::kv_page_positions;
constexpr std::uint32_t layers_max = 1U << 20U;

std::uint64_t pages_of(std::uint64_t positions) { return (positions + page_positions - 1) / page_positions; }

std::unexpected<Error> bad(const std::string& what) { return fail(Errc::bad_value, "KV cache: " + what); }

Result<void> check_group(const KvGroup& group) {
  const std::uint32_t dim = group.layout.head_dim;
  if (group.layers.empty()) return bad("layers is 0, expected at least 1");
  if (group.kv_heads == 0) return bad("kv_heads is 0, expected at least 1");
  if (dim == 0 || dim > kernel::kv_head_dim_max) {
    return bad("head_dim is " + std::to_string(dim) + ", expected 1 to " + std::to_string(kernel::kv_head_dim_max));
  }
  if (group.layout.type == kernel::KvType::q8_0 && dim % 32 != 0) {
    return bad("head_dim is " + std::to_string(dim) + ", expected a multiple of 32 for type q8_0");
  }
  return {};
}

Result<Pages> take_pages(const KvGroup& group, std::uint32_t pages) {
  std::uint64_t planes = 0;
  std::uint64_t bytes = 0;
  const bool fits = checked_mul(std::uint64_t{group.kv_heads} * pages, group.layers.size(), planes) &&
                    checked_mul(planes, group.layout.plane_bytes(), bytes) &&
                    bytes <= std::numeric_limits<std::size_t>::max() / 2;
  const auto full = [&](const std::string& amount) {
    return fail(Errc::full, "KV cache: " + amount + " for " + std::to_string(pages) + " pages of " +
                                std::to_string(page_positions) + " positions cannot be had");
  };
  if (!fits) return full("more than 2^63 bytes");
  if (bytes == 0) return bad("pages is 0, expected at least 1");
  Pages memory = allocate_pages(bytes);
  if (!memory) return full(std::to_string(bytes) + " bytes");
  return memory;
}

}  // namespace

std::vector<KvGroup> kv_groups(const ModelConfig& config, kernel::KvType type, std::uint32_t context) {
  std::vector<KvGroup> groups;
  for (std::uint32_t layer = 0; layer < config.layer_count(); ++layer) {
    const auto* a = std::get_if<Attention>(&config.layers[layer].mixer);
    if (a == nullptr) continue;
    const std::uint32_t window = a->window < context ? a->window : 0;
    auto group = std::ranges::find_if(groups, [&](const KvGroup& other) {
      return other.window == window && other.kv_heads == a->kv_heads && other.layout.head_dim == a->head_dim;
    });
    if (group == groups.end()) {
      group = groups.insert(
          group,
          {.layers = {}, .kv_heads = a->kv_heads, .layout = {.type = type, .head_dim = a->head_dim}, .window = window});
    }
    group->layers.push_back(layer);
  }
  return groups;
}

Result<std::uint32_t> kv_pages(const KvGroup& group, const KvRoom& room) {
  std::uint64_t pages = room.positions != 0 ? pages_of(room.positions) : pages_of(room.context) * room.sequences;
  if (group.window != 0) {
    // What the first token of a batch sees begins and ends within a page.
    pages = std::min(pages, (pages_of(std::uint64_t{group.window} + room.batch) + 1) * room.sequences);
  }
  if (pages < PageTable::no_page) return static_cast<std::uint32_t>(pages);
  return fail(Errc::bad_value, "keys and values of " + std::to_string(room.sequences) + " sequences take " +
                                   std::to_string(pages) + " pages, expected at most 4294967294");
}

Result<KvMemory> KvMemory::create(std::span<const KvGroup> groups, const KvRoom& room) {
  std::vector<PageGroup> counts;
  std::vector<Pages> memory;
  std::vector<Place> places;
  for (std::uint32_t g = 0; g < groups.size(); ++g) {
    const KvGroup& group = groups[g];
    ASSAY_TRY(check_group(group));
    const auto pages = kv_pages(group, room);
    if (!pages) return std::unexpected(pages.error());
    auto taken = take_pages(group, *pages);
    if (!taken) return std::unexpected(std::move(taken.error()));
    counts.push_back({.pages = *pages, .window = group.window});
    memory.push_back(std::move(*taken));
    for (std::uint32_t i = 0; i < group.layers.size(); ++i) {
      const std::uint32_t layer = group.layers[i];
      if (layer >= layers_max)
        return bad("layer " + std::to_string(layer) + ", expected 0.." + std::to_string(layers_max - 1));
      if (layer >= places.size()) places.resize(layer + 1);
      if (places[layer].group != no_group) return bad("layer " + std::to_string(layer) + " is in two groups");
      places[layer] = {g, i};
    }
  }
  auto table = PageTable::create(counts, page_positions, room.sequences);
  if (!table) return std::unexpected(std::move(table.error()));
  KvMemory out(std::move(*table));
  out.groups_.assign(groups.begin(), groups.end());
  out.memory_ = std::move(memory);
  out.places_ = std::move(places);
  return out;
}

KvStatistics KvMemory::statistics() const {
  KvStatistics out{.copies_on_write = copies_on_write_};
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const PageCounts counts = table_.counts(g);
    out.bytes_total += counts.total * groups_[g].page_bytes();
    out.bytes_used += counts.used * groups_[g].page_bytes();
  }
  return out;
}

Result<void> KvMemory::append(std::span<const PageTable::Growth> growth) {
  const auto copies = table_.append(growth);
  if (!copies) return std::unexpected(copies.error());
  for (const auto& [group, from, to] : *copies) {
    std::memcpy(page(group, to), page(group, from), groups_[group].page_bytes());
  }
  copies_on_write_ += copies->size();
  return {};
}

void KvMemory::store(kernel::Isa isa, std::uint32_t sequence, std::uint32_t position, std::uint32_t layer,
                     std::uint32_t head, std::span<const float> key, std::span<const float> value) {
  const auto [group, index] = places_[layer];
  const KvGroup& its = groups_[group];
  ASSAY_ASSERT(position < table_.lengths()[sequence] && head < its.kv_heads);
  const std::uint32_t number = table_.pages(sequence, group)[position / page_positions];
  ASSAY_ASSERT(table_.references(number, group) == 1);
  std::byte* plane = page(group, number) + (std::size_t{index} * its.kv_heads + head) * its.layout.plane_bytes();
  kernel::kv_store(isa, its.layout, plane, position % page_positions, key, value);
}

kernel::KvPages KvMemory::view(std::uint32_t sequence, std::uint32_t layer, std::uint32_t head) const {
  const auto [group, index] = places_[layer];
  const KvGroup& its = groups_[group];
  ASSAY_ASSERT(sequence < table_.sequences() && head < its.kv_heads);
  const std::size_t plane = (std::size_t{index} * its.kv_heads + head) * its.layout.plane_bytes();
  return {its.layout, memory_[group].get() + plane, its.page_bytes(), table_.pages(sequence, group)};
}

}  // namespace assay::direct
