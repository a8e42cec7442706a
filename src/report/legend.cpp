#include "report/legend.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "report/format.h"
#include "report/story.h"

namespace assay::measure::report {
namespace {

bool has_whisker(const Estimate& e) {
  return e.n > 1 && std::isfinite(e.low) && std::isfinite(e.high) && e.high > e.low;
}

// A small drawing of a mark.
std::string key(const std::function<void(Svg&)>& draw) {
  Svg svg(18, 14);
  svg.open_series(0, "neutral");
  draw(svg);
  svg.close();
  return svg.finish();
}

std::string key(Mark mark) {
  return key([&](Svg& svg) { svg.mark({9, 7}, mark, 0, 4.8); });
}

std::string whisker_key() {
  return key([](Svg& svg) {
    const Svg::Stroke whisker[] = {{{2, 7}, {16, 7}}, {{2, 3}, {2, 11}}, {{16, 3}, {16, 11}}};
    svg.strokes(whisker, "whisker");
  });
}

class List {
 public:
  void add(const std::string& picture, std::string_view meaning) {
    out_ += "<li>" + picture + escaped(meaning) + "</li>";
  }
  std::string finish() const { return out_.empty() ? out_ : "<ul class=\"key\">" + out_ + "</ul>"; }

 private:
  std::string out_;
};

void add_marks(List& out, const std::set<Mark>& marks) {
  if (marks.contains(Mark::cold)) out.add(key(Mark::cold), "the cold round");
  if (marks.contains(Mark::shorter)) out.add(key(Mark::shorter), "requests of other lengths");
  if (marks.contains(Mark::cached)) out.add(key(Mark::cached), "prompts seen just before");
  if (marks.contains(Mark::limit)) out.add(key(Mark::limit), "reading limit, measured in that round");
  if (marks.contains(Mark::rms)) out.add(key(Mark::rms), "root mean square");
  if (marks.contains(Mark::pages)) out.add(key(Mark::pages), "touching pages");
}

}  // namespace

std::string interval_meaning(const std::vector<const Estimate*>& estimates) {
  std::set<std::string> intervals;
  std::set<std::size_t> ranges;  // of so many values
  for (const Estimate* e : estimates) {
    if (!has_whisker(*e)) continue;
    if (is_interval(*e)) {
      intervals.insert(number(e->coverage * 100) + "\u202f%");
    } else {
      ranges.insert(e->n);
    }
  }
  std::string out;
  if (!intervals.empty()) {
    out = (intervals.size() == 1 ? *intervals.begin() : "at least " + *intervals.begin()) + " interval of the median";
  }
  if (ranges.empty()) return out;
  if (out.empty()) {
    return ranges.size() == 1 ? "range of " + std::to_string(*ranges.begin()) : "range of the values";
  }
  return out + "; of fewer than " + std::to_string(interval_values_min) + " values their range";
}

std::string legend(const DotPlot& plot, std::string_view value) {
  List out;
  std::set<Mark> marks;
  std::vector<const Estimate*> estimates;
  bool any = false;
  bool each = false;
  bool bound = false;
  for (const DotRow& row : plot.rows) {
    any = any || row.estimate.n > 0;
    each = each || !row.each.empty();
    bound = bound || std::isfinite(row.bound);
    estimates.push_back(&row.estimate);
    marks.insert(row.mark);
    for (const ExtraMark& extra : row.extra) marks.insert(extra.mark);
  }
  if (any) out.add(key(Mark::value), value);
  if (const std::string meaning = interval_meaning(estimates); !meaning.empty()) out.add(whisker_key(), meaning);
  if (each) out.add(key([](Svg& svg) { svg.line({9, 4}, {9, 10}, "each"); }), "single round");
  add_marks(out, marks);
  if (bound) out.add(key([](Svg& svg) { svg.line({9, 1}, {9, 13}, "bound"); }), "bound");
  return out.finish();
}

std::string legend(const CurvePlot& plot, std::string_view band) {
  List out;
  std::set<Mark> marks;
  std::vector<Estimate> seen;
  bool bands = false;
  for (const Panel& panel : plot.panels) {
    for (const Curve& curve : panel.curves) {
      marks.insert(curve.mark);
      for (const CurvePoint& point : curve.points) {
        const bool spread = std::isfinite(point.low) && std::isfinite(point.high) && point.high > point.low;
        if (spread && curve.markers) seen.push_back({point.y, point.low, point.high, point.n, point.coverage});
        bands = bands || (spread && !curve.markers);
      }
    }
  }
  std::vector<const Estimate*> estimates;
  estimates.reserve(seen.size());
  for (const Estimate& e : seen) estimates.push_back(&e);
  if (const std::string meaning = interval_meaning(estimates); !meaning.empty()) out.add(whisker_key(), meaning);
  if (bands && !band.empty()) out.add(key([](Svg& svg) { svg.rectangle({1, 2}, 16, 10, "band"); }), band);
  add_marks(out, marks);
  return out.finish();
}

}  // namespace assay::measure::report
