#include "tokenizer/word_piece.h"

#include <algorithm>

namespace assay {

WordPiece::WordPiece(WordPieceOptions options, TokenTable known)
    : options_(std::move(options)), known_(std::move(known)) {}

void WordPiece::encode(std::string_view word, std::string& scratch, std::vector<Token>& out) const {
  if (options_.whole_words) {
    const Token token = known_.find(word);
    out.push_back(token == TokenTable::absent ? options_.unk : token);
    return;
  }
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; };
  const auto characters =
      static_cast<std::size_t>(std::count_if(word.begin(), word.end(), [&](char c) { return !continues(c); }));
  if (characters > options_.word_characters_max) {
    out.push_back(options_.unk);
    return;
  }
  const std::size_t start = out.size();
  for (std::size_t begin = 0; begin < word.size();) {
    const std::string& prefix = begin == 0 ? options_.first_prefix : options_.continuing_prefix;
    std::size_t end = std::min(word.size(), begin + known_.longest());
    Token found = TokenTable::absent;
    for (; end > begin; --end) {
      if (end < word.size() && continues(word[end])) continue;
      scratch = prefix;
      scratch += word.substr(begin, end - begin);
      found = known_.find(scratch);
      if (found != TokenTable::absent) break;
    }
    if (found == TokenTable::absent) {
      out.resize(start);
      out.push_back(options_.unk);
      return;
    }
    out.push_back(found);
    begin = end;
  }
}

}  // namespace assay
