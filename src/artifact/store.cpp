#include "artifact/store.h"

#include <algorithm>
#include <utility>

#include "artifact/check.h"
#include "artifact/manifest.h"
#include "base/mapped_file.h"
#include "base/output_file.h"
#include "base/staging.h"
#include "tokenizer/unicode.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t name_bytes_max = 200;
constexpr std::size_t manifest_bytes_max = 16U << 20U;  // a folder of a thousand files has 150 KB

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

Error system_error(const std::string& what, const std::error_code& error) {
  return {error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::io, 0, what + ": " + error.message()};
}

// Names are folders' names, shown in lists and typed by people.
Result<void> check_name(const std::string& name) {
  constexpr std::string_view others = "._-+";
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  };
  if (!name.empty() && name.size() <= name_bytes_max && name.front() != '.' && std::ranges::all_of(name, fits))
    return {};
  return fail(Errc::bad_value, "name \"" + name + "\": expected letters, digits and ._-+, no dot first");
}

bool is_folder(const StoredModel& model) { return !model.format.starts_with("GGUF"); }

// Weights first, then what lies beside them in a model folder: config, tokenizer, template.
std::vector<std::string> files_of(const Checkpoint& checkpoint) {
  std::vector<std::string> files = checkpoint.files();
  if (checkpoint.folder().empty()) return files;
  std::vector<std::string> others;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(checkpoint.folder(), ignored)) {
    const std::string name = entry.path().filename().string();
    const std::string extension = entry.path().extension().string();
    const bool text = extension == ".json" || extension == ".jinja" || extension == ".txt" || extension == ".model";
    if (text && entry.is_regular_file(ignored) && name.front() != '.' && name != manifest_name &&
        entry.file_size(ignored) > 0)
      others.push_back((fs::path(checkpoint.folder()) / name).string());
  }
  std::ranges::sort(others);
  files.insert(files.end(), others.begin(), others.end());
  return files;
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  const auto source = MappedFile::open(from);
  if (!source) return std::unexpected(source.error());
  auto target = OutputFile::create(to, source->bytes().size());
  if (!target) return std::unexpected(std::move(target.error()));
  ASSAY_TRY(target->write(source->bytes()));
  return target->commit();
}

// Puts the files into `to` and says how they are kept in the end.
Result<Kept> keep_files(const std::vector<std::string>& files, const fs::path& to, Kept as) {
  if (as == Kept::reference) return as;
  std::vector<fs::path> made;
  for (const std::string& file : files) {
    const fs::path target = to / file_name(file);
    if (as == Kept::copy) {
      ASSAY_TRY(copy_file(file, target.string()));
      continue;
    }
    std::error_code error;
    // What the link should name, where the source is a symbolic link itself.
    fs::create_hard_link(fs::canonical(file, error), target, error);
    if (!error) {
      made.push_back(target);
      continue;
    }
    for (const fs::path& link : made) fs::remove(link, error);
    return Kept::reference;  // another file system, or one without hard links
  }
  return as;
}

Result<void> write_text(const fs::path& path, std::string_view text) {
  auto file = OutputFile::create(path.string(), text.size());
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(text));
  return file->commit();
}

// What the files are, into `model`; `files` begin with the weights.
Result<void> describe(const Checkpoint& checkpoint, const std::vector<std::string>& files, FileHashes hashes,
                      StoredModel& model) {
  std::error_code error;
  model.files.clear();
  for (std::size_t i = 0; i < files.size(); ++i) {
    StoredFile file{.file_name = file_name(files[i]), .bytes = fs::file_size(files[i], error), .sha256 = {}};
    if (error) return std::unexpected(system_error(files[i], error));
    if (i < hashes.each.size()) {
      file.sha256 = std::move(hashes.each[i]);
    } else {
      auto hash = hash_files({&files[i], 1});
      if (!hash) return std::unexpected(std::move(hash.error()));
      file.sha256 = std::move(*hash);
    }
    model.files.push_back(std::move(file));
  }
  model.sha256 = std::move(hashes.all);
  model.bytes = checkpoint.file_bytes();
  model.format = checkpoint.format();
  model.architecture = checkpoint.config().architecture_name;
  model.quant = main_quant(checkpoint);
  model.context = checkpoint.config().context_train;
  return {};
}

