#include "cli/build_commit.h"

#include <build_commit_text.h>  // made by cmake/commit.cmake at each build, when it changes

namespace assay::cli {

std::string build_commit() { return ASSAY_COMMIT; }

}  // namespace assay::cli
