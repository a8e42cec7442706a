#include "cli/usage.h"

#include <algorithm>
#include <map>
#include <regex>
#include <utility>

#include "cli/suggest.h"

namespace assay::cli {
namespace {

bool is_option(const std::string& word) { return word.size() > 1 && word.front() == '-'; }

std::string single_quoted(const std::string& word) { return "'" + word + "'"; }

// Of the command and of those above it: an option of the program may stand behind a command's name.
const CLI::Option* find_option(const CLI::App& command, const std::string& name) {
  const bool long_name = name.starts_with("--");
  const std::string bare = name.substr(long_name ? 2 : 1);
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options({})) {
      const auto& names = long_name ? option->get_lnames() : option->get_snames();
      if (std::ranges::find(names, bare) != names.end()) return option;
    }
  }
  return nullptr;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> out;
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options({})) {
      for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
    }
  }
  return out;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->check_name(name)) return command;
  }
  return nullptr;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_group().empty()) out.push_back(command->get_name());
  }
  return out;
}

struct Places {
  std::size_t most = 0;
  std::string names;
};

Places places_of(const CLI::App& command) {
  Places out;
  for (const CLI::Option* option : command.get_options({})) {
    if (!option->get_positional() || !option->get_lnames().empty()) continue;
    out.most += static_cast<std::size_t>(std::max(0, option->get_items_expected_max()));
    out.names += (out.names.empty() ? "" : " ") + option->get_name();
  }
  return out;
}

// Walks over the words as the parser does.
class Walk {
 public:
  explicit Walk(const CLI::App& app) : command_(&app), places_(places_of(app)) {}

  std::optional<UsageError> over(std::span<const std::string> words) {
    for (at_ = 0; at_ < words.size(); ++at_) {
      const std::string& word = words[at_];
      if (word == "--" && !only_places_) {
        only_places_ = true;
        continue;
      }
      auto wrong = is_option(word) && !only_places_ ? option(words) : place(word);
      if (wrong) return wrong;
    }
    if (help_ || command_->get_require_subcommand_min() == 0) return std::nullopt;
    return UsageError{"a command is missing", path_of(*command_), true};
  }

  const CLI::App& command() const { return *command_; }

 private:
  UsageError error(std::string detail) const { return {std::move(detail), path_of(*command_)}; }

  std::optional<UsageError> place(const std::string& word) {
    const auto commands = command_names(*command_);
    if (used_ == 0 && !only_places_) {
      if (const CLI::App* next = find_command(*command_, word)) {
        command_ = next;
        places_ = places_of(*next);
        return std::nullopt;
      }
    }
    if (places_.most == 0 && !commands.empty()) {
      return error(path_of(*command_) + " has no command " + single_quoted(word) + did_you_mean(word, commands));
    }
    if (++used_ <= places_.most) return std::nullopt;
    if (places_.most == 0)
      return error(path_of(*command_) + " takes no " + single_quoted(word) + ": it has only options");
    return error(single_quoted(word) + " is one word too many: " + path_of(*command_) + " takes " + places_.names +
                 ", and a text of several words stands in quotes");
  }

  std::optional<UsageError> option(std::span<const std::string> words) {
    const std::string& word = words[at_];
    const bool long_name = word.starts_with("--");
    const auto equals = long_name ? word.find('=') : std::string::npos;
    const std::string name = long_name ? word.substr(0, equals) : word.substr(0, 2);
    const CLI::Option* found = find_option(*command_, name);
    if (found == nullptr) {
      std::string shown = name;
      if (!long_name) shown = word;
      const auto all = option_names(*command_);
      std::string meant = did_you_mean(long_name ? name : "-" + word, all);  // -model, perhaps
      if (!long_name && meant.empty()) {
        meant = word.find_first_not_of("-0123456789.") == std::string::npos
                    ? "; a word that begins with a dash stands behind --"
                    : "";
      }
      return error(path_of(*command_) + " has no option " + single_quoted(shown) + meant);
    }
    help_ = help_ || found == command_->get_help_ptr() || name == "--help" || name == "-h" || name == "--version" ||
            name == "-V";
    const auto least = static_cast<std::size_t>(std::max(0, found->get_items_expected_min()));
    const auto most = static_cast<std::size_t>(std::max(0, found->get_items_expected_max()));
    if (least == 0) {
      if (equals != std::string::npos) return error(name + " takes no value");
      if (!long_name && word.size() > 2) return bundle(word);
      return std::nullopt;
    }
    if (found->get_expected_max() == 1 && found->get_multi_option_policy() == CLI::MultiOptionPolicy::Throw &&
        ++times_[found] > 1) {
      return error((found->get_lnames().empty() ? name : "--" + found->get_lnames().front()) +
                   " is given more than once");
    }
    std::size_t values = 0;
    if (equals != std::string::npos || (!long_name && word.size() > 2)) values = 1;
    while (values < least) {
      if (at_ + 1 >= words.size()) {
        return error(name + ": a value is missing" +
                     (least > 1 ? ", expected " + std::to_string(least) + " of them" : std::string()));
      }
      ++at_;
      ++values;
    }
    while (values < most && found->get_allow_extra_args() && at_ + 1 < words.size() && !is_option(words[at_ + 1])) {
      ++at_;
      ++values;
    }
    return std::nullopt;
  }

