#include "report/plot_parts.h"

#include <algorithm>

namespace assay::measure::report {

void draw_bottom_axis(Svg& svg, const Scale& scale, Span x, Span y, std::string_view title) {
  double taken_to = -1e9;
  for (const Tick& tick : scale.ticks) {
    const double at = x.at(scale.at(tick.value));
    const double half = text_width(tick.label, tick_size) / 2;
    const bool fits = !tick.label.empty() && at - half > taken_to + 6;
    if (y.to > y.from || fits) svg.line({at, y.from}, {at, y.to + (fits ? 4 : 0)}, fits ? "grid" : "grid minor");
    if (!fits) continue;
    svg.text({at, y.to + 17}, tick.label, "tick", Anchor::middle);
    taken_to = at + half;
  }
  svg.line({x.from, y.to}, {x.to, y.to}, "axis");
  svg.text({(x.from + x.to) / 2, y.to + 35}, title, "axis-title", Anchor::middle);
}

}  // namespace assay::measure::report
