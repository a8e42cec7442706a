// assay models import, list, verify, remove, dedupe.
#include <algorithm>
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

artifact::Store store_of(const Session& session) { return artifact::Store(session.home() / "models"); }

Json to_json(const artifact::StoredModel& model) {
  return {{"name", model.name},
          {"kept", artifact::name(model.kept)},
          {"path", model.path},
          {"source", model.source},
          {"sha256", model.sha256},
          {"bytes", model.bytes},
          {"format", model.format},
          {"architecture", model.architecture},
          {"quant", model.quant},
          {"context", model.context},
          {"imported_unix_s", model.imported_unix_s}};
}

struct ImportArguments {
  std::string path;
  std::string name;
  bool reference = false;
  bool copy = false;
};

Result<void> import_command(Session& session, const ImportArguments& arguments) {
  artifact::ImportOptions options{
      .path = arguments.path, .name = arguments.name, .now_unix_s = static_cast<std::int64_t>(wall_seconds())};
  if (arguments.reference) options.as = artifact::Kept::reference;
  if (arguments.copy) options.as = artifact::Kept::copy;
  const Interrupt interrupt;
  Progress progress(session.clock, session.progress(), "hashing", 0, "B");
  const auto made = store_of(session).import(options, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !interrupt.asked();
  });
  progress.finish();
  if (!made) return std::unexpected(made.error());
  if (session.json) {
    session.print(to_json(*made));
    return {};
  }
  if (made->kept != options.as) {
    std::printf("no hard link is possible from %s to %s: kept by reference, so the model is gone when that file is\n",
                made->source.c_str(), store_of(session).folder().string().c_str());
  }
  std::printf("%s: %s %s, %s, kept by %s, SHA-256 %.12s\n", made->name.c_str(), made->architecture.c_str(),
              made->quant.c_str(), human_bytes(static_cast<double>(made->bytes)).c_str(),
              std::string(artifact::name(made->kept)).c_str(), made->sha256.c_str());
  return {};
}

Result<void> list_command(Session& session) {
  const auto models = store_of(session).list();
  if (!models) return std::unexpected(models.error());
  if (session.json) {
    Json list = Json::array();
    for (const auto& model : *models) list.push_back(to_json(model));
    session.print({{"folder", store_of(session).folder().string()}, {"models", std::move(list)}});
    return {};
  }
  if (models->empty()) {
    std::printf("no models in %s; 'assay models import PATH' keeps one\n", store_of(session).folder().string().c_str());
    return {};
  }
  std::size_t width = 4;
  for (const auto& model : *models) width = std::max(width, model.name.size());
  std::printf("%-*s  %-8s  %-7s  %10s  %8s  %-9s  %s\n", static_cast<int>(width), "name", "arch", "quant", "size",
              "context", "kept", "sha256");
  for (const auto& model : *models) {
    std::printf("%-*s  %-8s  %-7s  %10s  %8u  %-9s  %.12s\n", static_cast<int>(width), model.name.c_str(),
                model.architecture.c_str(), model.quant.c_str(), human_bytes(static_cast<double>(model.bytes)).c_str(),
                model.context, std::string(artifact::name(model.kept)).c_str(), model.sha256.c_str());
  }
  return {};
}

// The stored model of this name, if it is one and no file of that name is nearer.
Result<std::optional<artifact::StoredModel>> stored(const Session& session, const std::string& model) {
  std::error_code error;
  if (model.empty() || std::filesystem::exists(model, error)) return std::nullopt;
  auto found = store_of(session).find(model);
  if (found) return std::optional(std::move(*found));
  if (found.error().code == Errc::not_found) return std::nullopt;
  return std::unexpected(std::move(found.error()));
}

