// strftime in the C locale over a given moment; no clock, no time zone, no environment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace assay::jinja {

// seconds: local wall time as seconds since 1970-01-01 00:00:00. Errc::unsupported names a directive that is not known.
Result<std::string> format_time(std::int64_t seconds, std::string_view format);

}  // namespace assay::jinja
