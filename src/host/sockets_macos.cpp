#include "host/sockets.h"

// macOS tells by libproc, which is not read yet; callers say that they did not look.
namespace assay::host {

std::optional<std::vector<Listener>> listeners() { return std::nullopt; }
std::optional<std::vector<Process>> processes() { return std::nullopt; }

}  // namespace assay::host
