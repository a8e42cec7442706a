// Files that a command writes: nothing that is there is lost without a word.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace assay::cli {

// Before the work: `path` can be written, and holds nothing that would be lost. Errc::bad_value: a file with something in
// it is there and `force` is not given, naming `what` ("--record", "/save"), the path and --force; Errc::io: it cannot be
// written. An empty path, an empty file, a pipe or a device (/dev/stdout) is fine.
Result<void> check_output(std::string_view what, const std::string& path, bool force);

// Writes the file whole or not at all. A pipe or a device is written to as it is.
Result<void> write_output(const std::string& path, std::string_view text);

// Whether both name one file that is there.
bool same_file(const std::string& a, const std::string& b);

}  // namespace assay::cli
