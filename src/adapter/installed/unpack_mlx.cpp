#include "adapter/installed/job.h"

namespace assay::adapter {

namespace fs = std::filesystem;

Result<Library> unpack_mlx(Job& job) {
  auto fetched = fetch(job);
  if (!fetched) return std::unexpected(std::move(fetched.error()));
  job.begin("unpack", fetched->files.size(), "wheels");
  if (find_program("python3").empty())
    return fail(Errc::unsupported, "unpack: python3, which opens wheels, is not on PATH; install python3");
  std::uint64_t done = 0;
  for (const fs::path& file : fetched->files) {
    // As they lie to each other in site-packages: MLX looks for its libraries and headers from its own place on.
    ASSAY_TRY(job.run({"python3", "-m", "zipfile", "-e", file.string(), job.tree.string()}));
    job.watch.progress(++done);
  }
  for (const char* path : {"mlx/include/mlx/mlx.h", "mlx/share/cmake/MLX/MLXConfig.cmake", "mlx/lib"}) {
    if (!is_there(job.tree / path))
      return fail(Errc::bad_value,
                  "unpack: " + fetched->files.front().string() + ": no " + std::string(path) + " in it");
  }
  Library out;
  for (const Fetch& one : job.entry.fetches)
    out.source += (out.source.empty() ? "pypi " : " ") + one.project + "==" + one.version;
  out.source_sha256 = fetched->sha256;
  out.devices =
      job.entry.device == "cpu" ? std::vector<std::string>{"cpu"} : std::vector<std::string>{job.entry.device, "cpu"};
  return out;
}

}  // namespace assay::adapter
