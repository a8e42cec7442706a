#include "roster/model_source.h"

#include <filesystem>
#include <utility>

#include "artifact/texts.h"

namespace assay::roster {
namespace {

namespace fs = std::filesystem;

class TokenizerText final : public schedule::Detokenize {
 public:
  explicit TokenizerText(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::unique_ptr<schedule::TextStream> start() const override { return std::make_unique<Stream>(tokenizer_); }

 private:
  class Stream final : public schedule::TextStream {
   public:
    // An answer goes on behind its prompt: a first space is the answer's own.
    explicit Stream(const Tokenizer& tokenizer)
        : detokenizer_(tokenizer, {.starts_a_text = false}), tokens_(tokenizer.size()) {}
    void push(Token token, std::string& text) override {
      if (static_cast<std::size_t>(token) >= tokens_) return;  // a row of the head that no token belongs to
      ASSAY_ASSERT(detokenizer_.push(token, text));            // the sampler gives tokens of the vocabulary only
    }
    void finish(std::string& text) override { detokenizer_.finish(text); }

   private:
    Detokenizer detokenizer_;
    std::size_t tokens_;
  };
  const Tokenizer& tokenizer_;
};

}  // namespace

void ModelSource::close_file() {
  ModelConfig config = std::move(weights.config);
  weights = {};
  weights.config = std::move(config);
  checkpoint->close_files();
}

Result<Checkpoint> open_checkpoint(const std::string& path, Checkpoint::Unknown unknown) {
  auto opened = Checkpoint::open(path, unknown);
  std::error_code error;
  if (opened || opened.error().code != Errc::not_found || !fs::exists(path, error)) return opened;
  if (fs::is_directory(path, error) && !fs::exists(fs::path(path) / "config.json", error)) return opened;
  opened.error().code = Errc::bad_value;
  return opened;
}

Result<ModelSource> open_source(const std::string& path, Texts texts) {
  ModelSource out;
  out.path = path;
  auto checkpoint = open_checkpoint(path, Checkpoint::Unknown::describe);
  if (!checkpoint) return std::unexpected(std::move(checkpoint.error()));
  out.checkpoint = std::make_unique<Checkpoint>(std::move(*checkpoint));
  const Checkpoint& source = *out.checkpoint;
  out.weights.config = source.config();
  if (!source.not_understood()) {
    auto weights = model::bind(source.config(), [&](std::string_view name) { return source.tensor(name); });
    if (!weights) return std::unexpected(with_context(path, std::move(weights.error())));
    out.weights = std::move(*weights);
  }
  if (texts == Texts::none) return out;
  auto tokenizer = artifact::load_tokenizer(source);
  if (!tokenizer) return std::unexpected(with_context(path, std::move(tokenizer.error())));
  out.tokenizer = std::make_unique<Tokenizer>(std::move(*tokenizer));
  out.detokenize = std::make_unique<TokenizerText>(*out.tokenizer);
  auto chat = artifact::find_chat_template(source);
  if (!chat) return std::unexpected(std::move(chat.error()));
  out.chat_template = std::move(*chat);
  return out;
}

}  // namespace assay::roster
