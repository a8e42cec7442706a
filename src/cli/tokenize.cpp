// assay tokenize: text on stdin to token ids, and back.
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>

#include "cli/model_options.h"
#include "tokenizer/from_gguf.h"

namespace assay::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  bool add_special = false;
  bool no_special = false;
  bool parse_special = false;
  bool decode = false;
  bool keep_special = false;
  bool pieces = false;
};

std::string read_all(std::istream& in) { return {std::istreambuf_iterator<char>(in), {}}; }

// A GGUF (one that holds only a vocabulary is enough), a tokenizer.json, or a folder with one.
Result<Tokenizer> open_tokenizer(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error) && fs::path(path).extension() != ".json") {
    const auto gguf = Gguf::open(path);
    if (!gguf) return std::unexpected(gguf.error());
    return tokenizer_from_gguf(*gguf);
  }
  const auto texts = artifact::read_tokenizer_texts(path);
  if (!texts) return std::unexpected(texts.error());
  return Tokenizer::from_files(texts->files());
}

// Ids as tokenize prints them: numbers between spaces, commas or brackets, or {"tokens": [..]}.
Result<std::vector<Token>> read_ids(std::string_view text) {
  std::vector<Token> out;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') {
    const auto json = parse_json(text, "stdin");
    if (!json) return std::unexpected(json.error());
    const auto tokens = json->find("tokens");
    if (tokens == json->end() || !tokens->is_array())
      return assay::fail(Errc::bad_value, "stdin: expected {\"tokens\": [..]}");
    for (const Json& id : *tokens) {
      const auto value = id.is_number_integer() ? id.get<std::int64_t>() : -1;
      if (value < 0 || value > INT32_MAX)
        return assay::fail(Errc::bad_value, "stdin: tokens holds " + id.dump() + ", expected an id");
      out.push_back(static_cast<Token>(value));
    }
    return out;
  }
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ' || c == ',' || c == '\n' || c == '\r' || c == '\t' || c == '[' || c == ']') {
      ++at;
      continue;
    }
    std::int64_t value = 0;
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && value <= INT32_MAX; ++at)
      value = value * 10 + (text[at] - '0');
    if (at == begin || value > INT32_MAX) {
      return assay::fail(Errc::bad_value, "stdin, byte " + std::to_string(begin) + ": '" +
                                              std::string(text.substr(begin, 12)) + "', expected a token id");
    }
    out.push_back(static_cast<Token>(value));
  }
  return out;
}

// A piece as one visible word: \n for a line end, \x1b for other control bytes and broken characters.
std::string visible(std::string_view piece) {
  std::string out;
  for (const char c : piece) {
    const auto byte = static_cast<unsigned char>(c);
    char hex[8];
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (byte < 0x20 || byte == 0x7F) {
      std::snprintf(hex, sizeof hex, "\\x%02x", byte);
      out += hex;
    } else {
      out += c;
    }
  }
  return out;
}

Result<void> encode(Session& session, const TokenizeOptions& options, const Tokenizer& tokenizer,
                    std::string_view text) {
  const EncodeOptions how{.add = options.add_special ? AddSpecial::by_model : AddSpecial::no,
                          .parse = options.parse_special ? ParseSpecial::as_tokens : ParseSpecial::as_text};
  const auto tokens = tokenizer.encode(text, how);
  if (!tokens) return std::unexpected(tokens.error());
  if (session.json) {
    Json out = {{"tokens", *tokens}};
    if (options.pieces) {
      out["pieces"] = Json::array();
      for (const Token t : *tokens) out["pieces"].push_back(std::string(tokenizer.piece(t)));
    }
    session.print(out);
  } else if (options.pieces) {
    for (const Token t : *tokens) std::printf("%7d  %s\n", t, visible(tokenizer.piece(t)).c_str());
  } else {
    std::string line;
    for (const Token t : *tokens) line += (line.empty() ? "" : " ") + std::to_string(t);
    std::printf("%s\n", line.c_str());
  }
  return {};
}

Result<void> decode(Session& session, const TokenizeOptions& options, const Tokenizer& tokenizer,
                    std::string_view text) {
  const auto tokens = read_ids(text);
  if (!tokens) return std::unexpected(tokens.error());
  const auto back = tokenizer.decode(*tokens, {.skip_special = !options.keep_special});
  if (!back) return std::unexpected(back.error());
  if (session.json) {
    session.print({{"text", *back}});
  } else {
    std::fwrite(back->data(), 1, back->size(), stdout);
  }
  return {};
}

Result<void> tokenize(Session& session, const TokenizeOptions& options) {
  const auto path = find_model(session, options.model);
  if (!path) return std::unexpected(path.error());
  const auto tokenizer = open_tokenizer(*path);
  if (!tokenizer) {
    const bool named = tokenizer.error().detail.find(*path) != std::string::npos;
    return std::unexpected(named ? tokenizer.error() : with_context(*path, tokenizer.error()));
  }
  const std::string text = read_all(std::cin);
  return options.decode ? decode(session, options, *tokenizer, text) : encode(session, options, *tokenizer, text);
}

}  // namespace

void add_tokenize(CLI::App& app, Session& session) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "text on stdin to token ids, and back");
  command->footer(
      "Every byte of stdin counts, a last line end too.\n"
      "Examples:\n  printf 'Hello world' | assay tokenize\n  echo '15043 3186' | assay tokenize --decode --model "
      "FILE.gguf");
  command->add_option(
      "-m,--model", options->model,
      "a GGUF, a tokenizer.json, a folder with one, or a name (default: the model that comes with assay)");
  CLI::Option* add = command->add_flag("--add-special", options->add_special,
                                       "begin and end tokens around the text, as the model wants them");
  command->add_flag("--no-special", options->no_special, "only the text's own tokens (the default)")->excludes(add);
  command->add_flag("--parse-special", options->parse_special, "read texts such as <|im_end|> as control tokens");
  command->add_flag("--pieces", options->pieces, "show each token's text beside its id");
  command->add_flag("--decode", options->decode, "stdin holds ids, as this command prints them; print their text");
  command->add_flag("--keep-special", options->keep_special, "with --decode: show control tokens too");
  command->callback([options, &session] {
    if (const auto done = tokenize(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
