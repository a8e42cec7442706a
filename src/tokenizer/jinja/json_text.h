// json.dumps, with the options that chat templates use.
#pragma once

#include "tokenizer/jinja/value.h"

namespace assay::jinja {

struct JsonStyle {
  bool ascii = false;  // ensure_ascii
  std::string indent;  // one level of it; used when `lines`
  bool lines = false;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// TypeError for what JSON cannot hold.
Result<std::string> json_text(Machine& machine, const Value& value, const JsonStyle& style);

}  // namespace assay::jinja
