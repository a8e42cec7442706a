// What differs between Linux and macOS; for this folder only. Defined in linux.cpp or macos.cpp. Results are -1 with errno
// set, as the system's own are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.h"

namespace assay::process::system {

extern const int send_flags;  // of send(): no SIGPIPE, where it is a flag

int socket_pair(std::array<int, 2>& ends);  // stream, close-on-exec
int pipe(std::array<int, 2>& ends);         // close-on-exec
void no_sigpipe(int socket);                // where it is an option of the socket

// A descriptor of `bytes` of memory that nobody can shrink.
int shared_object(std::size_t bytes);

// Everything that the child needs, made before it is there. The lists end with a null pointer.
struct Start {
  const char* program;
  char* const* arguments;
  char* const* environment;
  std::span<const int> handed_down;
  int input;   // becomes 0
  int output;  // becomes 1 and 2
};
// The child's id, or -1 with errno, also where the program could not be executed (nothing is left then).
std::int64_t start(const Start& start);

}  // namespace assay::process::system
