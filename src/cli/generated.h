// What is made of the command tree for other programs: completions of shells, and man pages. Pure.
#pragma once

#include <string>

#include "cli/command_tree.h"

namespace assay::cli {

// A script that the shell reads. shell: "bash", "zsh" or "fish". Names of models and engines are asked of the program when they are
// needed (assay completions names).
std::string completion_script(const CommandInfo& root, const std::string& shell);

// The page of one command in man(7)'s language, section 1. version: "0.1.0".
std::string man_page(const CommandInfo& command, const CommandInfo& root, const std::string& version);

// "assay-models-import", the page's name.
std::string page_name(const CommandInfo& command);

}  // namespace assay::cli
