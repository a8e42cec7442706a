// The pieces of the page that are tables and lists; each gives HTML, empty where there is nothing to show.
#pragma once

#include <string>
#include <string_view>

#include "record/record.h"
#include "report/story.h"

namespace assay::measure::report {

std::string result_table(const Matrix& matrix, const Naming& naming);
std::string remark_list(const Matrix& matrix, const Naming& naming);
std::string latency_table(const Matrix& matrix, const Naming& naming);    // between tokens, end to end, joules
std::string cold_table(const Matrix& matrix, const Naming& naming);       // first request and cold round
std::string border_table(const Matrix& matrix, const Naming& naming);     // cost of the border to a worker
std::string open_loop_table(const Matrix& matrix, const Naming& naming);  // requests at random moments
std::string round_table(const Matrix& matrix, const Naming& naming);      // every single round
std::string facts(const Matrix& matrix, const Naming& naming);            // machine, artifact, settings, engines
std::string definitions(const Matrix& matrix);                            // how to read the numbers
// A word that leads to its definition: term is that of definitions(), "ttft".
std::string linked_term(std::string_view term, std::string_view word);

}  // namespace assay::measure::report
