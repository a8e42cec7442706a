// assay models verify: are the bytes still those that were imported, and do they make a model?
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "artifact/check.h"
#include "artifact/store.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/models.h"

namespace assay::cli {
namespace {

struct VerifyArguments {
  std::vector<std::string> models;
  bool all = false;
  bool accept = false;
};

// The stored model of this name, if it is one and no file of that name is nearer.
Result<std::optional<artifact::StoredModel>> stored(const Session& session, const std::string& model) {
  std::error_code error;
  if (model.empty() || std::filesystem::exists(model, error)) return std::nullopt;
  auto found = store_of(session).find(model);
  if (found) return std::optional(std::move(*found));
  if (found.error().code == Errc::not_found) return std::nullopt;
  return std::unexpected(std::move(found.error()));
}

struct Verdict {
  std::string path;
  std::string sha256;
  bool recorded = false;  // there is a manifest to compare with
  bool accepted = false;
  std::vector<std::string> complaints;
};

// Progress of one step; false stops it.
template <class Step>
auto watched(Session& session, const char* what, std::uint64_t total, Step&& step) {
  const Interrupt interrupt(session.stop);
  Progress progress(session.clock, session.progress(), what, total, "B");
  return step([&](std::uint64_t bytes) {
    progress.update(bytes);
    return !interrupt.asked();
  });
}

Result<Verdict> verify_one(Session& session, const std::string& model, bool accept) {
  auto known = stored(session, model);
  if (!known) return std::unexpected(known.error());
  Verdict out;
  out.recorded = known->has_value();
  if (accept && !out.recorded)
    return fail(Errc::bad_value, "--accept: " + (model.empty() ? std::string(shipped_model) : model) +
                                     " is not in the store, so there is nothing to change");
  if (out.recorded) {
    out.path = (*known)->path;
    auto found = watched(session, "hashing", (*known)->bytes,
                         [&](const auto& progress) { return artifact::check_files(**known, progress); });
    if (!found) return std::unexpected(std::move(found.error()));
    out.complaints = std::move(*found);
    // The same bytes written again, or others that are wanted: the manifest gets them.
    const bool touched = out.complaints.empty() && !artifact::check_unchanged(**known);
    if ((accept && !out.complaints.empty()) || touched) {
      auto taken = watched(session, "hashing", (*known)->bytes, [&](const auto& progress) {
        return store_of(session).accept((*known)->name, static_cast<std::int64_t>(wall_seconds()), progress);
      });
      if (!taken) return std::unexpected(std::move(taken.error()));
      *known = std::move(*taken);
      out.accepted = !touched;
      out.complaints.clear();
    }
    out.sha256 = (*known)->sha256;
  } else {
    auto path = find_model(session, model);
    if (!path) return std::unexpected(std::move(path.error()));
    out.path = std::move(*path);
  }
  const auto checkpoint = roster::open_checkpoint(out.path);
  if (!checkpoint) {
    // Of a name that is not kept the error is the answer itself.
    if (!out.recorded) return std::unexpected(checkpoint.error());
    out.complaints.push_back(to_string(checkpoint.error()));
    return out;
  }
  if (!out.recorded) {
    auto hash = watched(session, "hashing", checkpoint->file_bytes(),
                        [&](const auto& progress) { return artifact::hash_files(checkpoint->files(), progress); });
    if (!hash) return std::unexpected(std::move(hash.error()));
    out.sha256 = std::move(*hash);
  }
  device::ThreadPool pool(device::default_threads());
  const auto found = watched(session, "checking tensors", checkpoint->weight_bytes(),
                             [&](const auto& progress) { return artifact::check_values(*checkpoint, pool, progress); });
  if (!found) return std::unexpected(found.error());
  out.complaints.insert(out.complaints.end(), found->begin(), found->end());
  return out;
}

Json to_json(const Verdict& verdict) {
  return {{"path", verdict.path},         {"sha256", verdict.sha256},         {"recorded", verdict.recorded},
          {"accepted", verdict.accepted}, {"ok", verdict.complaints.empty()}, {"complaints", verdict.complaints}};
}

void print_line(const std::string& name, const Verdict& verdict) {
  const std::string front = name.empty() ? "" : name + ": ";
  for (const std::string& complaint : verdict.complaints) std::printf("%s%s\n", front.c_str(), complaint.c_str());
  if (!verdict.complaints.empty()) return;
  const char* what = verdict.accepted   ? "the files as they are now are taken"
                     : verdict.recorded ? "the files that were imported"
                                        : "not in the store, so there is nothing to compare with";
  std::printf("%s%s: %s, every tensor is sound, SHA-256 %s\n", front.c_str(), verdict.path.c_str(), what,
              verdict.sha256.c_str());
}

Result<void> verify_command(Session& session, const VerifyArguments& arguments) {
  std::vector<std::string> names = arguments.models;
  const bool all = arguments.all || names.empty();
  if (arguments.all && !names.empty())
    return fail(Errc::bad_value, "--all: expected no names beside it, met " + names.front());
  if (arguments.accept && all) return fail(Errc::bad_value, "--accept: expected the names of models");
  if (all) {
    names.emplace_back();  // the shipped one
    const auto models = store_of(session).list();
    if (!models) return std::unexpected(models.error());
    for (const artifact::StoredModel& model : *models) names.push_back(model.name);
  }
  Json list = Json::array();
  bool ok = true;
  for (const std::string& name : names) {
    auto verdict = verify_one(session, name, arguments.accept);
    // Of several models each is told, also where one is not there.
    if (!verdict && (names.size() == 1 || verdict.error().code == Errc::cancelled))
      return std::unexpected(std::move(verdict.error()));
    Verdict told;
    if (verdict) {
      told = std::move(*verdict);
    } else {
      told.path = name;
      told.complaints.push_back(to_string(verdict.error()));
    }
    ok = ok && told.complaints.empty();
    const std::string shown = name.empty() ? shipped_model : name;
    Json one = to_json(told);
    one["name"] = shown;
    list.push_back(std::move(one));
    if (!session.json) print_line(names.size() > 1 ? shown : "", told);
  }
  if (session.json) {
    session.print(arguments.models.size() == 1 ? list.front() : Json{{"ok", ok}, {"models", std::move(list)}});
  }
  if (!ok) session.finish(Exit::no);
  return {};
}

}  // namespace

void add_models_verify(CLI::App& models, Session& session) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command =
      models.add_subcommand("verify", "hash again, compare, and check every tensor; exit code 1 where it differs");
  command->footer("Examples:\n  assay models verify qwen3-4b\n  assay models verify --all");
  command->add_option("models", arguments->models,
                      "names, files or folders (default: all that are kept, and the shipped one)");
  command->add_flag("--all", arguments->all, "every model that is kept, and the shipped one");
  command->add_flag("--accept", arguments->accept, "take files that differ as they are now");
  command->callback([arguments, &session] {
    if (const auto done = verify_command(session, *arguments); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
