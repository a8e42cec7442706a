#include "host/identity.h"

#include <gtest/gtest.h>

namespace assay::host {
namespace {

TEST(Identity, an_id_is_hashed_without_its_newline_and_not_kept) {
  EXPECT_EQ(hashed_id("abc\n"), "ba7816bf8f01cfea");  // the first digits of SHA-256 of "abc", FIPS 180-4
  EXPECT_EQ(hashed_id(" abc"), hashed_id("abc"));
  EXPECT_EQ(hashed_id("\n"), "");
  EXPECT_EQ(hashed_id(""), "");
}

TEST(Identity, cache_sizes_have_units) {
  EXPECT_EQ(cache_size("48K\n"), 48U << 10);
  EXPECT_EQ(cache_size("260M"), 260U << 20);
  EXPECT_EQ(cache_size("1G"), 1U << 30);
  EXPECT_EQ(cache_size("512"), 512U);
  EXPECT_EQ(cache_size(""), 0U);
  EXPECT_EQ(cache_size("K"), 0U);
}

TEST(Identity, this_machine_is_the_same_twice_and_its_caches_hold_the_largest_one) {
  const HostFacts facts = host_facts();
  EXPECT_EQ(facts.machine_id, host_facts().machine_id);
  EXPECT_TRUE(facts.machine_id.empty() || facts.machine_id.size() == 16);
  if (facts.caches_bytes > 0) {
    EXPECT_GE(facts.caches_bytes, facts.cache_bytes);
  }
}

}  // namespace
}  // namespace assay::host
