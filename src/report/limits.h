// What a page shows of a record at most. A record may hold a hundred thousand of anything; a page is read by a person.
#pragma once

#include <cstddef>

namespace assay::measure::report {

inline constexpr std::size_t rows_max = 40;          // beyond that no plot can be read
inline constexpr std::size_t sweep_points_max = 40;  // of a row
inline constexpr std::size_t rounds_max = 100;       // drawn as dots beside a median
inline constexpr std::size_t told_max = 4000;  // values of a plot that are told when they are pointed at; of more, none
inline constexpr std::size_t drift_buckets_max = 120;  // medians along a soak: about two pixels each
inline constexpr std::size_t paired_rounds_max = 500;  // whose ratios get an interval: a bootstrap takes time
inline constexpr std::size_t remarks_max = 120;        // of all rows
inline constexpr std::size_t list_max = 30;            // notes or settings of a row
inline constexpr std::size_t text_max = 600;           // bytes of one text: a reason, a note, a setting
inline constexpr std::size_t command_max = 4000;       // bytes

}  // namespace assay::measure::report
