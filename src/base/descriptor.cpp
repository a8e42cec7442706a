#include "base/descriptor.h"

#include <unistd.h>

namespace assay {

void Descriptor::close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

}  // namespace assay
