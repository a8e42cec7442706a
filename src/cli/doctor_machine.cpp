#include "cli/doctor_machine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <thread>

#include "base/instructions.h"
#include "base/progress.h"
#include "cli/model_options.h"
#include "host/host.h"
#include "host/machine_state.h"
#include "host/sockets.h"

namespace assay::cli {
namespace {

constexpr double busy_cores_ok = 0.2;    // of others: less is what an idle desktop uses
constexpr double busy_process_ok = 0.1;  // a program is named from here on
constexpr double hot_celsius = 90;       // processors slow themselves from 95 to 105

std::string number(double value, const char* form) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), form, value);
  return text.data();
}

std::map<std::int64_t, double> seconds_of_processes(const std::vector<host::Process>& processes) {
  std::map<std::int64_t, double> out;
  for (const host::Process& process : processes) {
    if (const auto seconds = host::process_cpu_seconds(process.pid)) out[process.pid] = *seconds;
  }
  return out;
}

// "cc1plus (pid 812) 0.98, ld (pid 900) 0.40": the busiest of what runs now.
std::string busiest(const std::vector<host::Process>& processes, const std::map<std::int64_t, double>& before,
                    double seconds) {
  std::vector<std::pair<double, std::string>> found;
  for (const host::Process& process : processes) {
    const auto began = before.find(process.pid);
    const auto now = host::process_cpu_seconds(process.pid);
    if (began == before.end() || !now) continue;
    const double cores = (*now - began->second) / seconds;
    if (cores >= busy_process_ok)
      found.emplace_back(cores, process.name + " (pid " + std::to_string(process.pid) + ") " + number(cores, "%.2f"));
  }
  std::ranges::sort(found, std::greater<>());
  std::string out;
  constexpr std::size_t most = 3;
  for (std::size_t i = 0; i < std::min(found.size(), most); ++i) out += (i == 0 ? "" : ", ") + found[i].second;
  return out;
}

void check_load(const Clock& clock, std::uint32_t cores, std::vector<Finding>& out) {
  const auto processes = host::processes().value_or(std::vector<host::Process>{});
  const auto before = seconds_of_processes(processes);
  const host::CpuTimes first = host::cpu_times();
  const std::int64_t start_ns = clock.now_ns();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const host::CpuTimes last = host::cpu_times();
  const double seconds = static_cast<double>(clock.now_ns() - start_ns) * 1e-9;
  if (!first.busy || !last.busy) {
    out.push_back({Verdict::not_checked, "load", "the system does not tell how busy its cores are", ""});
    return;
  }
  const double others = std::max(0.0, *last.busy - *first.busy - (last.own - first.own)) / seconds;
  const double stolen = first.stolen && last.stolen ? (*last.stolen - *first.stolen) / seconds : 0;
  const std::string text = "others use " + number(others, "%.2f") + " of " + std::to_string(cores) + " cores";
  if (others < busy_cores_ok) {
    out.push_back({Verdict::good, "load", text, ""});
  } else {
    const std::string who = busiest(processes, before, seconds);
    out.push_back({Verdict::notice, "load", text + (who.empty() ? "" : ": " + who),
                   "end them or wait: a matrix that runs now is marked as a noisy run"});
  }
  if (stolen >= busy_cores_ok / 2) {
    out.push_back({Verdict::notice, "load", "the host takes " + number(stolen, "%.2f") + " cores for other guests",
                   "measure when the host is quiet, or on a machine of your own"});
  }
}

void check_limits(const host::HostFacts& host, const host::MachineState& state, std::vector<Finding>& out) {
  if (!state.guest_of.empty()) {
    out.push_back({Verdict::notice, "machine", "this is a virtual machine (" + state.guest_of + ")",
                   "cores may be shared with other guests and clocks are not shown: compare what one run measured, and "
                   "repeat it"});
  }
  if (state.cpu_quota && *state.cpu_quota < host.cores) {
    out.push_back({Verdict::notice, "limits",
                   "a container's limit gives " + number(*state.cpu_quota, "%.3g") + " of " +
                       std::to_string(host.cores) + " cores (cpu.max)",
                   "raise it (docker run --cpus), or use --threads " +
                       std::to_string(std::max(1, static_cast<int>(*state.cpu_quota)))});
  }
  if (state.memory_quota) {
    out.push_back({Verdict::notice, "limits",
                   "a container's limit gives " + human_bytes(static_cast<double>(*state.memory_quota)) + " of memory",
                   "a model beyond it ends the program: raise it (docker run --memory), or choose a smaller model"});
  }
  if (!(state.cpu_quota && *state.cpu_quota < host.cores) && !state.memory_quota)
    out.push_back({Verdict::good, "limits", "no container limits cores or memory", ""});
}

