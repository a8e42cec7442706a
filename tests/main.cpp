// main of every test program: a temporary folder of its own, so that tests may run side by side, removed at the end.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

int main(int argc, char** argv) {
  std::error_code error;
  std::string folder = (std::filesystem::temp_directory_path(error) / "assay_test_XXXXXX").string();
  if (error || mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "no temporary folder '%s' can be made\n", folder.c_str());
    return 1;
  }
  setenv("TEST_TMPDIR", (folder + "/").c_str(), 1);  // what testing::TempDir() gives
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  std::filesystem::remove_all(folder, error);
  return result;
}
