#include "host/machine_state.h"

namespace assay::device {

MachineState machine_state(const std::string&) { return {}; }

}  // namespace assay::device