void check_clock(const host::MachineState& state, std::vector<Finding>& out) {
  const bool own_choice = state.clock_driver == "intel_pstate" || state.clock_driver.starts_with("amd-pstate") ||
                          state.clock_driver == "intel_cpufreq";
  if (state.governor.empty()) {
    out.push_back({Verdict::not_checked, "clock", "the system does not tell how the clock is chosen", ""});
  } else if (state.governor == "performance" || state.governor == "schedutil") {
    out.push_back({Verdict::good, "clock", "governor " + state.governor, ""});
  } else {
    out.push_back({own_choice && state.governor == "powersave" ? Verdict::good : Verdict::notice, "clock",
                   "governor " + state.governor + " (" + state.clock_driver + ")",
                   own_choice && state.governor == "powersave"
                       ? ""
                       : "it raises the clock late: 'cpupower frequency-set -g performance' before measuring"});
  }
  if (state.turbo) {
    out.push_back({*state.turbo ? Verdict::good : Verdict::notice, "turbo",
                   *state.turbo ? "the clock may rise above its nominal one while heat allows it"
                                : "the clock may not rise above its nominal one",
                   *state.turbo ? "" : "steady, but slower: turn it on in the firmware or by no_turbo/boost in /sys"});
  }
}

void check_heat(const host::MachineState& state, std::vector<Finding>& out) {
  const auto celsius = host::cpu_celsius();
  const std::string text = celsius ? number(*celsius, "%.0f") + " degrees Celsius" : "";
  if (state.throttled && *state.throttled > 0) {
    out.push_back({Verdict::notice, "heat",
                   "cores were slowed " + std::to_string(*state.throttled) + " times since boot because of heat" +
                       (text.empty() ? "" : "; now " + text),
                   "let it cool down, clean its fans; a long session will drift"});
  } else if (!celsius) {
    out.push_back({Verdict::not_checked, "heat", "the system does not tell the processor's temperature", ""});
  } else {
    out.push_back({*celsius >= hot_celsius ? Verdict::notice : Verdict::good, "heat", text,
                   *celsius >= hot_celsius ? "let it cool down before measuring: hot cores are slowed" : ""});
  }
}

// What engines may use here, beside the level of direct's kernels.
std::string instruction_words(const Instructions& has) {
  std::string out;
  for (const auto& [there, word] : {std::pair{has.avx512bw, "AVX-512"}, std::pair{has.avx512_vnni, "AVX-512 VNNI"},
                                    std::pair{has.avx_vnni, "AVX-VNNI"}, std::pair{has.amx_int8, "AMX"},
                                    std::pair{has.dotprod, "dotprod"}, std::pair{has.i8mm, "i8mm"}}) {
    if (there) out += (out.empty() ? "" : ", ") + std::string(word);
  }
  return out;
}

void check_instructions(const host::MachineState& state, std::vector<Finding>& out) {
  const Instructions has = instructions();
  const std::string words = instruction_words(has);
  const std::string also = words.empty() ? "" : "; this machine has " + words;
  const auto isa = roster::chosen_isa();
  if (!isa) {
    out.push_back({Verdict::bad, "instructions", isa.error().detail, "unset ASSAY_ISA"});
  } else if (*isa != kernel::best_isa()) {
    out.push_back({Verdict::notice, "instructions",
                   "kernels are held to " + std::string(kernel::name(*isa)) + " by ASSAY_ISA, instead of " +
                       std::string(kernel::name(kernel::best_isa())) + also,
                   "unset ASSAY_ISA for full speed"});
  } else {
    out.push_back({Verdict::good, "instructions", "kernels use " + std::string(kernel::name(*isa)) + also, ""});
  }
  const bool listed = std::ranges::find(state.instructions, "amx_int8") != state.instructions.end();
  if (listed && !has.amx_int8) {
    out.push_back({Verdict::notice, "instructions",
                   "the processor has AMX, and the system does not let programs use it",
                   "Linux 5.16 or newer does; in a container its seccomp profile must allow arch_prctl"});
  }
}

}  // namespace

void check_machine(const Clock& clock, std::vector<Finding>& out) {
  const host::HostFacts host = host::host_facts();
  const host::MachineState state = host::machine_state();
  out.push_back({Verdict::good, "machine",
                 host.chip + ", " + std::to_string(host.cores) + " cores, " +
                     human_bytes(static_cast<double>(host.memory_bytes)) + ", " + host.os,
                 ""});
  check_limits(host, state, out);
  check_load(clock, host.cores, out);
  if (host.power_source == "battery") {
    out.push_back({Verdict::notice, "power", "runs on battery", "speeds on battery differ; plug in before measuring"});
  } else {
    out.push_back({host.power_source == "unknown" ? Verdict::not_checked : Verdict::good, "power",
                   "power source: " + host.power_source, ""});
  }
  check_clock(state, out);
  check_heat(state, out);
  check_instructions(state, out);
}

}  // namespace assay::cli
