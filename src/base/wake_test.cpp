#include "base/wake.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

namespace assay {
namespace {

constexpr std::int64_t minute = 60'000'000'000;

bool readable(const Wake& wake) {
  pollfd one{wake.descriptor(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

TEST(Wake, what_was_notified_before_the_wait_ends_it_once) {
  const auto wake = Wake::make().value();
  EXPECT_FALSE(wake->take());
  EXPECT_FALSE(wake->wait(0));
  EXPECT_FALSE(wake->wait(-5));
  wake->notify();
  wake->notify();
  EXPECT_TRUE(readable(*wake));
  EXPECT_TRUE(wake->take());
  EXPECT_FALSE(wake->take());
  EXPECT_FALSE(readable(*wake));
  wake->notify();
  EXPECT_TRUE(wake->wait(minute));
  EXPECT_FALSE(wake->wait(1));
}

TEST(Wake, notifying_without_end_blocks_nobody) {
  const auto wake = Wake::make().value();
  for (int i = 0; i < 200'000; ++i) wake->notify();  // more bytes than a pipe holds
  EXPECT_TRUE(wake->wait(minute));
  EXPECT_FALSE(readable(*wake));
}

TEST(Wake, another_thread_ends_a_wait_and_what_it_wrote_is_seen) {
  const auto wake = Wake::make().value();
  const auto answer = Wake::make().value();
  std::atomic<int> value = 0;
  std::thread other([&] {
    for (int i = 1; i <= 1000; ++i) {
      value.store(i, std::memory_order_relaxed);
      wake->notify();
      while (!answer->wait(minute)) {
      }
    }
  });
  for (int i = 1; i <= 1000; ++i) {
    while (value.load(std::memory_order_relaxed) != i) ASSERT_TRUE(wake->wait(minute));
    answer->notify();
  }
  other.join();
}

}  // namespace
}  // namespace assay
