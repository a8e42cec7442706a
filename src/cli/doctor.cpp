// assay doctor: what on this machine would spoil a measurement or expose a model.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "cli/model_options.h"
#include "device/host/host.h"
#include "device/host/sockets.h"

namespace assay::cli {
namespace {

enum class Verdict : std::uint8_t { good, notice, bad, not_checked };

struct Finding {
  Verdict verdict;
  std::string check;
  std::string text;
  std::string advice;  // what to do about it; may be empty
};

const char* name(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "ok";
    case Verdict::notice:
      return "notice";
    case Verdict::bad:
      return "bad";
    case Verdict::not_checked:
      return "not checked";
  }
  return "bad";
}

// Ports on which inference servers listen unless told otherwise, and their programs.
struct KnownServer {
  std::uint16_t port;
  const char* what;
};
constexpr std::array known_ports{KnownServer{8080, "llama-server or mlx_lm.server"}, KnownServer{11434, "Ollama"},
                                 KnownServer{1234, "LM Studio"}, KnownServer{8000, "vLLM"}, KnownServer{4117, "assay"}};
constexpr std::array engine_names{"llama-server", "llama-cli", "llama-bench", "llama-completion", "ollama", "mlx_lm",
                                  "lms",          "rcli",      "vllm",        "koboldcpp",        "exo",    "assay"};

// What a Python process runs: the module after -m, or the script's name without its folders; "" for anything else.
std::string python_program(const std::string& command) {
  std::istringstream words(command);
  std::string word;
  words >> word;  // the interpreter
  while (words >> word) {
    if (word == "-m") return words >> word ? word : "";
    if (word == "-c") return "";
    if (!word.starts_with('-')) return std::filesystem::path(word).filename().string();
  }
  return "";
}

bool names_engine(const device::Process& process) {
  const std::string program = process.name.starts_with("python") ? python_program(process.command) : "";
  return std::ranges::any_of(engine_names, [&](std::string_view engine) {
    return process.name == engine || program == engine || program.starts_with(std::string(engine) + ".");
  });
}

void check_listeners(std::vector<Finding>& out) {
  const auto all = device::listeners();
  if (!all) {
    out.push_back({Verdict::not_checked, "listeners", "this system's listeners are not read", ""});
    return;
  }
  std::size_t engines = 0;
  for (const device::Listener& listener : *all) {
    const auto known = std::ranges::find(known_ports, listener.port, &KnownServer::port);
    const bool by_name = std::ranges::any_of(engine_names, [&](const char* n) { return listener.program == n; });
    if (known == known_ports.end() && !by_name) continue;
    ++engines;
    const std::string who = listener.address + ":" + std::to_string(listener.port) + " (" +
                            (listener.program.empty() ? std::string(known == known_ports.end() ? "?" : known->what)
                                                      : listener.program + ", pid " + std::to_string(listener.pid)) +
                            ")";
    if (listener.loopback()) {
      out.push_back({Verdict::good, "listeners", who + " listens on loopback only", ""});
    } else {
      out.push_back({Verdict::bad, "listeners", who + " accepts connections from other machines",
                     "bind it to 127.0.0.1, or put keys and TLS before it"});
    }
  }
  if (engines == 0) out.push_back({Verdict::good, "listeners", "no inference server listens", ""});
}

void check_engines(std::vector<Finding>& out) {
  const auto all = device::processes();
  if (!all) {
    out.push_back({Verdict::not_checked, "engines", "this system's processes are not read", ""});
    return;
  }
  std::size_t found = 0;
  for (const device::Process& process : *all) {
    if (!names_engine(process)) continue;
    ++found;
    out.push_back({Verdict::notice, "engines",
                   process.name + " runs (pid " + std::to_string(process.pid) + ", " +
                       human_bytes(static_cast<double>(process.resident_bytes)) + " resident)",
                   "it shares memory and cores with what is measured"});
  }
  if (found == 0) out.push_back({Verdict::good, "engines", "no other engine runs", ""});
}

void check_memory(std::vector<Finding>& out) {
  const device::Pressure pressure = device::memory_pressure();
  const std::string level = device::name(pressure.level);
  if (pressure.level == device::Pressure::Level::unknown) {
    out.push_back({Verdict::not_checked, "pressure", "the system does not tell its memory pressure", ""});
  } else {
    const bool normal = pressure.level == device::Pressure::Level::normal;
    out.push_back({normal ? Verdict::good : Verdict::bad, "pressure", "memory pressure is " + level,
                   normal ? "" : "close programs, or choose a smaller model, context or quant"});
  }
  const device::SwapUse swap = device::swap_use();
  if (!swap.used_bytes) {
    out.push_back({Verdict::not_checked, "swap", "the system does not tell its swap", ""});
  } else if (*swap.used_bytes > 0) {
    out.push_back({Verdict::notice, "swap", human_bytes(static_cast<double>(*swap.used_bytes)) + " are swapped out",
                   "a model that is swapped in stalls; see which program holds the memory"});
  } else {
    out.push_back({Verdict::good, "swap", "nothing is swapped out", ""});
  }
}

void check_machine(std::vector<Finding>& out) {
  const device::HostFacts host = device::host_facts();
  const std::string text = host.chip + ", " + std::to_string(host.cores) + " cores, " +
                           human_bytes(static_cast<double>(host.memory_bytes)) + ", " + host.os;
  out.push_back({Verdict::good, "machine", text, ""});
  if (host.power_source == "battery") {
    out.push_back({Verdict::notice, "power", "runs on battery", "speeds on battery differ; plug in before measuring"});
  } else {
    out.push_back({host.power_source == "unknown" ? Verdict::not_checked : Verdict::good, "power",
                   "power source: " + host.power_source, ""});
  }
  const auto isa = chosen_isa();
  if (!isa) {
    out.push_back({Verdict::bad, "instructions", isa.error().detail, "unset ASSAY_ISA"});
  } else if (*isa != kernel::best_isa()) {
    out.push_back({Verdict::notice, "instructions",
                   "kernels are held to " + std::string(kernel::name(*isa)) + " by ASSAY_ISA; this machine runs " +
                       std::string(kernel::name(kernel::best_isa())),
                   "unset ASSAY_ISA for full speed"});
  } else {
    out.push_back({Verdict::good, "instructions", "kernels use " + std::string(kernel::name(*isa)), ""});
  }
}

void check_home(const Session& session, std::vector<Finding>& out) {
  namespace fs = std::filesystem;
  fs::path home = session.home();
  std::error_code error;
  fs::path existing = home;
  while (!existing.empty() && !fs::exists(existing, error) && existing != existing.parent_path()) {
    existing = existing.parent_path();
  }
  const auto space = fs::space(existing, error);
  if (error) {
    out.push_back(
        {Verdict::bad, "home", home.string() + ": " + error.message(), "set ASSAY_HOME to a folder of yours"});
    return;
  }
  if (::access(existing.c_str(), W_OK) != 0) {
    out.push_back({Verdict::bad, "home", home.string() + ": cannot be written: " + std::strerror(errno),
                   "set ASSAY_HOME to a folder of yours"});
  }
  constexpr std::uintmax_t little = std::uintmax_t{2} << 30;
  out.push_back({space.available < little ? Verdict::notice : Verdict::good, "home",
                 home.string() + ": " + human_bytes(static_cast<double>(space.available)) + " free",
                 space.available < little ? "models and engines need room; free some or set ASSAY_HOME" : ""});
  const auto shipped = find_model(session, "");
  out.push_back({shipped ? Verdict::good : Verdict::bad, "model",
                 shipped ? "the small model is at " + *shipped : shipped.error().detail, ""});
}

void doctor(Session& session) {
  std::vector<Finding> findings;
  check_machine(findings);
  check_memory(findings);
  check_engines(findings);
  check_listeners(findings);
  check_home(session, findings);
  const bool bad = std::ranges::any_of(findings, [](const Finding& f) { return f.verdict == Verdict::bad; });
  if (session.json) {
    Json list = Json::array();
    for (const Finding& f : findings) {
      list.push_back({{"check", f.check},
                      {"verdict", name(f.verdict)},
                      {"text", f.text},
                      {"advice", f.advice.empty() ? Json(nullptr) : Json(f.advice)}});
    }
    session.print({{"findings", list}, {"healthy", !bad}});
  } else {
    for (const Finding& f : findings) {
      std::printf("%-12s %-12s %s\n", name(f.verdict), f.check.c_str(), f.text.c_str());
      if (!f.advice.empty()) std::printf("%-12s %-12s -> %s\n", "", "", f.advice.c_str());
    }
  }
  if (bad) session.finish(Exit::no);
}

}  // namespace

void add_doctor(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("doctor", "check this machine: exposed servers, stray engines, swap, power");
  command->footer("Exit code 1 where something is bad.\nExample:\n  assay doctor");
  command->callback([&session] { doctor(session); });
}

}  // namespace assay::cli
