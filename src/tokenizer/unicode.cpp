#include "tokenizer/unicode.h"

#include <utf8proc.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

#include "base/error.h"

namespace assay::unicode {
namespace {

bool is_white_space(std::uint32_t c) {  // PropList.txt, White_Space
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Symbols that are Alphabetic by Other_Alphabetic: circled and squared Latin letters.
bool is_alphabetic_symbol(std::uint32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

bool is_bert_han(std::uint32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

std::uint16_t properties(std::uint32_t c) {
  unsigned bits = 0;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      bits = letter | upperish | word;
      break;
    case UTF8PROC_CATEGORY_LL:
      bits = letter | lowerish | word;
      break;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      bits = letter | upperish | lowerish | word;
      break;
    case UTF8PROC_CATEGORY_MN:
      bits = mark | nonspacing | upperish | lowerish | word;
      break;
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      bits = mark | upperish | lowerish | word;
      break;
    case UTF8PROC_CATEGORY_ND:
      bits = number | digit | word;
      break;
    case UTF8PROC_CATEGORY_NL:
      bits = number | word;
      break;
    case UTF8PROC_CATEGORY_NO:
      bits = number;
      break;
    case UTF8PROC_CATEGORY_PC:
      bits = punctuation | word;
      break;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      bits = punctuation;
      break;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      bits = symbol | (is_alphabetic_symbol(c) ? word : 0);
      break;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      bits = control;
      break;
    default:
      break;
  }
  if (is_white_space(c)) bits |= space;
  if (is_bert_han(c)) bits |= han;
  const bool latin_number = c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0xBC && c <= 0xBE);
  if ((bits & word) != 0 || latin_number) bits |= regex_word;
  if (c == 0x200C || c == 0x200D) bits |= word;  // Join_Control
  return static_cast<std::uint16_t>(bits);
}

}  // namespace

Table::Table() {
  std::map<std::array<std::uint16_t, 256>, std::uint32_t> known;
  std::array<std::uint16_t, 256> block{};
  std::uint32_t unassigned = 0;  // planes 4 to 13 hold no character: their blocks are not walked
  for (std::uint32_t high = 0; high < block_.size(); ++high) {
    if (high > 0x400 && high < 0xE00) {
      block_[high] = unassigned;
      continue;
    }
    for (std::uint32_t low = 0; low < 256; ++low) block[low] = properties((high << 8) | low);
    const auto [at, is_new] = known.emplace(block, static_cast<std::uint32_t>(values_.size()));
    if (is_new) values_.insert(values_.end(), block.begin(), block.end());
    block_[high] = at->second;
    if (high == 0x400) unassigned = at->second;
  }
}

const Table& table() {
  static const Table constant;
  return constant;
}

Decoded decode(std::string_view text, std::size_t at) {
  const auto* p = reinterpret_cast<const unsigned char*>(text.data()) + at;
  const std::size_t left = text.size() - at;
  const auto continues = [&](std::size_t i) { return i < left && (p[i] & 0xC0U) == 0x80; };
  if (p[0] < 0x80) return {p[0], 1};
  if (p[0] >= 0xC2 && p[0] < 0xE0) {
    if (!continues(1)) return {replacement, 0};
  } else if (p[0] >= 0xE0 && p[0] < 0xF0) {
    if (!continues(1) || !continues(2)) return {replacement, 0};
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] >= 0xA0)) return {replacement, 0};
  } else if (p[0] >= 0xF0 && p[0] < 0xF5) {
    if (!continues(1) || !continues(2) || !continues(3)) return {replacement, 0};
    if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] >= 0x90)) return {replacement, 0};
  } else {
    return {replacement, 0};
  }
  return decode_valid(text.data() + at);
}

std::uint32_t announced_bytes(unsigned char lead) { return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

void append(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::size_t valid_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    while (at + 8 <= text.size()) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080U) != 0) break;
      at += 8;
    }
    if (at == text.size()) break;
    const Decoded d = decode(text, at);
    if (d.bytes == 0) return at;
    at += d.bytes;
  }
  return at;
}

std::string_view sanitize(std::string_view text, std::string& buffer) {
  std::size_t good = valid_prefix(text);
  if (good == text.size()) return text;
  buffer.clear();
  buffer.reserve(text.size() + 64);
  while (true) {
    buffer.append(text.substr(0, good));
    text.remove_prefix(good);
    if (text.empty()) return buffer;
    append(buffer, replacement);
    text.remove_prefix(1);
    good = valid_prefix(text);
  }
}

std::string normalize(std::string_view text, Form form) {
  std::string out;
  int options = UTF8PROC_STABLE;
  options |= form == Form::nfc || form == Form::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == Form::nfkc || form == Form::nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* mapped = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  ASSAY_ASSERT(size >= 0);  // fails only on invalid UTF-8 or without memory
  out.assign(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  return out;
}

std::string lowercase(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Decoded d = decode_valid(text.data() + at);
    at += d.bytes;
    if (d.code_point < 0x80) {
      out.push_back(static_cast<char>(d.code_point >= 'A' && d.code_point <= 'Z' ? d.code_point + 32 : d.code_point));
    } else if (d.code_point == 0x130) {
      append(out, 'i');
      append(out, 0x307);
    } else {
      append(out, static_cast<std::uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(d.code_point))));
    }
  }
  return out;
}

}  // namespace assay::unicode
