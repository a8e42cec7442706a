#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "host/energy.h"
#include "host/parse.h"

namespace assay::host {
namespace {

namespace fs = std::filesystem;

std::string line_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::optional<std::uint64_t> number_in(const fs::path& path) { return find_counter("x " + line_of(path), "x"); }

struct Zone {
  fs::path counter;
  std::uint64_t wraps_at = 0;  // microjoules
  std::uint64_t last = 0;
};

class Rapl final : public EnergyMeter {
 public:
  Rapl(std::vector<Zone> zones, std::string source) : zones_(std::move(zones)), source_(std::move(source)) {}
  std::string source() const override { return source_; }
  std::optional<double> joules() override {
    for (Zone& zone : zones_) {
      const auto now = number_in(zone.counter);
      if (!now) return std::nullopt;
      if (started_) sum_ += *now >= zone.last ? *now - zone.last : *now + zone.wraps_at - zone.last;
      zone.last = *now;
    }
    started_ = true;
    return static_cast<double>(sum_) * 1e-6;
  }

 private:
  std::vector<Zone> zones_;
  std::string source_;
  bool started_ = false;
  std::uint64_t sum_ = 0;
};

class Gpus final : public EnergyMeter {
 public:
  explicit Gpus(const Nvml& nvml) : nvml_(nvml) {}
  std::string source() const override { return "NVML " + std::to_string(nvml_.gpus().size()) + " GPU"; }
  std::optional<double> joules() override {
    const auto now = nvml_.joules();
    if (!now) return std::nullopt;
    if (!first_) first_ = now;
    return *now - *first_;
  }

 private:
  const Nvml& nvml_;
  std::optional<double> first_;
};

class Together final : public EnergyMeter {
 public:
  explicit Together(std::vector<std::unique_ptr<EnergyMeter>> meters) : meters_(std::move(meters)) {}
  std::string source() const override {
    std::string out;
    for (const auto& meter : meters_) out += (out.empty() ? "" : " + ") + meter->source();
    return out;
  }
  std::optional<double> joules() override {
    double sum = 0;
    for (const auto& meter : meters_) {
      const auto joules = meter->joules();
      if (!joules) return std::nullopt;
      sum += *joules;
    }
    return sum;
  }

 private:
  std::vector<std::unique_ptr<EnergyMeter>> meters_;
};

}  // namespace

EnergySource open_rapl(const fs::path& root) {
  std::vector<Zone> zones;
  std::string source = "RAPL";
  std::string unreadable;
  std::error_code error;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(root, error)) folders.push_back(entry.path());
  std::ranges::sort(folders);
  for (const fs::path& folder : folders) {
    // "psys" holds the packages, "core" and "uncore" are parts of them: only packages and their memory are added up.
    const std::string name = line_of(folder / "name");
    if (!name.starts_with("package") && name != "dram") continue;
    if (folder.filename().string().find("mmio") != std::string::npos) continue;  // the same packages again
    const auto now = number_in(folder / "energy_uj");
    if (!now) {
      unreadable = (folder / "energy_uj").string();
      continue;
    }
    zones.push_back({folder / "energy_uj", number_in(folder / "max_energy_range_uj").value_or(0), 0});
    source += (zones.size() == 1 ? " " : " + ") + name;
  }
  if (zones.empty()) {
    return {nullptr, unreadable.empty() ? "no RAPL counters under " + root.string()
                                        : unreadable + " may be read by the system's administrator only"};
  }
  return {std::make_unique<Rapl>(std::move(zones), source), ""};
}

EnergySource open_energy_meter(Nvml* nvml) {
  std::vector<std::unique_ptr<EnergyMeter>> meters;
  EnergySource rapl = open_rapl("/sys/class/powercap");
  if (rapl.meter != nullptr) meters.push_back(std::move(rapl.meter));
  if (nvml != nullptr && nvml->joules()) meters.push_back(std::make_unique<Gpus>(*nvml));
  if (meters.empty()) return {nullptr, rapl.reason};
  return {std::make_unique<Together>(std::move(meters)), ""};
}

}  // namespace assay::host
