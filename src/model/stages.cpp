#include "model/stages.h"

namespace assay::model {

Result<void> forward(std::uint32_t layers, Stages& stages) {
  ASSAY_TRY(stages.embed());
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    ASSAY_TRY(stages.attention_inputs(layer));
    ASSAY_TRY(stages.attention(layer));
    ASSAY_TRY(stages.attention_output(layer));
    ASSAY_TRY(stages.ffn_hidden(layer));
    ASSAY_TRY(stages.ffn_output(layer));
  }
  return stages.head();
}

}  // namespace assay::model
