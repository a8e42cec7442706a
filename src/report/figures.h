// Which plots a record gives, by section. A section without data is absent.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "record/record.h"
#include "report/plots.h"
#include "report/story.h"

namespace assay::measure::report {

struct Picture {
  std::string id{};                                   // of the element, for links: "decode-context"
  std::string title{};                                // plain text
  std::string hint{};                                 // "higher is better"
  std::function<std::string(const Size&)> drawing{};  // SVG of a plot for a width; empty: there are no data
  std::string legend{};                               // HTML
  std::string caption{};  // plain text: how to read it, and what was left out and why; lines by '\n'
};

struct PictureSection {
  std::string id{};
  std::string heading{};
  std::vector<Picture> pictures{};
};

// The decode speeds; without a drawing where no row has one.
Picture decode_picture(const Matrix& matrix, const Naming& naming);

std::vector<PictureSection> sections_of(const Matrix& matrix, const Naming& naming);

}  // namespace assay::measure::report
