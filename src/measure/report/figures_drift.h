// Speed over a long session, and the machine beside it.
#pragma once

#include "measure/report/figures.h"

namespace assay::measure::report {

PictureSection drift_section(const Matrix& matrix, const Naming& naming);

}  // namespace assay::measure::report
