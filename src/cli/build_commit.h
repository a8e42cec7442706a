// Which sources this program was built from.
#pragma once

#include <string>

namespace assay::cli {

// "c4d09fb", "c4d09fb-dirty" where they were changed; "" where they are no git checkout.
std::string build_commit();

}  // namespace assay::cli