Result<void> verify_command(Session& session, const std::string& model) {
  const auto known = stored(session, model);
  if (!known) return std::unexpected(known.error());
  std::vector<std::string> complaints;
  std::string hash;
  if (*known) {
    const Interrupt interrupt;
    Progress progress(session.clock, session.progress(), "hashing", (*known)->bytes, "B");
    auto found = artifact::check_files(**known, [&](std::uint64_t bytes) {
      progress.update(bytes);
      return !interrupt.asked();
    });
    if (!found) return std::unexpected(std::move(found.error()));
    complaints = std::move(*found);
    hash = (*known)->sha256;
  }
  const auto path = find_model(session, model);
  if (!path) return std::unexpected(path.error());
  const auto checkpoint = Checkpoint::open(*path);
  if (!checkpoint) {
    complaints.push_back(to_string(checkpoint.error()));
  } else {
    if (!*known) {
      const Interrupt interrupt;
      Progress progress(session.clock, session.progress(), "hashing", checkpoint->file_bytes(), "B");
      const auto met = artifact::hash_files(checkpoint->files(), [&](std::uint64_t bytes) {
        progress.update(bytes);
        return !interrupt.asked();
      });
      if (!met) return std::unexpected(met.error());
      hash = *met;
    }
    device::ThreadPool pool(device::default_threads());
    const Interrupt interrupt;
    Progress progress(session.clock, session.progress(), "checking tensors", checkpoint->weight_bytes(), "B");
    const auto found = artifact::check_values(*checkpoint, pool, [&](std::uint64_t bytes) {
      progress.update(bytes);
      return !interrupt.asked();
    });
    if (!found) return std::unexpected(found.error());
    complaints.insert(complaints.end(), found->begin(), found->end());
  }
  if (session.json) {
    session.print({{"path", *path},
                   {"sha256", hash},
                   {"recorded", known->has_value()},
                   {"ok", complaints.empty()},
                   {"complaints", complaints}});
  } else {
    for (const std::string& complaint : complaints) std::printf("%s\n", complaint.c_str());
    if (complaints.empty()) {
      std::printf("%s: %s, every tensor is sound, SHA-256 %s\n", path->c_str(),
                  *known ? "the files that were imported" : "not in the store, so there is nothing to compare with",
                  hash.c_str());
    }
  }
  if (!complaints.empty()) session.finish(Exit::no);
  return {};
}

Result<void> remove_command(Session& session, const std::string& name) {
  const auto store = store_of(session);
  const auto model = store.find(name);
  if (!model) return std::unexpected(model.error());
  const auto freed = store.remove(name);
  if (!freed) return std::unexpected(freed.error());
  if (session.json) {
    session.print({{"removed", name}, {"freed_bytes", *freed}});
  } else if (*freed != 0) {
    std::printf("%s: removed, %s freed\n", name.c_str(), human_bytes(static_cast<double>(*freed)).c_str());
  } else {
    std::printf("%s: removed; its file stays where it was imported from: %s\n", name.c_str(), model->source.c_str());
  }
  return {};
}

struct DedupeArguments {
  std::vector<std::string> folders;
  bool fix = false;
};

