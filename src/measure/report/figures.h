// Which plots a record gives, by section. A section without data is absent.
#pragma once

#include <string>
#include <vector>

#include "measure/record.h"
#include "measure/report/story.h"

namespace assay::measure::report {

struct Picture {
  std::string id{};     // of the element, for links: "decode-context"
  std::string title{};  // plain text
  std::string hint{};   // "higher is better"
  std::string svg{};
  std::string caption{};  // plain text: how to read it, and what was left out and why; lines by '\n'
};

struct PictureSection {
  std::string id{};
  std::string heading{};
  std::vector<Picture> pictures{};
};

// The decode speeds, drawn for a wide and for a narrow page; empty SVG: no row has one.
struct Hero {
  std::string wide{};
  std::string narrow{};
  std::string caption{};
};
Hero hero_of(const Matrix& matrix, const Naming& naming);

std::vector<PictureSection> sections_of(const Matrix& matrix, const Naming& naming);

}  // namespace assay::measure::report
