// Completion scripts of bash, zsh and fish.
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>

#include "cli/generated.h"

namespace assay::cli {
namespace {

void for_each(const CommandInfo& command, const std::function<void(const CommandInfo&)>& visit) {
  visit(command);
  for (const CommandInfo& below : command.commands) for_each(below, visit);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// In single quotes, as bash, zsh and fish read them.
std::string single_quoted(const std::string& text) { return "'" + replaced(text, "'", "'\\''") + "'"; }

std::string names_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

enum class Kind : std::uint8_t { none, file, model, engine, choice, other };

Kind kind_of(const OptionInfo& option) {
  if (option.value.empty()) return Kind::none;
  if (!option.choices.empty()) return Kind::choice;
  if (option.value == "MODEL") return Kind::model;
  if (option.value == "ENGINE" || option.value == "ENGINES") return Kind::engine;
  static constexpr std::array files = {"FILE", "FOLDERS", "PATH", "IN", "OUT", "TEMPLATE", "CONTEXT"};
  if (std::ranges::find(files, option.value) != files.end()) return Kind::file;
  return Kind::other;
}

std::string bash_values(const OptionInfo& option) {
  switch (kind_of(option)) {
    case Kind::choice:
      return "_assay_words " + single_quoted(names_of(option.choices));
    case Kind::model:
      return "_assay_words \"$(assay completions names models 2>/dev/null)\"; _assay_files";
    case Kind::engine:
      return "_assay_words \"$(assay completions names engines 2>/dev/null)\"";
    case Kind::file:
      return "_assay_files";
    default:
      return ":";
  }
}

std::string bash(const CommandInfo& root) {
  std::string paths;
  std::string values;
  std::string words;
  for_each(root, [&](const CommandInfo& command) {
    std::string below;
    for (const CommandInfo& one : command.commands) {
      paths += (paths.empty() ? "" : " | ") + single_quoted(one.path);
      below += (below.empty() ? "" : " ") + one.name;
    }
    std::string names;
    for (const OptionInfo& option : command.options) {
      names += (names.empty() ? "" : " ") + names_of(option.names);
      if (option.value.empty()) continue;
      std::string patterns;
      for (const std::string& name : option.names)
        patterns += (patterns.empty() ? "" : " | ") + single_quoted(command.path + ":" + name);
      values += "    " + patterns + ") " + bash_values(option) + "; return ;;\n";
    }
    words += "    " + single_quoted(command.path) + ")\n      options=" + single_quoted(names) +
             "\n      commands=" + single_quoted(below) + "\n";
    for (const OptionInfo& argument : command.arguments) {
      const std::string more = bash_values(argument);
      if (more != ":") words += "      [[ $cur == -* ]] || { " + more + "; }\n";
    }
    words += "      ;;\n";
  });
  return "# bash completion of assay, made by: assay completions bash\n"
         "_assay_words() {\n"
         "  local word\n"
         "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -W \"$1\" -- \"$cur\")\n"
         "}\n"
         "_assay_files() {\n"
         "  local word\n"
         "  compopt -o filenames 2>/dev/null\n"
         "  while IFS= read -r word; do COMPREPLY+=(\"$word\"); done < <(compgen -f -- \"$cur\")\n"
         "}\n"
         "_assay() {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path=assay options='' commands='' i\n"
         "  COMPREPLY=()\n"
         "  if [[ $cur == '=' ]]; then cur=''; elif [[ $prev == '=' ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"$path ${COMP_WORDS[i]}\" in\n"
         "      " +
         paths +
         ") path=\"$path ${COMP_WORDS[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path:$prev\" in\n" +
         values +
         "  esac\n"
         "  case \"$path\" in\n" +
         words +
         "  esac\n"
         "  if [[ $cur == -* ]]; then _assay_words \"$options\"; else _assay_words \"$commands\"; fi\n"
         "}\n"
         "complete -F _assay assay\n";
}

// A description within zsh's [ ] or behind a colon.
std::string zsh_text(const std::string& text) {
  std::string out = replaced(text, "\\", "\\\\");
  for (const char* one : {"[", "]", ":"}) out = replaced(out, one, std::string("\\") + one);
  return out;
}

std::string zsh_action(const OptionInfo& option) {
  switch (kind_of(option)) {
    case Kind::choice:
      return "(" + names_of(option.choices) + ")";
    case Kind::model:
      return "_assay_models";
    case Kind::engine:
      return "_assay_engines";
    case Kind::file:
      return "_files";
    default:
      return " ";
  }
}

std::string zsh_function(const CommandInfo& command) {
  return "_" + replaced(replaced(command.path, " ", "_"), "-", "_");
}

std::string zsh(const CommandInfo& root) {
  std::string out =
      "#compdef assay\n"
      "# zsh completion of assay, made by: assay completions zsh\n"
      "_assay_models() { local -a names; names=(${(f)\"$(assay completions names models 2>/dev/null)\"}); "
      "_alternative 'models:model:compadd -a names' 'files:file:_files' }\n"
      "_assay_engines() { local -a names; names=(${(f)\"$(assay completions names engines 2>/dev/null)\"}); compadd -a "
      "names }\n";
  for_each(root, [&](const CommandInfo& command) {
    out += zsh_function(command) + "() {\n  local context state line\n  typeset -A opt_args\n  _arguments -s -S";
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : option.names) {
        const std::string spec = (option.repeats ? "*" : "") + name +
                                 (option.value.empty()     ? ""
                                  : name.starts_with("--") ? "="
                                                           : "+") +
                                 "[" + zsh_text(option.help) + "]" +
                                 (option.value.empty() ? "" : ":" + option.value + ":" + zsh_action(option));
        out += " \\\n    " + single_quoted(spec);
      }
    }
    if (command.commands.empty()) {
      for (const OptionInfo& argument : command.arguments) {
        const std::string spec = std::string(argument.repeats ? "*" : "") +
                                 (argument.required || argument.repeats ? ":" : "::") + argument.value + ":" +
                                 zsh_action(argument);
        out += " \\\n    " + single_quoted(spec);
      }
      out += "\n}\n";
      return;
    }
    out +=
        " \\\n    '1: :->command' '*:: :->rest'\n  case $state in\n    command)\n      local -a commands\n      "
        "commands=(";
    for (const CommandInfo& below : command.commands)
      out += "\n        " + single_quoted(below.name + ":" + zsh_text(below.description));
    out += ")\n      _describe command commands ;;\n    rest)\n      case $line[1] in\n";
    for (const CommandInfo& below : command.commands)
      out += "        " + below.name + ") " + zsh_function(below) + " ;;\n";
    out += "      esac ;;\n  esac\n}\n";
  });
  return out + "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _assay \"$@\"; else compdef _assay assay; fi\n";
}

std::string fish(const CommandInfo& root) {
  std::string out =
      "# fish completion of assay, made by: assay completions fish\n"
      "# Is the command line that of this command, and of none below it?\n"
      "function __assay_at\n"
      "  set -l words (commandline -opc)\n"
      "  set -l path assay\n"
      "  for word in $words[2..-1]\n"
      "    contains -- \"$path $word\" $__assay_paths; and set path \"$path $word\"\n"
      "  end\n"
      "  test \"$path\" = \"$argv[1]\"\n"
      "end\n"
      "set -g __assay_paths";
  for_each(root, [&](const CommandInfo& command) {
    for (const CommandInfo& below : command.commands) out += " " + single_quoted(below.path);
  });
  out += "\ncomplete -c assay -f\n";
  const auto values = [](const OptionInfo& option) -> std::string {
    switch (kind_of(option)) {
      case Kind::choice:
        return " -x -a " + single_quoted(names_of(option.choices));
      case Kind::model:
        return " -r -F -a '(assay completions names models 2>/dev/null)'";
      case Kind::engine:
        return " -x -a '(assay completions names engines 2>/dev/null)'";
      case Kind::file:
        return " -r -F";
      case Kind::none:
        return "";
      default:
        return " -x";
    }
  };
  for_each(root, [&](const CommandInfo& command) {
    const std::string at = "complete -c assay -n " + single_quoted("__assay_at " + single_quoted(command.path));
    for (const CommandInfo& below : command.commands)
      out += at + " -a " + below.name + " -d " + single_quoted(below.description) + "\n";
    for (const OptionInfo& option : command.options) {
      out += at;
      for (const std::string& name : option.names)
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      out += values(option) + " -d " + single_quoted(option.help) + "\n";
    }
    for (const OptionInfo& argument : command.arguments) {
      const Kind kind = kind_of(argument);
      if (kind == Kind::file || kind == Kind::model) out += at + " -F\n";
      if (kind == Kind::model) out += at + " -a '(assay completions names models 2>/dev/null)'\n";
    }
  });
  return out;
}

}  // namespace

std::string completion_script(const CommandInfo& root, const std::string& shell) {
  return shell == "bash" ? bash(root) : shell == "zsh" ? zsh(root) : fish(root);
}

}  // namespace assay::cli
