#include <algorithm>
#include <cmath>
#include <vector>

#include "kernel/attention/attention.h"

namespace assay::kernel::reference {

void attention(const AttentionTask& task, std::span<double> out) {
  const std::size_t dim = task.kv.layout.head_dim;
  std::vector<float> key(dim);
  std::vector<float> value(dim);
  std::fill(out.begin(), out.end(), 0.0);
  for (std::uint32_t t = 0; t < task.tokens; ++t) {
    const std::uint32_t end = task.position + t + 1;
    const std::uint32_t begin = task.window != 0 && end > task.window ? end - task.window : 0;
    for (std::uint32_t h = 0; h < task.group; ++h) {
      const float* q = task.queries + t * task.query_stride + h * dim;
      std::vector<double> weights(end, 0.0);
      for (std::uint32_t p = begin; p < end; ++p) {
        kv_load(task.kv.layout, task.kv.plane(p / kv_page_positions), p % kv_page_positions, key, value);
        for (std::size_t d = 0; d < dim; ++d) weights[p] += static_cast<double>(q[d]) * static_cast<double>(key[d]);
        weights[p] *= static_cast<double>(task.scale);
      }
      const double greatest = *std::max_element(weights.begin() + begin, weights.end());
      double sum = 0;
      for (std::uint32_t p = begin; p < end; ++p) sum += weights[p] = std::exp(weights[p] - greatest);
      double* row = out.data() + (std::size_t{t} * task.group + h) * dim;
      for (std::uint32_t p = begin; p < end; ++p) {
        kv_load(task.kv.layout, task.kv.plane(p / kv_page_positions), p % kv_page_positions, key, value);
        for (std::size_t d = 0; d < dim; ++d) row[d] += weights[p] / sum * static_cast<double>(value[d]);
      }
    }
  }
}

}  // namespace assay::kernel::reference
