#include "cli/outputs.h"

#include <filesystem>

#include "base/output_file.h"

namespace assay::cli {

namespace fs = std::filesystem;

Result<void> check_output(std::string_view what, const std::string& path, bool force) {
  if (path.empty()) return {};
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!force && fs::is_regular_file(status) && fs::file_size(path, error) > 0) {
    return fail(Errc::bad_value,
                std::string(what) + " " + path + ": a file of that name is there; --force writes over it");
  }
  auto probe = OutputFile::create(path, 0);
  if (!probe) return std::unexpected(with_context(what, std::move(probe.error())));
  return {};
}

Result<void> write_output(const std::string& path, std::string_view text) {
  auto file = OutputFile::create(path, text.size());
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(text));
  return file->commit();
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return !a.empty() && !b.empty() && fs::equivalent(a, b, error);
}

}  // namespace assay::cli
