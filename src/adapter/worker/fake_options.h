// For tests: options that start the fake worker with orders, and a look at what a worker may leave behind.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>

#include "adapter/worker/worker_backend.h"

namespace assay::adapter {

inline WorkerOptions fake_options(const std::string& orders) {
  WorkerOptions options;
  options.program = ASSAY_FAKE_WORKER;
  options.load.model = "fake:" + orders;
  options.load.context = 256;
  options.load.sequences = 4;
  options.load.batch = 64;
  options.load.ubatch = 64;
  options.load.threads = 1;
  options.stop_timeout_ns = 400'000'000;
  return options;
}

// No descriptor, child process or mapping of shared memory more at the end of its life than at the start.
class NothingLeft final {
 public:
  NothingLeft() : descriptors_(open_descriptors()) {}
  ~NothingLeft() {
    EXPECT_EQ(open_descriptors(), descriptors_);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(logit_mappings(), 0U);
  }
  NothingLeft(const NothingLeft&) = delete;
  NothingLeft& operator=(const NothingLeft&) = delete;

 private:
  static std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int number = 0; number < 1024; ++number) count += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
    return count;
  }
  // The shared memory has no name under /dev/shm; its mappings show it.
  static std::size_t logit_mappings() {
    std::size_t count = 0;
    if (FILE* maps = std::fopen("/proc/self/maps", "r"); maps != nullptr) {
      std::string line(4096, '\0');
      while (std::fgets(line.data(), static_cast<int>(line.size()), maps) != nullptr) {
        count += line.find("assay-logits") < line.find('\0') ? 1 : 0;
      }
      std::fclose(maps);
    }
    return count;
  }

  const std::size_t descriptors_;
};

}  // namespace assay::adapter
