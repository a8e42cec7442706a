#include "cli/command_tree.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace assay::cli {
namespace {

constexpr const char* shared_group = "Every command";

std::string upper(std::string text) {
  for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// What stands for a value: a parser's type says only that it is text.
std::string value_word(const std::string& type, const CLI::Option& option) {
  if (type == "UINT" || type == "INT") return "N";
  if (type == "FLOAT") return "X";
  if (!type.empty() && type != "TEXT") return type;
  static const std::map<std::string, std::string> by_name = {{"model", "MODEL"},
                                                             {"engine", "ENGINE"},
                                                             {"engines", "ENGINES"},
                                                             {"out", "FILE"},
                                                             {"csv", "FILE"},
                                                             {"html", "FILE"},
                                                             {"markdown", "FILE"},
                                                             {"record", "FILE"},
                                                             {"repeat", "FILE"},
                                                             {"from", "FILE"},
                                                             {"compare", "FILE"},
                                                             {"dump", "FILE"},
                                                             {"text", "FILE"},
                                                             {"config", "FILE"},
                                                             {"upstream-key-file", "FILE"},
                                                             {"file", "FILE"},
                                                             {"kv", "TYPE"},
                                                             {"quant", "TYPE"},
                                                             {"type", "TYPE"},
                                                             {"budget", "TIME"},
                                                             {"soak", "TIME"},
                                                             {"arrivals-for", "TIME"},
                                                             {"parity-budget", "TIME"},
                                                             {"upstream-wait", "TIME"},
                                                             {"name", "NAME"},
                                                             {"version", "VERSION"},
                                                             {"upstream", "SERVER"},
                                                             {"upstream-key-env", "NAME"},
                                                             {"shape", "SHAPE"},
                                                             {"sha256", "HASH"},
                                                             {"device", "DEVICE"},
                                                             {"color", "WHEN"}};
  for (const std::string& name : option.get_lnames()) {
    if (const auto found = by_name.find(name); found != by_name.end()) return found->second;
  }
  return "TEXT";
}

std::string first_name(const CLI::Option& option) {
  if (!option.get_lnames().empty()) return "--" + option.get_lnames().front();
  if (!option.get_snames().empty()) return "-" + option.get_snames().front();
  return upper(option.get_name());
}

// "a|b" of the validators' words is kept as choices, the rest as a range.
void read_limits(std::string words, OptionInfo& out) {
  if (words.starts_with('{') && words.ends_with('}')) {
    words = words.substr(1, words.size() - 2);
    for (std::size_t at = 0; at <= words.size();) {
      const auto end = std::min(words.find(',', at), words.size());
      out.choices.push_back(words.substr(at, end - at));
      at = end + 1;
    }
    return;
  }
  // CLI11's own: "INT in [1 - 1024]".
  if (const auto open = words.find(" in ["); open != std::string::npos && words.ends_with(']')) {
    words = words.substr(open + 5, words.size() - open - 6);
    if (const auto dash = words.find(" - "); dash != std::string::npos) words.replace(dash, 3, " to ");
  }
  out.range = std::move(words);
}

OptionInfo option_info(const CLI::Option& option) {
  OptionInfo out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  const bool by_place = out.names.empty();
  if (by_place) out.names.push_back(upper(option.get_name()));
  const std::string type = option.get_type_name();
  const auto colon = type.find(':');
  if (option.get_items_expected_max() > 0)
    out.value = by_place ? out.names.front() : value_word(type.substr(0, colon), option);
  if (colon != std::string::npos) read_limits(type.substr(colon + 1), out);
  out.help = option.get_description();
  out.fallback = option.get_default_str();
  if (out.fallback == "\"\"" || out.fallback == "[]") out.fallback.clear();
  out.required = option.get_required();
  out.repeats = option.get_expected_max() > 1;
  if (option.get_group() != "Options") out.group = option.get_group();
  for (const CLI::Option* other : option.get_excludes()) out.not_with.push_back(first_name(*other));
  for (const CLI::Option* other : option.get_needs()) out.only_with.push_back(first_name(*other));
  std::ranges::sort(out.not_with);
  return out;
}

// "notes\nExample:\n  one\n  two" into notes and examples.
void read_footer(const std::string& footer, CommandInfo& out) {
  bool examples = false;
  for (std::size_t at = 0; at < footer.size();) {
    const auto end = std::min(footer.find('\n', at), footer.size());
    const std::string line = footer.substr(at, end - at);
    at = end + 1;
    if (line == "Example:" || line == "Examples:") {
      examples = true;
    } else if (examples && line.starts_with("  ")) {
      out.examples.push_back(line.substr(2));
    } else {
      out.notes += line + "\n";
    }
  }
}

CommandInfo info_of(const CLI::App& app, const std::string& above, const std::vector<OptionInfo>& shared) {
  CommandInfo out;
  out.name = app.get_name().empty() ? "assay" : app.get_name();
  out.path = above.empty() ? out.name : above + " " + out.name;
  out.description = app.get_description();
  std::vector<OptionInfo> common = shared;
  for (const CLI::Option* option : app.get_options({})) {
    OptionInfo info = option_info(*option);
    const bool help = option == app.get_help_ptr();
    if (option->get_positional() && info.names.size() == 1 && !info.names.front().starts_with('-')) {
      out.arguments.push_back(std::move(info));
    } else if (above.empty()) {
      info.group = shared_group;
      if (option != app.get_version_ptr() && !help) common.push_back(info);
      out.options.push_back(std::move(info));
    } else if (help) {
      info.group = shared_group;
      info.help = "this page";
      common.push_back(std::move(info));
    } else {
      out.options.push_back(std::move(info));
    }
  }
  if (!above.empty()) out.options.insert(out.options.end(), common.begin(), common.end());
  std::vector<OptionInfo> below;
  for (const OptionInfo& option : common) {
    if (std::ranges::find(option.names, "--help") == option.names.end()) below.push_back(option);
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) out.commands.push_back(info_of(*command, out.path, below));
  }
  read_footer(app.get_footer(), out);
  return out;
}

std::string joined(const std::vector<std::string>& words, const std::string& between, const std::string& last) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "" : i + 1 == words.size() ? last : between) + words[i];
  return out;
}

