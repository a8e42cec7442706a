// Man pages.
#include <algorithm>
#include <cctype>

#include "cli/generated.h"

namespace assay::cli {
namespace {

// Text as roff shows it unchanged.
std::string plain(const std::string& text) {
  std::string out;
  bool line_begin = true;
  for (const char c : text) {
    if (line_begin && (c == '.' || c == '\'')) out += "\\&";
    line_begin = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string bold(const std::string& text) { return "\\fB" + plain(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + plain(text) + "\\fR"; }

std::string entry(const OptionInfo& option) {
  std::string out = ".TP\n";
  for (std::size_t i = 0; i < option.names.size(); ++i) {
    const std::string& name = option.names[i];
    out += (i == 0 ? "" : ", ") + (name.starts_with('-') ? bold(name) : italic(name));
  }
  if (!option.value.empty() && option.names.front().starts_with('-')) out += " " + italic(option.value);
  return out + "\n" + plain(whole_help(option)) + "\n";
}

// Lines as they are, not filled.
std::string block(const std::string& text) {
  return ".PP\n.nf\n" + plain(text) + (text.ends_with('\n') ? "" : "\n") + ".fi\n";
}

void see_also(const CommandInfo& command, const CommandInfo& at, std::vector<std::string>& out) {
  for (const CommandInfo& below : at.commands) {
    const bool above = command.path.starts_with(below.path + " ");
    const bool beneath = below.path.starts_with(command.path + " ") &&
                         below.path.find(' ', command.path.size() + 1) == std::string::npos;
    const bool beside = below.path.rfind(' ') == command.path.rfind(' ') && below.path != command.path &&
                        below.path.substr(0, below.path.rfind(' ')) == command.path.substr(0, command.path.rfind(' '));
    if (above || beneath || beside) out.push_back(page_name(below));
    see_also(command, below, out);
  }
}

}  // namespace

std::string page_name(const CommandInfo& command) {
  std::string out = command.path;
  std::ranges::replace(out, ' ', '-');
  return out;
}

std::string man_page(const CommandInfo& command, const CommandInfo& root, const std::string& version) {
  std::string out = ".TH " + upper(page_name(command)) + " 1 \"\" \"assay " + version + "\" \"Assay\"\n";
  out += ".SH NAME\n" + plain(page_name(command)) + " \\- " + plain(command.description) + "\n";
  out += ".SH SYNOPSIS\n" + bold(command.path) + plain(usage_line(command).substr(command.path.size())) + "\n";
  if (!command.arguments.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const OptionInfo& argument : command.arguments) out += entry(argument);
  }
  if (!command.commands.empty()) {
    out += ".SH COMMANDS\n";
    for (const CommandInfo& below : command.commands)
      out += ".TP\n" + bold(below.name) + "\n" + plain(below.description) + "\n";
  }
  std::vector<std::string> groups;
  for (const OptionInfo& option : command.options) {
    if (std::ranges::find(groups, option.group) == groups.end()) groups.push_back(option.group);
  }
  for (const std::string& group : groups) {
    out += ".SH " + (group.empty() ? "OPTIONS" : "\"" + upper(group) + "\"") + "\n";
    for (const OptionInfo& option : command.options) {
      if (option.group == group) out += entry(option);
    }
  }
  if (!command.notes.empty()) out += ".SH NOTES\n" + block(command.notes);
  if (!command.examples.empty()) {
    std::string lines;
    for (const std::string& example : command.examples) lines += example + "\n";
    out += ".SH EXAMPLES\n" + block(lines);
  }
  out +=
      ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nthe answer is no: a bad file, a check that does not hold\n.TP\n2\nusage: "
      "an unknown option, a "
      "value out of range, a file that is not there\n.TP\n3\nrefused by contract\n.TP\n4\nan engine failed\n";
  if (command.path == root.path) {
    out += ".SH ENVIRONMENT\n.TP\n" + bold("ASSAY_HOME") + "\nwhere models, engines and history are kept\n.TP\n" +
           bold("ASSAY_ISA") + "\nholds the kernels to portable, avx2 or avx512\n.TP\n" + bold("NO_COLOR") +
           "\nwhere it is set, no colour\n";
  }
  std::vector<std::string> others;
  see_also(command, root, others);
  if (command.path != root.path) others.insert(others.begin(), "assay");
  out += ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < others.size(); ++i) {
    out += ".BR " + plain(others[i]) + " (1)" + (i + 1 < others.size() ? "," : "") + "\n";
  }
  return out;
}

}  // namespace assay::cli
