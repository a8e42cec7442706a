#include "measure/suspects.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/reference.h"

namespace assay::measure {
namespace {

constexpr double nearer = 0.5;
constexpr double deviations = 4;

double product(std::span<const double> a, std::span<const double> b) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) out += a[i] * b[i];
  return out;
}

}  // namespace

Result<std::vector<Suspect>> suspects_of(const model::Weights& weights, std::span<const std::int32_t> tokens,
                                         std::span<const std::uint32_t> positions, std::span<const double> exact,
                                         device::ThreadPool* pool, const Stop* stop) {
  std::vector<std::pair<Suspect, model::Weights>> tried;
  const auto add = [&](const char* name, const char* opposite, auto&& change) {
    tried.emplace_back(Suspect{.name = name, .opposite = opposite, .direction = {}, .seen = {}}, weights);
    change(tried.back().second.config);
  };
  add("a rope base 1 % larger", "a rope base 1 % smaller", [](ModelConfig& c) {
    for (Rope& rope : c.ropes) rope.theta *= 1.01;
  });
  add("scores 1 % larger", "scores 1 % smaller",
      [](ModelConfig& c) { each_attention(c, [](Attention& a) { a.scale *= 1.01; }); });
  add("an epsilon ten times as large", "", [](ModelConfig& c) { c.rms_eps *= 10; });
  if (widest_window(weights.config) != 0 && widest_window(weights.config) < tokens.size()) {
    add("a window one token larger", "a window one token smaller",
        [](ModelConfig& c) { each_attention(c, [](Attention& a) { a.window += a.window != 0 ? 1 : 0; }); });
  }
  std::vector<Suspect> out;
  for (auto& [suspect, wrong] : tried) {
    auto logits = model::reference_logits(wrong, tokens, positions, {.pool = pool, .stop = stop});
    if (!logits) return std::unexpected(std::move(logits.error()));
    for (std::size_t i = 0; i < logits->size(); ++i) (*logits)[i] -= exact[i];
    suspect.direction = std::move(*logits);
    out.push_back(std::move(suspect));
  }
  return out;
}

double times_in(std::span<const double> difference, std::span<const double> direction) {
  ASSAY_ASSERT(difference.size() == direction.size());
  const double squares = product(direction, direction);
  return squares > 0 ? product(difference, direction) / squares : 0;
}

bool can_be_seen(std::span<const double> direction, std::span<const double> tries, std::size_t vocab) {
  ASSAY_ASSERT(!direction.empty() && !tries.empty() && tries.size() % direction.size() == 0);
  const std::size_t count = tries.size() / direction.size();
  const double squares = product(direction, direction);
  double variance = 0;
  for (std::size_t t = 0; t < count; ++t) {
    const auto tried = tries.subspan(t * direction.size(), direction.size());
    if (std::abs(times_in(tried, direction)) > nearer / 2) return false;
    for (std::size_t begin = 0; begin < direction.size(); begin += vocab) {
      const double here = product(tried.subspan(begin, vocab), direction.subspan(begin, vocab));
      variance += here * here / static_cast<double>(count);
    }
  }
  return squares > 0 && deviations * std::sqrt(variance) / squares <= nearer;
}

std::string nearest(std::span<const Suspect> suspects, std::size_t rounding, std::span<const double> difference) {
  std::string out;
  double most = nearer;
  for (const Suspect& suspect : suspects) {
    if (!suspect.seen[rounding]) continue;
    const double times = times_in(difference, suspect.direction);
    const bool other_way = times < 0 && !suspect.opposite.empty();
    if ((other_way ? -times : times) <= most) continue;
    most = std::abs(times);
    out = other_way ? suspect.opposite : suspect.name;
  }
  return out;
}

}  // namespace assay::measure
