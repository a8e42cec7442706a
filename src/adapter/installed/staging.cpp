#include "adapter/installed/staging.h"

namespace assay::adapter {

Result<Staging> begin_engine(const std::filesystem::path& engines, const std::string& name, const std::string& version,
                             std::uint64_t disk_bytes) {
  return Staging::begin(engines / name, version, name + " " + version, disk_bytes);
}

Result<void> remove_engine(const std::filesystem::path& engines, const std::string& name, const std::string& version) {
  const std::filesystem::path folder = engines / name;
  if (std::error_code error; !std::filesystem::is_directory(folder / version, error)) {
    return fail(Errc::not_found, (folder / version).string() + ": no such engine");
  }
  ASSAY_TRY(remove_folder(folder, version, name + " " + version));
  std::error_code ignored;
  std::filesystem::remove(folder / (version + ".failed.log"), ignored);
  std::filesystem::remove(folder, ignored);  // fails where something is in it
  return {};
}

}  // namespace assay::adapter