void note_times(StoredModel& model, const fs::path& folder) {
  for (StoredFile& file : model.files) file.modified_ns = modified_ns(folder / file.file_name).value_or(0);
}

// "mein-Modell-u" for "mein Modell ü".
std::string fitting_name(const std::string& text) {
  std::string buffer;
  std::string out;
  for (const char c : unicode::normalize(unicode::sanitize(text, buffer), unicode::Form::nfkd)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && byte < 0xC0) continue;         // the first byte stands for the character
    const bool accent = byte == 0xCC || byte == 0xCD;  // U+0300..U+037F
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("._+").find(c) != std::string_view::npos;
    if (fits) out += c;
    if (!fits && !accent && !out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && (out.front() == '.' || out.front() == '-')) out.erase(0, 1);
  while (!out.empty() && (out.back() == '-' || out.back() == '.')) out.pop_back();
  return out.substr(0, name_bytes_max);
}

Result<StoredModel> read_folder(const fs::path& folder) {
  const std::string where = (folder / manifest_name).string();
  const auto text = read_text_file(where, manifest_bytes_max);
  if (!text) return std::unexpected(text.error());
  auto model = read_manifest(*text, where);
  if (!model) return model;
  model->name = folder.filename().string();
  const bool here = model->kept != Kept::reference;
  model->path = !here ? model->source : (is_folder(*model) ? folder : folder / model->files.front().file_name).string();
  return model;
}

}  // namespace

std::string name_from_path(const std::string& path) {
  std::error_code ignored;
  fs::path absolute = fs::absolute(path, ignored).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();  // "folder/"
  std::string name = absolute.filename().string();
  if (name.ends_with(".gguf")) name.resize(name.size() - 5);
  // "-00001-of-00002"
  const std::size_t of = name.rfind("-of-");
  if (of != std::string::npos && of >= 6 && name.size() - of == 9 && name[of - 6] == '-') name.resize(of - 6);
  return fitting_name(name);
}

Result<std::vector<StoredModel>> Store::list() const {
  std::vector<StoredModel> out;
  std::error_code error;
  fs::directory_iterator entries(folder_, error);
  if (error == std::errc::no_such_file_or_directory) return out;
  if (error) return std::unexpected(system_error(folder_.string(), error));
  for (const auto& entry : entries) {
    if (entry.path().filename().string().front() == '.' || !entry.is_directory(error)) continue;
    if (!fs::exists(entry.path() / manifest_name, error)) continue;  // somebody's own folder
    auto model = read_folder(entry.path());
    if (!model && !fs::exists(entry.path(), error)) continue;  // removed in this moment
    if (!model) return std::unexpected(std::move(model.error()));
    out.push_back(std::move(*model));
  }
  std::ranges::sort(out, {}, &StoredModel::name);
  return out;
}

Result<StoredModel> Store::find(std::string_view name) const {
  std::error_code error;
  const std::string wanted(name);
  if (check_name(wanted) && fs::exists(folder_ / wanted / manifest_name, error)) return read_folder(folder_ / wanted);
  std::string known;
  if (const auto all = list()) {
    for (const StoredModel& model : *all) known += (known.empty() ? "" : ", ") + model.name;
  }
  return fail(Errc::not_found, "no model named \"" + wanted + "\" in " + folder_.string() +
                                   (known.empty() ? ", which is empty" : "; there are " + known));
}

