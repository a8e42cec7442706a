#include "adapter/installed/job.h"

namespace assay::adapter {

namespace fs = std::filesystem;

namespace {

// The folders of NVIDIA's wheels in which libmlx looks, from its own place on.
constexpr const char* nvidia_folders[] = {"cu13",  "cublas",   "cuda_nvrtc", "cuda_runtime", "cudnn",
                                          "cufft", "cusolver", "cusparse",   "nccl",         "nvjitlink"};

Result<void> link_nvidia(const fs::path& folder, const fs::path& at) {
  std::error_code error;
  fs::create_directories(at, error);
  std::size_t linked = 0;
  for (const char* name : nvidia_folders) {
    if (error) break;
    if (!is_there(folder / name / "lib")) continue;
    fs::create_symlink(fs::absolute(folder, error) / name, at / name, error);
    ++linked;
  }
  if (error) return fail(Errc::io, at.string() + ": " + error.message());
  if (linked == 0) {
    return fail(Errc::not_found, "--nvidia-libraries " + folder.string() +
                                     ": no cu13/lib or cudnn/lib in it; expected the folder 'nvidia' of site-packages");
  }
  return {};
}

}  // namespace

Result<Source> prepare_mlx(Job& job) {
  auto fetched = fetch(job);
  if (!fetched) return std::unexpected(std::move(fetched.error()));
  return Source{.fetched = std::move(*fetched), .folder = {}, .commit = ""};
}

Result<Library> unpack_mlx(Job& job, const Source& source) {
  const Fetched* fetched = &source.fetched;
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
  const std::string& nvidia = job.options.nvidia_libraries;
  if (!nvidia.empty()) ASSAY_TRY(link_nvidia(nvidia, job.tree / "nvidia"));
  for (const Fetch& one : job.entry.fetches)
    out.source += (out.source.empty() ? "pypi " : " ") + one.project + "==" + one.version;
  if (!nvidia.empty()) out.source += " with NVIDIA's libraries of " + nvidia;
  out.source_sha256 = fetched->sha256;
  out.devices =
      job.entry.device == "cpu" ? std::vector<std::string>{"cpu"} : std::vector<std::string>{job.entry.device, "cpu"};
  return out;
}

}  // namespace assay::adapter
