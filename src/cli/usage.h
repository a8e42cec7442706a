// What the words of a command line mean to the parser, in a user's terms where they are wrong.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command.h"

namespace assay::cli {

struct UsageError {
  std::string detail;            // names the word, and what was meant where that is near
  std::string command;           // "assay run", the command whose help would tell more
  bool missing_command = false;  // nothing wrong was said, and nothing at all
};

// The words behind the program's name, in their order: the first that no command knows, an option that is given twice or lacks its
// value, a word too many.
std::optional<UsageError> check_words(const CLI::App& app, std::span<const std::string> words);

// `assay help run` is `assay run --help`, `assay version` is `assay --version`.
std::vector<std::string> with_aliases(std::vector<std::string> words);

// An error of the parser in the program's words: "--shape and --model cannot be used together".
std::string in_our_words(const CLI::ParseError& error);

// The deepest command that was named.
const CLI::App& named_command(const CLI::App& app, std::span<const std::string> words);

// "assay models import"
std::string path_of(const CLI::App& command);

}  // namespace assay::cli
