// The reference's state between two steps of a forward pass, and the operations that it interprets them with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "device/cpu/thread_pool.h"
#include "model/rope.h"
#include "model/steps.h"
#include "model/weights.h"

namespace assay::model {

// Where an engine may round what the reference keeps.
enum class Site : std::uint8_t {
  matrix_input,   // what a matrix is multiplied with
  matrix_output,  // its product, before anything is done with it
  residual,       // the state between the parts of a layer
  keys,           // after RoPE, as a cache holds them
  values,
};

// Values (features, tokens), feature by feature: token t of feature f at f * stride + t.
struct SiteValues {
  Site site{};
  std::size_t features = 0;
  std::size_t tokens = 0;
  std::size_t stride = 0;
  double* values = nullptr;
};

class ReferencePass;

// An operation of op Op::added or beyond on the state of a pass.
using ReferenceOp = std::function<void(ReferencePass& pass, std::uint32_t layer)>;

// The same text computed several times side by side, each time disturbed in its own way: what rounding does to logits,
// by trying it. disturb(copy, values) is called on the thread of the caller, for each copy at each site, in a fixed
// order.
struct DisturbedReference {
  std::uint32_t copies = 1;
  std::function<void(std::uint32_t copy, const SiteValues& values)> disturb{};  // empty: none
  device::ThreadPool* pool = nullptr;                                           // null: one thread
  const Stop* stop = nullptr;  // looked at within layers too: Errc::cancelled
  std::map<Op, ReferenceOp> added{};
};

// (features, tokens), so that the innermost loop runs over tokens and the sum over features keeps its plain order.
// `tokens` counts those of all copies, one copy behind the other.
struct Columns {
  std::size_t features = 0;
  std::size_t tokens = 0;
  std::vector<double> values;
  Columns() = default;
  Columns(std::size_t f, std::size_t t) : features(f), tokens(t), values(f * t) {}
  double* at(std::size_t feature) { return values.data() + feature * tokens; }
  const double* at(std::size_t feature) const { return values.data() + feature * tokens; }
};

// What steps share: x, and what a step leaves for those that follow it in its layer.
class ReferencePass {
 public:
  // Borrows all for its lifetime. tokens: of one copy; positions: whose logits are wanted.
  ReferencePass(const Weights& weights, std::span<const std::int32_t> tokens, std::span<const std::uint32_t> positions,
                const DisturbedReference& how);

  // Errc::unsupported: an operation that is neither known nor among how.added, by its number.
  Result<void> run(const Step& step);

  Columns x;         // (hidden, tokens)
  Columns q, k, v;   // of Op::project
  Columns attended;  // of Op::attend
  Columns gate, up;  // of Op::gate
  Columns logits;    // (vocab, positions of all copies), of Op::head

  // Runs body(i) for chunks of work. After a stop what is left is skipped: the layer then ends soon, and its values are
  // given to nobody.
  template <class Body>
  void share(std::size_t chunks, Body&& body) const {
    const auto unless_stopped = [&](std::size_t i) {
      if (!asked(how_.stop)) body(i);
    };
    if (how_.pool != nullptr) {
      how_.pool->run(chunks, unless_stopped);
    } else {
      for (std::size_t i = 0; i < chunks; ++i) unless_stopped(i);
    }
  }
  void disturb(Site site, Columns& at) const;

 private:
  void embed();
  void project(std::uint32_t layer);
  void attend(std::uint32_t layer);
  void merge(std::uint32_t layer);
  void gate_and_up(std::uint32_t layer);
  void down(std::uint32_t layer);
  void head();

  Columns multiply(const TensorView& w, const Columns& in) const;
  // W in + bias, rounded as a product.
  Columns product(const TensorView& w, const TensorView& bias, const Columns& in) const;
  // Rounded as the input of a matrix.
  Columns normed(const TensorView& gain, const Columns& in) const;
  void norm_heads(const TensorView& gain, const Attention& a, std::uint32_t heads, Columns& at) const;
  void rotate(const Attention& a, std::uint32_t heads, Columns& at) const;
  // x += y, or the post norm of y.
  void add_to_x(const TensorView& post_norm, Columns y);

  const Weights& weights_;
  const ModelConfig& config_;
  std::span<const std::int32_t> tokens_;
  std::span<const std::uint32_t> positions_;
  const DisturbedReference& how_;
  std::vector<RopeFrequencies> ropes_;
};

}  // namespace assay::model