Result<void> dedupe_command(Session& session, const DedupeArguments& arguments) {
  std::vector<std::string> folders{store_of(session).folder().string()};
  folders.insert(folders.end(), arguments.folders.begin(), arguments.folders.end());
  std::vector<std::string> files;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    auto found = artifact::weight_files(folders[i]);
    if (!found && i == 0) continue;  // no store yet
    if (!found) return std::unexpected(std::move(found.error()));
    files.insert(files.end(), found->begin(), found->end());
  }
  const Interrupt interrupt;
  Progress progress(session.clock, session.progress(), "hashing", 0, "B");
  const auto duplicates = artifact::find_duplicates(files, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !interrupt.asked();
  });
  progress.finish();
  if (!duplicates) return std::unexpected(duplicates.error());
  Json list = Json::array();
  std::uint64_t extra = 0;
  for (const artifact::Duplicate& duplicate : *duplicates) {
    std::vector<std::string> left(duplicate.paths.begin() + 1, duplicate.paths.end());
    if (arguments.fix) {
      auto tried = artifact::make_links(duplicate);
      if (!tried) return std::unexpected(std::move(tried.error()));
      left = std::move(*tried);
    }
    const std::uint64_t gained = duplicate.bytes * (duplicate.paths.size() - 1 - (arguments.fix ? left.size() : 0));
    extra += gained;
    list.push_back({{"sha256", duplicate.sha256},
                    {"bytes", duplicate.bytes},
                    {"paths", duplicate.paths},
                    {"linked", arguments.fix && left.empty()},
                    {"left", arguments.fix ? left : std::vector<std::string>()}});
    if (session.json) continue;
    std::printf("%s, SHA-256 %.12s\n", human_bytes(static_cast<double>(duplicate.bytes)).c_str(),
                duplicate.sha256.c_str());
    for (const std::string& path : duplicate.paths) {
      const bool stays = arguments.fix && std::ranges::find(left, path) != left.end();
      std::printf("  %s%s\n", path.c_str(), stays ? "  (another file system: left)" : "");
    }
  }
  if (session.json) {
    session.print({{"files", files.size()}, {"fixed", arguments.fix}, {"bytes", extra}, {"duplicates", list}});
  } else if (duplicates->empty()) {
    std::printf("%zu files, none twice\n", files.size());
  } else {
    std::printf("%s %s\n", human_bytes(static_cast<double>(extra)).c_str(),
                arguments.fix ? "freed: the copies are hard links now" : "could be freed with --fix");
  }
  return {};
}

}  // namespace

void add_models_store(CLI::App& models, Session& session) {
  const auto run = [&session](const Result<void>& done) {
    if (!done) session.fail(done.error());
  };
  auto import = std::make_shared<ImportArguments>();
  CLI::App* command = models.add_subcommand("import", "keep a model by name: a hard link and its SHA-256, no copy");
  command->footer("Example:\n  assay models import ~/Downloads/qwen3-4b-q4_0.gguf --name qwen3-4b");
  command->add_option("path", import->path, "GGUF file, or folder with config.json and safetensors")->required();
  command->add_option("--name", import->name, "default: from the path");
  CLI::Option* reference = command->add_flag("--reference", import->reference, "remember the path only");
  command->add_flag("--copy", import->copy, "copy the bytes")->excludes(reference);
  command->callback([import, &session, run] { run(import_command(session, *import)); });

  command = models.add_subcommand("list", "the models that are kept");
  command->footer("Example:\n  assay models list --json");
  command->callback([&session, run] { run(list_command(session)); });

  auto verified = std::make_shared<std::string>();
  command =
      models.add_subcommand("verify", "hash again, compare, and check every tensor; exit code 1 where it differs");
  command->footer("Example:\n  assay models verify qwen3-4b");
  command->add_option("model", *verified, "a name, a file or a folder; without it the model that comes with assay");
  command->callback([verified, &session, run] { run(verify_command(session, *verified)); });

  auto removed = std::make_shared<std::string>();
  command = models.add_subcommand("remove", "forget a model; a file that was imported by reference stays");
  command->footer("Example:\n  assay models remove qwen3-4b");
  command->add_option("name", *removed, "a name from 'assay models list'")->required();
  command->callback([removed, &session, run] { run(remove_command(session, *removed)); });

  auto dedupe = std::make_shared<DedupeArguments>();
  command = models.add_subcommand("dedupe", "weights that lie on the disk more than once");
  command->footer("Example:\n  assay models dedupe ~/.cache/huggingface ~/models --fix");
  command->add_option("folders", dedupe->folders, "folders or files to look at, beside the store");
  command->add_flag("--fix", dedupe->fix, "make the copies hard links to the first");
  command->callback([dedupe, &session, run] { run(dedupe_command(session, *dedupe)); });
}

}  // namespace assay::cli
