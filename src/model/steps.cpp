#include "model/steps.h"

namespace assay::model {
namespace {

// Adds the steps of one layer's parts; a mixer or a block that has none is not compiled.
struct Adder {
  std::vector<Step>& steps;
  std::uint32_t layer;

  void add(Op op) const { steps.push_back({op, layer}); }

  void operator()(const Attention&) const {
    add(Op::project);
    add(Op::attend);
    add(Op::merge);
  }
  void operator()(const Dense&) const {
    add(Op::gate);
    add(Op::down);
  }
};

}  // namespace

std::vector<Step> steps_of(const ModelConfig& config) {
  std::vector<Step> steps{{Op::embed}};
  for (std::uint32_t i = 0; i < config.layer_count(); ++i) {
    const Adder adder{steps, i};
    std::visit(adder, config.layers[i].mixer);
    std::visit(adder, config.layers[i].feed);
  }
  steps.push_back({Op::head});
  return steps;
}

}  // namespace assay::model
