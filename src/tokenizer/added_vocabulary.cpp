#include "tokenizer/added_vocabulary.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "tokenizer/parts.h"

namespace assay {

bool same_flags(const AddedEntry& a, const AddedEntry& b) {
  return a.special == b.special && a.strips_left == b.strips_left && a.strips_right == b.strips_right &&
         a.whole_word == b.whole_word && a.is_normalized() == b.is_normalized();
}

AddedVocabulary::AddedVocabulary(std::span<const std::pair<std::string, Token>> model) : model_tokens_(model.size()) {
  model_.reserve(model.size());
  model_ids_.reserve(model.size());
  for (const auto& [text, token] : model) {
    model_.emplace(text, token);
    model_ids_.insert(token);
  }
}

Result<Token> AddedVocabulary::id_of(const AddedEntry& entry) const {
  const auto wrong = [&](const std::string& what) {
    return fail(Errc::bad_value, entry.where + ": token " + in_quotes(entry.text) + " " + what);
  };
  Token id = -1;
  std::string why = "the id that this text has already";
  if (const auto known = index_.find(entry.text); known != index_.end()) {
    id = entries_[known->second].id;
  } else if (const auto of_model = model_.find(entry.text); of_model != model_.end()) {
    id = of_model->second;
  } else {
    id = std::max(static_cast<Token>(model_tokens_), last_ + 1);
    why = "the next free one, as transformers gives it";
    if (model_ids_.contains(id)) return wrong("would get id " + std::to_string(id) + ", which another token has");
  }
  if (entry.id >= 0 && entry.id != id) {
    return wrong("has id " + std::to_string(entry.id) + ", expected " + std::to_string(id) + ", " + why);
  }
  return id;
}

Result<void> AddedVocabulary::add(std::span<const AddedEntry> entries) {
  for (const AddedEntry& entry : entries) {
    if (entry.text.size() > token_bytes_max) {
      return fail(Errc::bad_value,
                  entry.where + ": token " + in_quotes(entry.text) + ": expected a text of at most 4096 bytes");
    }
    if (entry.text.empty()) continue;
    const auto id = id_of(entry);
    if (!id) return std::unexpected(id.error());
    last_ = std::max(last_, *id);
    const auto [at, is_new] = index_.emplace(entry.text, entries_.size());
    if (is_new) entries_.emplace_back();
    AddedEntry& kept = entries_[at->second];
    const bool normalized = entry.is_normalized();
    const bool special = kept.special || entry.special;  // once special, always special
    kept = entry;
    kept.id = *id;
    kept.special = special;
    kept.normalized = normalized;
    if (entries_.size() > vocabulary_max)
      return fail(Errc::bad_value, entry.where + ": more than " + std::to_string(vocabulary_max) + " tokens");
  }
  return {};
}

std::vector<AddedToken> AddedVocabulary::listed() const {
  std::vector<AddedToken> out;
  for (const bool special : {true, false}) {
    for (const AddedEntry& entry : entries_) {
      if (entry.special != special) continue;
      out.push_back({.id = entry.id,
                     .text = entry.text,
                     .special = entry.special,
                     .strips_left = entry.strips_left,
                     .strips_right = entry.strips_right,
                     .whole_word = entry.whole_word,
                     .normalized = entry.is_normalized()});
    }
  }
  return out;
}

}  // namespace assay
