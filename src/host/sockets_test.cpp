#include "host/sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace assay::host {
namespace {

TEST(Listeners, are_read_from_recorded_lines) {
  const auto found = parse_listeners(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100\n"
      "   1: 00000000:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0 100\n"
      "   2: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 9 1 0 100\n"
      "   3: zzzz\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].address, "127.0.0.1");
  EXPECT_EQ(found[0].port, 8080);
  EXPECT_EQ(found[0].inode, 12345U);
  EXPECT_TRUE(found[0].loopback());
  EXPECT_EQ(found[1].address, "0.0.0.0");
  EXPECT_EQ(found[1].port, 11434);
  EXPECT_FALSE(found[1].loopback());
}

TEST(Listeners, of_ipv6_are_read_too) {
  const auto found = parse_listeners(
      "0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 5 1\n"
      "1: 00000000000000000000000000000000:0051 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 6 1\n"
      "2: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1\n"
      "3: B80D0120000000000000000001000000:0053 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 8 1\n");
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].address, "::1");
  EXPECT_EQ(found[1].address, "::");
  EXPECT_EQ(found[2].address, "127.0.0.1");
  EXPECT_EQ(found[3].address, "2001:db8:0:0:0:0:0:1");
}

TEST(Listeners, a_socket_of_our_own_is_found_with_its_process) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(descriptor, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(descriptor, 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto all = listeners();
  ::close(descriptor);
  if (!all) GTEST_SKIP() << "the system does not tell its listeners";
  const auto ours = std::ranges::find(*all, ntohs(address.sin_port), &Listener::port);
  ASSERT_NE(ours, all->end());
  EXPECT_TRUE(ours->loopback());
  EXPECT_EQ(ours->pid, ::getpid());
}

TEST(Processes, hold_the_one_that_started_this_one) {
  const auto all = processes();
  if (!all) GTEST_SKIP() << "the system does not tell its processes";
  EXPECT_NE(std::ranges::find(*all, std::int64_t{::getppid()}, &Process::pid), all->end());
  EXPECT_EQ(std::ranges::find(*all, std::int64_t{::getpid()}, &Process::pid), all->end());
}

}  // namespace
}  // namespace assay::host
