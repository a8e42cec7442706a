#include "adapter/installed/catalogue.h"

#include <algorithm>

#include "base/text.h"

namespace assay::adapter {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;

// llama.cpp's source as PyPI has it: an sdist of its Python bindings, with the whole tree inside.
Fetch llama_sdist() {
  return {.project = "llama-cpp-python",
          .version = "0.3.36",
          .sha256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
          .bytes = 76'589'250,
          .is_source = true};
}

// The library, its headers and its CMake package are in a wheel of their own, the same for every Python.
Fetch wheel(const char* project, const char* version, const char* sha256, std::uint64_t bytes) {
  return {.project = project, .version = version, .sha256 = sha256, .bytes = bytes};
}

CatalogueEntry llama(const char* system, const char* arch, const char* device, std::uint64_t disk_bytes) {
  return {.name = "llama.cpp",
          .version = "0.3.36",
          .system = system,
          .arch = arch,
          .device = device,
          .recipe = Recipe::llama_source,
          .loads = {"gguf"},
          .fetches = {llama_sdist()},
          .disk_bytes = disk_bytes};
}

CatalogueEntry mlx(const char* system, const char* arch, const char* device, std::vector<Fetch> fetches,
                   std::uint64_t disk_bytes) {
  return {.name = "mlx",
          .version = "0.32.4",
          .system = system,
          .arch = arch,
          .device = device,
          .recipe = Recipe::mlx_wheels,
          .loads = {"gguf", "mlx"},
          .fetches = std::move(fetches),
          .disk_bytes = disk_bytes};
}

std::vector<CatalogueEntry> make_catalogue() {
  return {
      llama("linux", "x86_64", "cpu", 700 * mib),
      llama("linux", "aarch64", "cpu", 700 * mib),
      llama("linux", "x86_64", "cuda", 2500 * mib),
      llama("linux", "aarch64", "cuda", 2500 * mib),
      llama("macos", "aarch64", "metal", 700 * mib),
      llama("macos", "aarch64", "cpu", 700 * mib),
      mlx("linux", "x86_64", "cpu",
          {wheel("mlx-cpu", "0.32.4", "0e0a24fa2ce8b6b94d2e6a90604e8813aa8e29fcb918bb2aa01cfb6d133d8cee", 10'486'971)},
          150 * mib),
      mlx("linux", "aarch64", "cpu",
          {wheel("mlx-cpu", "0.32.4", "1289e85e64af1fd16380bf331438bfe4afe875d27afc3e0bcf35f427c488fadd", 8'957'465)},
          150 * mib),
      mlx("macos", "aarch64", "metal",
          {wheel("mlx-metal", "0.32.4", "8019b2db622599267d66cc168b2f0dbf5af929790a6c3b3913e00eabc42a7947",
                 44'958'619)},
          400 * mib),
      // NVIDIA's libraries come as wheels too. What each needs was resolved once and is pinned with it.
      mlx("linux", "x86_64", "cuda",
          {wheel("mlx-cuda-13", "0.32.4", "94cb48fba73e5ee39467e51c35c51c691123359ca17bafd1a24cf92ad6732bee",
                 89'800'000),
           wheel("nvidia-cublas", "13.10.0.20", "dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84",
                 444'300'000),
           wheel("nvidia-cuda-nvrtc", "13.5.37", "86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc",
                 58'200'000),
           wheel("nvidia-cuda-runtime", "13.5.37", "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d",
                 2'500'000),
           wheel("nvidia-cudnn-cu13", "9.28.1.4", "a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec",
                 516'800'000),
           wheel("nvidia-cufft", "12.5.0.14", "b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad",
                 165'100'000),
           wheel("nvidia-cusolver", "12.4.1.2", "b3b8e02fd2f2df869369af075dc3a179d43f6f7b85e94632a7dce556697be044",
                 260'000'000),
           wheel("nvidia-cusparse", "12.9.4.2", "072667e58c851a318738f5527a12eb225cbf058803f2ea451c722d8cf8edddec",
                 230'400'000),
           wheel("nvidia-nccl-cu13", "2.32.3", "1459723080ac889d73a26edfa3e04383a7928ab31ac8f0ec43b3ea9548b04ff3",
                 305'100'000),
           wheel("nvidia-nvjitlink", "13.5.37", "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb",
                 46'600'000)},
          8000 * mib),
  };
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// It becomes a folder's name and a word of a command.
bool is_version(const std::string& text) {
  return !text.empty() && text.size() <= 64 && text.front() >= '0' && text.front() <= '9' &&
         text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.") == std::string::npos;
}

}  // namespace

std::span<const CatalogueEntry> catalogue() {
  static const std::vector<CatalogueEntry> entries = make_catalogue();
  return entries;
}

Platform this_platform() {
  Platform out;
#ifdef __APPLE__
  out.system = "macos";
#else
  out.system = "linux";
#endif
#if defined(__aarch64__)
  out.arch = "aarch64";
#elif defined(__x86_64__)
  out.arch = "x86_64";
#else
  out.arch = "another";
#endif
  return out;
}

std::vector<std::string> engine_names() {
  std::vector<std::string> out;
  for (const CatalogueEntry& entry : catalogue()) {
    if (std::ranges::find(out, entry.name) == out.end()) out.push_back(entry.name);
  }
  return out;
}

Result<CatalogueEntry> find_entry(const Wanted& wanted, const Platform& platform) {
  const std::vector<std::string> names = engine_names();
  if (std::ranges::find(names, wanted.name) == names.end()) {
    return fail(Errc::not_found,
                in_quotes(wanted.name) + " is no engine that can be installed; there are " + list_of(names));
  }
  std::vector<std::string> devices;
  const CatalogueEntry* found = nullptr;
  for (const CatalogueEntry& entry : catalogue()) {
    if (entry.name != wanted.name || entry.system != platform.system || entry.arch != platform.arch) continue;
    devices.push_back(entry.device);
    if (entry.device == wanted.device) found = &entry;
  }
  if (found == nullptr) {
    return fail(Errc::unsupported, wanted.name + " for " + in_quotes(wanted.device) + " on " + platform.system + " " +
                                       platform.arch + ": expected " +
                                       (devices.empty() ? "another machine" : list_of(devices)));
  }
  CatalogueEntry out = *found;
  if (wanted.version.empty() || wanted.version == out.version) {
    if (!wanted.sha256.empty() && wanted.sha256 != out.fetches.front().sha256) {
      return fail(Errc::bad_value, "--sha256 " + wanted.sha256 + ", expected " + out.fetches.front().sha256 +
                                       ", to which " + out.name + " " + out.version + " is pinned");
    }
    return out;
  }
  if (!is_version(wanted.version))
    return fail(Errc::bad_value, "version " + in_quotes(wanted.version) + ", expected one as 0.3.36");
  if (!wanted.sha256.empty() && !is_sha256(wanted.sha256))
    return fail(Errc::bad_value, "--sha256 " + in_quotes(wanted.sha256) + ", expected 64 hex digits");
  if (out.fetches.size() > 1) {
    return fail(Errc::unsupported, out.name + " " + wanted.version + " for " + out.device + ": only " + out.version +
                                       " is known with the libraries that it needs");
  }
  out.version = wanted.version;
  out.fetches.front().version = wanted.version;
  out.fetches.front().sha256 = wanted.sha256;
  out.fetches.front().bytes = 0;
  return out;
}

Result<CatalogueEntry> without_nvidia(CatalogueEntry entry) {
  const auto is_nvidia = [](const Fetch& fetch) { return fetch.project.starts_with("nvidia-"); };
  std::uint64_t bytes = 0;
  for (const Fetch& fetch : entry.fetches) bytes += is_nvidia(fetch) ? fetch.bytes : 0;
  if (std::erase_if(entry.fetches, is_nvidia) == 0) {
    return fail(Errc::unsupported, "--nvidia-libraries: " + entry.name + " for " + in_quotes(entry.device) +
                                       " brings no libraries of NVIDIA's; expected mlx for \"cuda\"");
  }
  entry.disk_bytes -= std::min(entry.disk_bytes, 2 * bytes);  // as wheels and unpacked
  return entry;
}

bool is_pinned(const CatalogueEntry& entry) {
  return std::ranges::none_of(entry.fetches, [](const Fetch& fetch) { return fetch.sha256.empty(); });
}

std::string folder_version(const CatalogueEntry& entry) {
  return entry.version + (entry.device == "cuda" ? "+cuda" : "");
}

}  // namespace assay::adapter