// Words in lines of at most `columns`; lines after the first begin with `indent` spaces.
std::string wrapped(const std::string& text, std::size_t columns, std::size_t begin, std::size_t indent) {
  std::string out;
  std::size_t at = begin;
  for (std::size_t i = 0; i < text.size();) {
    const auto end = std::min(text.find(' ', i), text.size());
    const std::size_t length = end - i;
    if (i > 0) {
      if (at + 1 + length > columns) {
        out += "\n" + std::string(indent, ' ');
        at = indent;
      } else {
        out += ' ';
        ++at;
      }
    }
    out.append(text, i, length);
    at += length;
    i = end + 1;
  }
  return out;
}

// A command, broken as a shell reads it back.
std::string shell_lines(const std::string& command, std::size_t columns) {
  std::string out = "  ";
  std::size_t at = 2;
  for (std::size_t i = 0; i < command.size();) {
    const auto end = std::min(command.find(' ', i), command.size());
    const std::size_t length = end - i;
    if (i > 0) {
      const bool fits = at + 1 + length + (end < command.size() ? 2 : 0) <= columns;
      out += fits ? " " : " \\\n      ";
      at = fits ? at + 1 : 6;
    }
    out.append(command, i, length);
    at += length;
    i = end + 1;
  }
  return out;
}

std::string left_of(const OptionInfo& option) {
  if (!option.names.front().starts_with('-')) return option.names.front();
  std::string out = option.names.front().starts_with("--") ? "    " : "";
  out += joined(option.names, ", ", ", ");
  return option.value.empty() ? out : out + " " + option.value;
}

void add_rows(std::string& out, const std::vector<std::pair<std::string, std::string>>& rows, std::size_t columns,
              const Style& style) {
  constexpr std::size_t left_max = 28;
  std::size_t left = 0;
  for (const auto& [name, help] : rows) {
    if (name.size() <= left_max) left = std::max(left, name.size());
  }
  for (const auto& [name, help] : rows) {
    out += "  " + style.accent(name);
    const std::size_t begin = left + 4;
    if (name.size() > left) {
      out += "\n" + std::string(begin, ' ');
    } else {
      out += std::string(begin - 2 - name.size(), ' ');
    }
    out += wrapped(help, columns, begin, begin) + "\n";
  }
}

}  // namespace

CommandInfo command_tree(const CLI::App& app) { return info_of(app, "", {}); }

std::string usage_line(const CommandInfo& command) {
  std::string out = command.path;
  if (!command.options.empty()) out += " [OPTIONS]";
  for (const OptionInfo& argument : command.arguments) {
    const std::string word = argument.names.front() + (argument.repeats ? "..." : "");
    out += argument.required ? " " + word : " [" + word + "]";
  }
  if (!command.commands.empty()) out += " COMMAND";
  return out;
}

