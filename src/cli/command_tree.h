// The commands and their options as plain data, read from the parser: what help, completions and man pages are made of.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/style.h"
#include "cli/command.h"

namespace assay::cli {

struct OptionInfo {
  std::vector<std::string> names;  // "-n", "--max-tokens"; of an argument by place: "PROMPT"
  std::string value;               // "N", "X", "FILE", ...; "" for a flag
  std::string help;
  std::string fallback;  // the default, where there is one to show
  std::string range;     // "1 or more"
  std::vector<std::string> choices;
  std::vector<std::string> not_with;  // names of options
  std::vector<std::string> only_with;
  std::string group;  // "" or the title of its own section
  bool required = false;
  bool repeats = false;
};

struct CommandInfo {
  std::string path;  // "assay models import"
  std::string name;  // "import"
  std::string description;
  std::vector<OptionInfo> arguments;
  std::vector<OptionInfo> options;  // its own, and those that every command has in the group "Every command"
  std::vector<CommandInfo> commands;
  std::string notes;  // what the footer says before its examples
  std::vector<std::string> examples;
};

// Commands of the group "" are hidden.
CommandInfo command_tree(const CLI::App& app);

// "assay run [OPTIONS] [PROMPT]"
std::string usage_line(const CommandInfo& command);

// Everything about an option in one sentence: its help, default, range, choices, and what it goes with.
std::string whole_help(const OptionInfo& option);

// The page that --help prints, in lines of at most `columns`.
std::string help_text(const CommandInfo& command, std::size_t columns, const Style& style);
Json help_json(const CommandInfo& command);

}  // namespace assay::cli
