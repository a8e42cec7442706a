// assay models import, list, remove, dedupe.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "artifact/check.h"
#include "artifact/elsewhere.h"
#include "artifact/store.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/models.h"

namespace assay::cli {
namespace {

struct ListedModel {
  artifact::StoredModel model;
  std::string kept;  // "shipped" for the one that comes with the program
};

Json to_json(const artifact::StoredModel& model, std::string_view kept) {
  return {{"name", model.name},
          {"kept", kept},
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

// The model that comes with the program, as if it were kept. Its file is small: hashing it takes no time to speak of.
Result<ListedModel> shipped(const Session& session) {
  auto path = find_model(session, "");
  if (!path) return std::unexpected(std::move(path.error()));
  const auto checkpoint = Checkpoint::open(*path);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  auto hash = artifact::hash_files(checkpoint->files());
  if (!hash) return std::unexpected(std::move(hash.error()));
  artifact::StoredModel model;
  model.name = shipped_model;
  model.source = model.path = std::move(*path);
  model.sha256 = std::move(*hash);
  model.bytes = checkpoint->file_bytes();
  model.format = checkpoint->format();
  model.architecture = checkpoint->config().architecture_name;
  model.quant = artifact::main_quant(*checkpoint);
  model.context = checkpoint->config().context_train;
  return ListedModel{std::move(model), "shipped"};
}

// Folders in which other programs keep models, by the variables that these programs heed.
artifact::Elsewhere elsewhere() {
  namespace fs = std::filesystem;
  const auto variable = [](const char* name) -> std::optional<fs::path> {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? std::optional<fs::path>(value) : std::nullopt;
  };
  artifact::Elsewhere out;
  const fs::path user = variable("HOME").value_or(".");
  if (const auto folder = variable("OLLAMA_MODELS")) {
    out.ollama = {*folder};
  } else {
    out.ollama = {user / ".ollama" / "models", "/usr/share/ollama/.ollama/models"};
  }
  if (const auto hub = variable("HF_HUB_CACHE")) {
    out.hugging_face = {*hub};
  } else if (const auto home = variable("HF_HOME")) {
    out.hugging_face = {*home / "hub"};
  } else {
    out.hugging_face = {variable("XDG_CACHE_HOME").value_or(user / ".cache") / "huggingface" / "hub"};
  }
  return out;
}

struct ImportArguments {
  std::string path;
  std::string name;
  bool reference = false;
  bool copy = false;
};

Result<void> import_command(Session& session, const ImportArguments& arguments) {
  auto found = artifact::find_elsewhere(arguments.path, elsewhere());
  if (!found) return std::unexpected(std::move(found.error()));
  std::error_code error;
  if (!std::filesystem::exists(found->path, error)) {
    return fail(Errc::not_found, found->path +
                                     ": no such file or folder; a model of Ollama's store is ollama:NAME:TAG, one of "
                                     "Hugging Face's cache hf:OWNER/NAME");
  }
  artifact::ImportOptions options{.path = found->path,
                                  .name = arguments.name.empty() ? found->name : arguments.name,
                                  .now_unix_s = static_cast<std::int64_t>(wall_seconds()),
                                  .sha256 = found->sha256};
  if (arguments.reference) options.as = artifact::Kept::reference;
  if (arguments.copy) options.as = artifact::Kept::copy;
  const Interrupt interrupt(session.stop);
  Progress progress(session.clock, session.progress(), "hashing", 0, "B");
  const auto made = store_of(session).import(options, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !interrupt.asked();
  });
  progress.finish();
  if (!made) return std::unexpected(made.error());
  if (session.json) {
    session.print(to_json(*made, artifact::name(made->kept)));
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
  const artifact::Store store = store_of(session);
  auto models = store.list();
  if (!models) return std::unexpected(models.error());
  std::vector<ListedModel> listed;
  bool taken = false;  // the name of the shipped one
  for (auto& model : *models) {
    taken = taken || model.name == shipped_model;
    const std::string kept(artifact::name(model.kept));
    listed.push_back({std::move(model), kept});
  }
  // Without one the program still lists what is kept.
  if (auto own = shipped(session); own && !taken) listed.insert(listed.begin(), std::move(*own));
  if (session.json) {
    Json list = Json::array();
    for (const auto& [model, kept] : listed) list.push_back(to_json(model, kept));
    session.print({{"folder", store.folder().string()}, {"models", std::move(list)}});
    return {};
  }
  std::size_t width = 4;
  for (const auto& [model, kept] : listed) width = std::max(width, model.name.size());
  std::printf("%-*s  %-8s  %-7s  %10s  %8s  %-9s  %s\n", static_cast<int>(width), "name", "arch", "quant", "size",
              "context", "kept", "sha256");
  for (const auto& [model, kept] : listed) {
    std::printf("%-*s  %-8s  %-7s  %10s  %8u  %-9s  %.12s\n", static_cast<int>(width), model.name.c_str(),
                model.architecture.c_str(), model.quant.c_str(), human_bytes(static_cast<double>(model.bytes)).c_str(),
                model.context, kept.c_str(), model.sha256.c_str());
  }
  if (models->empty())
    std::printf("no others in %s; 'assay models import PATH' keeps one\n", store.folder().string().c_str());
  return {};
}

Result<void> remove_command(Session& session, const std::string& name) {
  const auto store = store_of(session);
  const auto model = store.find(name);
  if (!model && name == shipped_model)
    return fail(Errc::bad_value, name + " comes with the program and is not kept: there is nothing to remove");
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
  const Interrupt interrupt(session.stop);
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
      std::printf("  %s%s\n", path.c_str(), stays ? "  (left: another file system, or written to meanwhile)" : "");
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
  command
      ->add_option("path", import->path,
                   "GGUF file, folder with config.json and safetensors, ollama:NAME:TAG or hf:OWNER/NAME")
      ->required();
  command->add_option("--name", import->name, "default: from the path");
  CLI::Option* reference = command->add_flag("--reference", import->reference, "remember the path only");
  command->add_flag("--copy", import->copy, "copy the bytes")->excludes(reference);
  command->callback([import, &session, run] { run(import_command(session, *import)); });

  command = models.add_subcommand("list", "the models that are kept");
  command->footer("Example:\n  assay models list --json");
  command->callback([&session, run] { run(list_command(session)); });

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
