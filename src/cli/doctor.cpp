// assay doctor: what on this machine would spoil a measurement or expose a model.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "adapter/installed/catalogue.h"
#include "adapter/installed/manifest.h"
#include "cli/doctor_machine.h"
#include "cli/engine_proof.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "host/host.h"
#include "host/sockets.h"

namespace assay::cli {
namespace {

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
constexpr std::array server_programs{"llama-server", "llama-cli", "llama-bench", "llama-completion", "ollama", "mlx_lm",
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

bool is_inference(const host::Process& process) {
  const std::string program = process.name.starts_with("python") ? python_program(process.command) : "";
  return std::ranges::any_of(server_programs, [&](std::string_view engine) {
    return process.name == engine || program == engine || program.starts_with(std::string(engine) + ".");
  });
}

void check_listeners(std::vector<Finding>& out) {
  const auto all = host::listeners();
  if (!all) {
    out.push_back({Verdict::not_checked, "listeners", "this system's listeners are not read", ""});
    return;
  }
  std::size_t engines = 0;
  for (const host::Listener& listener : *all) {
    const auto known = std::ranges::find(known_ports, listener.port, &KnownServer::port);
    const bool by_name = std::ranges::any_of(server_programs, [&](const char* n) { return listener.program == n; });
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

void check_programs(std::vector<Finding>& out) {
  const auto all = host::processes();
  if (!all) {
    out.push_back({Verdict::not_checked, "programs", "this system's processes are not read", ""});
    return;
  }
  std::size_t found = 0;
  for (const host::Process& process : *all) {
    if (!is_inference(process)) continue;
    ++found;
    out.push_back({Verdict::notice, "programs",
                   process.name + " runs (pid " + std::to_string(process.pid) + ", " +
                       human_bytes(static_cast<double>(process.resident_bytes)) + " resident)",
                   "it shares memory and cores with what is measured; end it before measuring"});
  }
  if (found == 0) out.push_back({Verdict::good, "programs", "no other program for inference runs", ""});
}

// Each installed engine computes a prompt and some tokens of a small model.
Result<void> check_engines(const Session& session, std::vector<Finding>& out) {
  const adapter::Installed installed = adapter::installed_engines((session.home() / "engines").string());
  const Interrupt interrupt(session.stop);
  for (const adapter::Manifest& manifest : installed.engines) {
    const std::string name = manifest.name + " " + manifest.version;
    const std::int64_t start_ns = session.clock.now_ns();
    const auto failure = try_engine(manifest, session.clock, [&] { return !interrupt.asked(); });
    if (!failure && failure.error().code == Errc::cancelled) return std::unexpected(failure.error());
    if (!failure) {
      out.push_back({Verdict::not_checked, "engines", name + ": " + to_string(failure.error()), ""});
    } else if (!failure->empty()) {
      out.push_back({Verdict::bad, "engines", name + ": " + *failure,
                     "'assay engines install " + manifest.name + " --force' makes it anew, and proves it"});
    } else {
      const auto seconds = static_cast<double>(session.clock.now_ns() - start_ns) * 1e-9;
      std::array<char, 32> took{};
      std::snprintf(took.data(), took.size(), "%.1f s", seconds);
      out.push_back({manifest.proof.empty() ? Verdict::notice : Verdict::good, "engines",
                     name + " computes right on a small model (" + took.data() + ")",
                     manifest.proof.empty() ? "it was installed before engines had to prove themselves; 'assay engines "
                                              "install " +
                                                  manifest.name + "' does that"
                                            : ""});
    }
  }
  for (const std::string& complaint : installed.complaints)
    out.push_back({Verdict::bad, "engines", complaint, "'assay engines install NAME --force' makes it anew"});
  std::string missing;
  for (const std::string& name : adapter::engine_names()) {
    if (std::ranges::none_of(installed.engines, [&](const auto& manifest) { return manifest.name == name; }))
      missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty()) {
    out.push_back({Verdict::notice, "engines", "not installed: " + missing,
                   "'assay engines install NAME' does it; a matrix then has a row of it"});
  }
  return {};
}

void check_memory(std::vector<Finding>& out) {
  const host::Pressure pressure = host::memory_pressure();
  const std::string level = host::name(pressure.level);
  if (pressure.level == host::Pressure::Level::unknown) {
    out.push_back({Verdict::not_checked, "pressure", "the system does not tell its memory pressure", ""});
  } else {
    const bool normal = pressure.level == host::Pressure::Level::normal;
    out.push_back({normal ? Verdict::good : Verdict::bad, "pressure", "memory pressure is " + level,
                   normal ? "" : "close programs, or choose a smaller model, context or quant"});
  }
  const host::SwapUse swap = host::swap_use();
  if (!swap.used_bytes) {
    out.push_back({Verdict::not_checked, "swap", "the system does not tell its swap", ""});
  } else if (*swap.used_bytes > 0) {
    out.push_back({Verdict::notice, "swap", human_bytes(static_cast<double>(*swap.used_bytes)) + " are swapped out",
                   "a model that is swapped in stalls; see which program holds the memory"});
  } else {
    out.push_back({Verdict::good, "swap", "nothing is swapped out", ""});
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
  out.push_back(
      {shipped ? Verdict::good : Verdict::bad, "model",
       shipped ? "the small model that commands use without -m is there: " + *shipped : shipped.error().detail,
       shipped ? "" : "give a model by -m, or import one: 'assay models import FILE'"});
}

void doctor(Session& session) {
  std::vector<Finding> findings;
  check_machine(session.clock, findings);
  check_memory(findings);
  check_programs(findings);
  check_listeners(findings);
  check_home(session, findings);
  if (const auto checked = check_engines(session, findings); !checked) return session.fail(checked.error());
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
  CLI::App* command =
      app.add_subcommand("doctor", "check this machine and its engines: load, limits, clocks, swap, exposed servers");
  command->footer("Exit code 1 where something is bad.\nExample:\n  assay doctor");
  command->callback([&session] { doctor(session); });
}

}  // namespace assay::cli