Result<StoredModel> Store::import(const ImportOptions& options, const ByteProgress& progress) const {
  std::error_code error;
  StoredModel model;
  model.name = options.name.empty() ? name_from_path(options.path) : options.name;
  if (model.name.empty())
    return fail(Errc::bad_value, options.path + ": no name can be made of it, expected one: --name NAME");
  ASSAY_TRY(check_name(model.name));
  const auto checkpoint = Checkpoint::open(options.path);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  const fs::path place = folder_ / model.name;
  const std::string what = "model \"" + model.name + "\"";
  const auto taken = [&]() -> Result<void> {
    std::error_code ignored;
    if (!fs::exists(place, ignored)) return {};
    return fail(Errc::bad_value, "a model named \"" + model.name + "\" is there already: expected another --name");
  };
  ASSAY_TRY(taken());
  // Of two imports under one name one goes on. The files are hashed under the lock: that may take minutes, in which the
  // name is ours.
  auto staging = Staging::begin(folder_, model.name, what, 0);
  if (!staging) return std::unexpected(std::move(staging.error()));
  ASSAY_TRY(taken());

  model.source = fs::absolute(options.path, error).lexically_normal().string();
  const std::vector<std::string> files = files_of(*checkpoint);
  auto hashes = hash_each(checkpoint->files(), progress);
  if (!hashes) return std::unexpected(std::move(hashes.error()));
  model.sha256 = hashes->all;
  if (!options.sha256.empty() && options.sha256 != model.sha256) {
    return fail(Errc::bad_value, options.path + ": SHA-256 is " + model.sha256 + ", expected " + options.sha256 +
                                     " as its name says: the file was changed or cut");
  }
  const auto twice = [&]() -> Result<void> {
    const auto others = list();
    if (!others) return std::unexpected(others.error());
    for (const StoredModel& other : *others) {
      if (other.sha256 == model.sha256)
        return fail(Errc::bad_value, options.path + ": the same weights are there already as \"" + other.name + "\"");
    }
    return {};
  };
  ASSAY_TRY(twice());  // before anything is copied
  ASSAY_TRY(describe(*checkpoint, files, std::move(*hashes), model));
  model.imported_unix_s = options.now_unix_s;

  const auto kept = keep_files(files, staging->tree(), options.as);
  if (!kept) return std::unexpected(kept.error());
  model.kept = *kept;
  note_times(model, *kept == Kept::reference ? fs::path(files.front()).parent_path() : staging->tree());
  ASSAY_TRY(write_text(staging->tree() / manifest_name, write_manifest(model)));
  // Somebody may have imported the same weights under another name meanwhile: asked again where nobody else can commit.
  const auto all = FolderLock::take(folder_, "", "the models in " + folder_.string(), FolderLock::Wait::yes);
  if (!all) return std::unexpected(all.error());
  ASSAY_TRY(twice());
  ASSAY_TRY(staging->commit());
  return read_folder(place);
}

Result<StoredModel> Store::accept(std::string_view name, std::int64_t now_unix_s, const ByteProgress& progress) const {
  auto model = find(name);
  if (!model) return model;
  const auto lock = FolderLock::take(folder_, model->name, "model \"" + model->name + "\"");
  if (!lock) return std::unexpected(lock.error());
  const auto checkpoint = Checkpoint::open(model->path);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  auto hashes = hash_each(checkpoint->files(), progress);
  if (!hashes) return std::unexpected(std::move(hashes.error()));
  const auto files = files_of(*checkpoint);
  ASSAY_TRY(describe(*checkpoint, files, std::move(*hashes), *model));
  note_times(*model, fs::path(files.front()).parent_path());
  model->imported_unix_s = now_unix_s;
  ASSAY_TRY(write_text(folder_ / model->name / manifest_name, write_manifest(*model)));
  return read_folder(folder_ / model->name);
}

Result<std::uint64_t> Store::remove(std::string_view name) const {
  const auto model = find(name);
  if (!model) return std::unexpected(model.error());
  std::error_code error;
  std::uint64_t freed = 0;
  const fs::path place = folder_ / model->name;
  if (model->kept != Kept::reference) {
    for (const StoredFile& file : model->files) {
      const fs::path path = place / file.file_name;
      if (fs::hard_link_count(path, error) == 1 && !error) freed += file.bytes;
    }
  }
  ASSAY_TRY(remove_folder(folder_, model->name, "model \"" + model->name + "\""));
  return freed;
}

}  // namespace assay::artifact
