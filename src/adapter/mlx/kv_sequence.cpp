#include "adapter/mlx/kv_sequence.h"

#include <mlx/ops.h>

namespace assay::adapter::mlx {
namespace {

int i(std::uint32_t value) { return static_cast<int>(value); }

}  // namespace

void reserve(const Compute& compute, const ModelConfig& config, KvSequence& sequence, Position length) {
  if (length <= sequence.capacity) return;
  const Position capacity = (length + kv_step - 1) / kv_step * kv_step;
  const int more = i(capacity - sequence.capacity);
  const int key_axis = !compute.fused ? 3 : 2;
  for (std::uint32_t layer = 0; layer < config.layer_count(); ++layer) {
    const int heads = i(attention_of(config.layers[layer]).kv_heads);
    const int dim = i(attention_of(config.layers[layer]).head_dim);
    // Arrays of their own: a shared one would be copied at the first write.
    mx::array values = mx::zeros({1, heads, more, dim}, compute.kv);
    mx::array keys = mx::zeros(compute.fused ? values.shape() : mx::Shape{1, heads, dim, more}, compute.kv);
    if (sequence.capacity == 0) {
      sequence.keys.push_back(std::move(keys));
      sequence.values.push_back(std::move(values));
    } else {
      sequence.keys[layer] = mx::concatenate({sequence.keys[layer], keys}, key_axis);
      sequence.values[layer] = mx::concatenate({sequence.values[layer], values}, 2);
    }
  }
  sequence.capacity = capacity;
}

void append(const Compute& compute, KvSequence& sequence, std::uint32_t layer, Position at, const mx::array& k,
            const mx::array& v) {
  const int heads = k.shape(1);
  const int count = k.shape(2);
  const int dim = k.shape(3);
  mx::array& keys = sequence.keys[layer];
  mx::array& values = sequence.values[layer];
  const mx::array new_values = mx::astype(v, compute.kv);
  const mx::array new_keys = mx::astype(k, compute.kv);
  if (!compute.fused) {
    keys = mx::slice_update(keys, mx::swapaxes(new_keys, 2, 3), mx::Shape{0, 0, 0, i(at)},
                            mx::Shape{1, heads, dim, i(at) + count});
  } else {
    keys = mx::slice_update(keys, new_keys, mx::Shape{0, 0, i(at), 0}, mx::Shape{1, heads, i(at) + count, dim});
  }
  values = mx::slice_update(values, new_values, mx::Shape{0, 0, i(at), 0}, mx::Shape{1, heads, i(at) + count, dim});
}

mx::array keys_of(const Compute& compute, const KvSequence& sequence, std::uint32_t layer, Position first,
                  Position end) {
  const mx::array& keys = sequence.keys[layer];
  if (!compute.fused) return mx::slice(keys, {0, 0, 0, i(first)}, {1, keys.shape(1), keys.shape(2), i(end)});
  return mx::slice(keys, {0, 0, i(first), 0}, {1, keys.shape(1), i(end), keys.shape(3)});
}

mx::array values_of(const KvSequence& sequence, std::uint32_t layer, Position first, Position end) {
  const mx::array& values = sequence.values[layer];
  return mx::slice(values, {0, 0, i(first), 0}, {1, values.shape(1), i(end), values.shape(3)});
}

}  // namespace assay::adapter::mlx
