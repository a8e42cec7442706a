// assay models convert: any checkpoint as one GGUF file.
#include <cstdio>
#include <memory>

#include "artifact/convert.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/models.h"
#include "cli/number_option.h"
#include "cli/outputs.h"

namespace assay::cli {
namespace {

struct ConvertArguments {
  std::string in;
  std::string out;
  std::string type = "q8_0";
  std::uint32_t threads = 0;
  bool pure = false;
  bool no_vocabulary = false;
  bool force = false;
};

Result<void> convert_command(Session& session, const ConvertArguments& arguments) {
  const auto type = artifact::stored_type_from_name(arguments.type);
  if (!type) return std::unexpected(with_context("--type", type.error()));
  const auto path = find_model(session, arguments.in);
  if (!path) return std::unexpected(path.error());
  const auto in = roster::open_checkpoint(*path);
  if (!in) return std::unexpected(in.error());
  const artifact::ConvertOptions options{
      .type = *type,
      .head = arguments.pure ? artifact::HeadType::same : artifact::HeadType::usual,
      .vocabulary = arguments.no_vocabulary ? artifact::Vocabulary::none : artifact::Vocabulary::carried};
  if (same_file(*path, arguments.out)) {
    return fail(Errc::bad_value, "out " + arguments.out + ": is the model that is read");
  }
  ASSAY_TRY(check_output("out", arguments.out, arguments.force));
  const auto workers = chosen_threads(arguments.threads);
  if (!workers) return std::unexpected(workers.error());
  device::ThreadPool pool(*workers);
  const Interrupt interrupt(session.stop);
  Progress progress(session.clock, session.progress(), "converting", artifact::convert_bytes(*in, options), "B");
  const auto done = artifact::convert(*in, options, arguments.out, pool, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !interrupt.asked();
  });
  progress.finish();
  if (!done) return std::unexpected(done.error());
  if (session.json) {
    session.print({{"in", *path},
                   {"path", arguments.out},
                   {"bytes_in", in->file_bytes()},
                   {"bytes", done->file_bytes},
                   {"tensors", done->tensors},
                   {"quant", name(*type)},
                   {"notes", done->notes}});
    return {};
  }
  for (const std::string& note : done->notes) std::fprintf(stderr, "%s\n", note.c_str());
  std::printf("%s: %s, %llu tensors, %s; was %s\n", arguments.out.c_str(),
              human_bytes(static_cast<double>(done->file_bytes)).c_str(),
              static_cast<unsigned long long>(done->tensors), std::string(name(*type)).c_str(),
              human_bytes(static_cast<double>(in->file_bytes())).c_str());
  return {};
}

}  // namespace

void add_models_convert(CLI::App& models, Session& session) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = models.add_subcommand("convert", "a GGUF of another type from a GGUF or an HF or MLX folder");
  command->footer("Example:\n  assay models convert Qwen3-0.6B qwen3-0.6b-q4_k.gguf --type q4_k");
  command->add_option("in", arguments->in, "GGUF file, folder, or a name from 'assay models list'")->required();
  command->add_option("out", arguments->out, "the GGUF file to write")->required();
  command->add_option("--type", arguments->type, "type of the matrices")->capture_default_str();
  add_number(*command, "-t,--threads", arguments->threads, {.most = 1024}, "threads; 0: one per core");
  command->add_flag("--pure", arguments->pure, "the head gets the same type, not q6_k");
  command->add_flag("--force", arguments->force, "write over a file that is there");
  command->add_flag("--no-vocabulary", arguments->no_vocabulary, "leave the tokenizer out");
  command->callback([arguments, &session] {
    if (const auto done = convert_command(session, *arguments); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