std::string whole_help(const OptionInfo& option) {
  std::vector<std::string> more;
  if (!option.choices.empty() && option.help.find(option.choices.front()) == std::string::npos) {
    more.push_back(joined(option.choices, ", ", " or "));
  }
  if (!option.range.empty()) more.push_back(option.range);
  if (!option.fallback.empty()) more.push_back("default " + option.fallback);
  if (!option.only_with.empty() && option.help.find(option.only_with.front()) == std::string::npos) {
    more.push_back("only with " + joined(option.only_with, ", ", " and "));
  }
  if (!option.not_with.empty()) more.push_back("not with " + joined(option.not_with, ", ", " or "));
  if (option.required && option.names.front().starts_with('-')) more.push_back("must be given");
  return option.help + (more.empty() ? "" : " (" + joined(more, "; ", "; ") + ")");
}

std::string help_text(const CommandInfo& command, std::size_t columns, const Style& style) {
  columns = std::clamp<std::size_t>(columns, 50, 100);
  std::string out;
  out += wrapped(command.path + ": " + command.description, columns, 0, 2) + "\n\n";
  out += style.bold("Usage:") + " " + wrapped(usage_line(command), columns, 7, 9) + "\n";
  const auto section = [&](const std::string& title, const std::vector<std::pair<std::string, std::string>>& rows) {
    if (rows.empty()) return;
    out += "\n" + style.bold(title + ":") + "\n";
    add_rows(out, rows, columns, style);
  };
  std::vector<std::pair<std::string, std::string>> rows;
  rows.reserve(command.arguments.size());
  for (const OptionInfo& argument : command.arguments) rows.emplace_back(left_of(argument), whole_help(argument));
  section("Arguments", rows);
  rows.clear();
  for (const CommandInfo& below : command.commands) rows.emplace_back(below.name, below.description);
  section("Commands", rows);
  std::vector<std::string> groups;
  for (const OptionInfo& option : command.options) {
    if (std::ranges::find(groups, option.group) == groups.end()) groups.push_back(option.group);
  }
  for (const std::string& group : groups) {
    rows.clear();
    for (const OptionInfo& option : command.options) {
      if (option.group == group) rows.emplace_back(left_of(option), whole_help(option));
    }
    section(
        group.empty() || (group == shared_group && groups.size() == 1 && !command.commands.empty()) ? "Options" : group,
        rows);
  }
  if (!command.notes.empty()) {
    out += "\n";
    for (std::size_t at = 0; at < command.notes.size();) {
      const auto end = command.notes.find('\n', at);
      const std::string line = command.notes.substr(at, end - at);
      out += (line.starts_with(' ') || line.starts_with('/') ? line : wrapped(line, columns, 0, 0)) + "\n";
      at = end + 1;
    }
  }
  if (!command.examples.empty()) {
    out += "\n" + style.bold(command.examples.size() == 1 ? "Example:" : "Examples:") + "\n";
    for (const std::string& example : command.examples) out += shell_lines(example, columns) + "\n";
  }
  if (!command.commands.empty()) out += "\n'" + command.path + " COMMAND --help' tells more about a command.\n";
  return out;
}

Json help_json(const CommandInfo& command) {
  const auto options = [](const std::vector<OptionInfo>& all) {
    Json out = Json::array();
    for (const OptionInfo& option : all) {
      out.push_back({{"names", option.names},
                     {"value", option.value.empty() ? Json(nullptr) : Json(option.value)},
                     {"help", option.help},
                     {"default", option.fallback.empty() ? Json(nullptr) : Json(option.fallback)},
                     {"range", option.range.empty() ? Json(nullptr) : Json(option.range)},
                     {"choices", option.choices},
                     {"not_with", option.not_with},
                     {"only_with", option.only_with},
                     {"group", option.group.empty() ? Json(nullptr) : Json(option.group)},
                     {"required", option.required},
                     {"repeats", option.repeats}});
    }
    return out;
  };
  Json commands = Json::array();
  for (const CommandInfo& below : command.commands) commands.push_back(help_json(below));
  return {{"command", command.path},
          {"description", command.description},
          {"usage", usage_line(command)},
          {"arguments", options(command.arguments)},
          {"options", options(command.options)},
          {"commands", commands},
          {"notes", command.notes},
          {"examples", command.examples}};
}

}  // namespace assay::cli
