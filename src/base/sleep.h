// Sleeping as an argument: whoever rests is handed a function, so that a test can move its clock in its place.
#pragma once

#include <cstdint>

namespace assay {

// Lets the thread sleep for so many nanoseconds; none where ns <= 0.
void sleep_ns(std::int64_t ns);

}  // namespace assay