  // -ab is -a -b.
  std::optional<UsageError> bundle(const std::string& word) {
    for (std::size_t i = 2; i < word.size(); ++i) {
      const std::string name = std::string("-") + word[i];
      const CLI::Option* found = find_option(*command_, name);
      if (found == nullptr) return error(path_of(*command_) + " has no option " + single_quoted(name));
      if (found->get_items_expected_min() > 0) return std::nullopt;  // the rest is its value
    }
    return std::nullopt;
  }

  const CLI::App* command_;
  Places places_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  bool only_places_ = false;
  bool help_ = false;
  std::map<const CLI::Option*, int> times_;
};

// "a,b,c" as "a, b or c".
std::string as_choice(const std::string& words) {
  std::string out = words;
  const auto last = out.rfind(',');
  if (last != std::string::npos) out.replace(last, 1, " or ");
  for (std::size_t at = 0; (at = out.find(',', at)) != std::string::npos; at += 2) out.replace(at, 1, ", ");
  return out;
}

}  // namespace

std::string path_of(const CLI::App& command) {
  std::string out;
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    const std::string name = app->get_name().empty() ? "assay" : app->get_name();
    out = out.empty() ? name : name + " " + out;
  }
  return out;
}

std::optional<UsageError> check_words(const CLI::App& app, std::span<const std::string> words) {
  return Walk(app).over(words);
}

const CLI::App& named_command(const CLI::App& app, std::span<const std::string> words) {
  Walk walk(app);
  walk.over(words);
  return walk.command();
}

std::vector<std::string> with_aliases(std::vector<std::string> words) {
  const auto first = std::ranges::find_if_not(words, is_option);  // behind --json, perhaps
  if (first == words.end()) return words;
  if (*first == "help") {
    words.erase(first);
    words.emplace_back("--help");
  } else if (*first == "version") {
    *first = "--version";
  }
  return words;
}

std::string in_our_words(const CLI::ParseError& error) {
  const std::string text = error.what();
  std::smatch found;
  static const std::regex excludes("^(\\S+) excludes (\\S+)$");
  static const std::regex needs("^(\\S+) requires (\\S+)$");
  static const std::regex missing("^(.+) is required$");
  static const std::regex no_value("^([^:]+): \\d+ required .* missing$");
  static const std::regex one_of("^([^:]+): (.*) not in \\{(.*)\\}$");
  static const std::regex between("^([^:]+): Value (.*) not in range \\[?(\\S+)(?: - | to )([^\\]\\s]+)\\]?$");
  static const std::regex conversion("^Could not convert: (\\S+) = (.*)$");
  if (std::regex_match(text, found, excludes)) {
    return found[1].str() + " and " + found[2].str() + " cannot be used together";
  }
  if (std::regex_match(text, found, needs)) return found[1].str() + " is only for use with " + found[2].str();
  if (std::regex_match(text, found, missing)) return found[1].str() + " is missing";
  if (std::regex_match(text, found, no_value)) return found[1].str() + ": a value is missing";
  if (std::regex_match(text, found, one_of)) {
    return found[1].str() + ": met " + found[2].str() + ", expected " + as_choice(found[3].str());
  }
  if (std::regex_match(text, found, between)) {
    return found[1].str() + ": met " + found[2].str() + ", expected " + found[3].str() + " to " + found[4].str();
  }
  if (std::regex_match(text, found, conversion)) {  // of digits, as add_number_rules() has seen: too many of them
    return found[1].str() + ": met " + found[2].str() + ", expected a whole number from 0 to 4294967295";
  }
  return text;
}

}  // namespace assay::cli
