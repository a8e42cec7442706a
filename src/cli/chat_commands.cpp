// What begins with a slash in a conversation.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/output_file.h"
#include "cli/chat_input.h"
#include "cli/chat_session.h"
#include "cli/number_option.h"
#include "cli/suggest.h"
#include "cli/usage.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_max = 64U << 20U;  // a conversation longer than this is no conversation

std::string counted(std::size_t n, const std::string& one) {
  return std::to_string(n) + " " + one + (n == 1 ? "" : "s");
}

// The beginning of a text, on one line.
std::string begin_of(const std::string& text) {
  constexpr std::size_t most = 40;
  std::string line = text.substr(0, text.find('\n'));
  if (line.size() <= most && line.size() == text.size()) return line;
  std::size_t end = std::min(line.size(), most);
  while (end > 0 && end < line.size() && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return line.substr(0, end) + "...";
}

std::string at_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Result<Json> messages_in(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error))
    return fail(Errc::bad_value, path + " is a folder, expected a file that /save wrote");
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::not_found, path + ": no such file");
  if (const auto bytes = fs::file_size(path, error); !error && bytes > file_max) {
    return fail(Errc::bad_value,
                path + ": " + std::to_string(bytes) + " bytes, expected at most " + std::to_string(file_max));
  }
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded()) return fail(Errc::bad_value, path + ": not JSON, expected a file that /save wrote");
  const Json messages = document.is_object() && document.contains("messages") ? document["messages"] : document;
  if (!messages.is_array()) return fail(Errc::bad_value, path + ": no \"messages\", expected a file that /save wrote");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Json& one = messages[i];
    const bool good = one.is_object() && one.contains("role") && one["role"].is_string() && one.contains("content") &&
                      one["content"].is_string();
    const std::string role = good ? one["role"].get<std::string>() : "";
    if (good && (role == "system" || role == "user" || role == "assistant")) continue;
    return fail(Errc::bad_value, path + ": message " + std::to_string(i) +
                                     ": expected a role (system, user or assistant) and a content, both texts");
  }
  return messages;
}

}  // namespace

std::vector<ChatCommand> chat_commands() {
  return {{"/help", "", "this"},
          {"/show", "", "model, settings, and how full the context is"},
          {"/system", "TEXT", "set the system message and begin anew; without a text: none"},
          {"/reset", "", "forget the conversation; so does /clear"},
          {"/undo", "", "take back the last question and answer"},
          {"/roll", "", "forget the oldest turns, so that half the context is free"},
          {"/again", "", "answer the last question again, with the next seed"},
          {"/temp", "X", "temperature; 0: always the most likely token"},
          {"/seed", "N", "seed of the next answer; each one after it has one more"},
          {"/max", "N", "most tokens of an answer"},
          {"/set", "NAME VALUE", "any setting of 'assay run --help', such as /set top-p 0.9"},
          {"/stats", "", "switch counts and speeds after each answer on or off"},
          {"/model", "NAME", "go on with another model"},
          {"/save", "FILE", "write the conversation as JSON; /save! replaces a file"},
          {"/load", "FILE", "go on with a conversation that was saved"},
          {"/exit", "", "leave; so do /bye and ctrl-D"}};
}

std::string chat_help() {
  constexpr std::size_t left = 18;
  std::string out;
  for (const ChatCommand& one : chat_commands()) {
    std::string name = std::string(one.name) + (one.argument.empty() ? "" : " ") + std::string(one.argument);
    name.resize(std::max(left, name.size() + 1), ' ');
    out += name + std::string(one.help) + "\n";
  }
  return out +
         "ctrl-C stops an answer. A line that ends in \\ goes on in the next; \"\"\" begins\n"
         "and ends a text of several lines, and what is pasted is one text. Tab\n"
         "completes commands, settings, models and files.\n";
}

// To a person; what a pipe reads are the answers alone.
void ChatSession::say(const std::string& line) const {
  std::fflush(stdout);
  std::fputs((line + "\n").c_str(), editor_->interactive() ? stdout : stderr);
}

std::size_t ChatSession::questions() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(messages_, [](const Json& one) { return one["role"] == "user"; }));
}

void ChatSession::begin_anew(const std::string& because) {
  const std::size_t before = questions();
  messages_ = conversation(options_.system, "");
  say(because + (before == 0 ? "" : "; " + counted(before, "question") + " forgotten"));
}

Result<void> ChatSession::command(const std::string& line) {
  const std::string name(command_word(line));
  const std::string rest = trimmed(line.substr(name.size()));
  const auto alone = [&]() -> Result<void> {
    if (rest.empty()) return {};
    return fail(Errc::bad_value, name + ": met \"" + rest + "\", expected nothing behind it");
  };
  if (name == "/exit" || name == "/quit" || name == "/bye") {
    leave_ = true;
  } else if (name == "/help" || name == "/?") {
    std::fputs(chat_help().c_str(), stdout);
  } else if (name == "/show") {
    ASSAY_TRY(alone());
    return show();
  } else if (name == "/reset" || name == "/clear") {
    ASSAY_TRY(alone());
    begin_anew("the conversation is empty");
  } else if (name == "/system") {
    options_.system = rest;
    begin_anew(rest.empty() ? "no system message" : "system message set");
  } else if (name == "/undo") {
    ASSAY_TRY(alone());
    return undo();
  } else if (name == "/roll") {
    ASSAY_TRY(alone());
    return roll();
  } else if (name == "/again") {
    ASSAY_TRY(alone());
    return again();
  } else if (name == "/stats") {
    ASSAY_TRY(alone());
    options_.stats = !options_.stats;
    say(options_.stats ? "stats on" : "stats off");
  } else if (name == "/temp" || name == "/seed") {
    return set(name, name.substr(1), rest);
  } else if (name == "/max") {
    return set(name, "max-tokens", rest);
  } else if (name == "/set") {
    return set_any(rest);
  } else if (name == "/save" || name == "/save!") {
    return save(rest, name == "/save!");
  } else if (name == "/load") {
    return load(at_home(rest));
  } else if (name == "/model") {
    return change_model(rest);
  } else {
    std::vector<std::string> known;
    for (const ChatCommand& one : chat_commands()) known.emplace_back(one.name);
    return fail(Errc::bad_value,
                name + ": no such command; " +
                    (nearest(name, known).empty() ? "/help lists them" : "did you mean " + nearest(name, known) + "?"));
  }
  return {};
}

// By the options of the command line: the same names, ranges and words.
Result<void> ChatSession::set(const std::string& asked_as, const std::string& name, const std::string& value) {
  if (value.empty()) return fail(Errc::bad_value, asked_as + ": met nothing, expected a value");
  GenerationOptions changed = options_.generation;
  changed.seed.reset();
  CLI::App settings;
  add_generation_options(settings, changed);
  add_number_rules(settings);
  const CLI::Option* option = settings.get_option_no_throw("--" + name);
  try {
    settings.parse(std::vector<std::string>{"--" + name + "=" + value});
  } catch (const CLI::ParseError& error) {
    std::string words = in_our_words(error);
    const auto colon = words.find(": met ");
    if (colon != std::string::npos) words.replace(0, colon, asked_as);
    return fail(Errc::bad_value, words);
  }
  if (auto good = check_generation(changed); !good) return good;
  if (changed.seed) next_seed_ = *changed.seed;
  options_.generation = changed;
  options_.generation.seed.reset();
  say(option->get_lnames().front() + " " + (name == "seed" ? std::to_string(next_seed_) : option->results().front()));
  return {};
}

Result<void> ChatSession::set_any(const std::string& rest) {
  const auto space = rest.find(' ');
  std::string name = rest.substr(0, space);
  std::ranges::replace(name, '_', '-');
  while (name.starts_with('-')) name.erase(0, 1);
  const std::string value = space == std::string::npos ? "" : trimmed(rest.substr(space));
  if (name.empty())
    return fail(Errc::bad_value, "/set: expected the name of a setting and its value, such as /set top-p 0.9");
  if (name == "system") return command("/system " + value);
  CLI::App settings;
  GenerationOptions unused;
  add_generation_options(settings, unused);
  std::vector<std::string> known = {"system"};
  for (const CLI::Option* option : settings.get_options({})) {
    for (const std::string& one : option->get_lnames()) {
      if (one != "help") known.push_back(one);
    }
  }
  if (std::ranges::find(known, name) == known.end()) {
    return fail(Errc::bad_value, "/set: no setting '" + name + "'" + did_you_mean(name, known));
  }
  return set("/set " + name, name, value);
}

Result<void> ChatSession::show() {
  const BackendFacts& facts = model_->backend->facts();
  const auto prompt = prompt_of(messages_);
  say("model      " + model_->path);
  say("engine     " + facts.name + (facts.version.empty() ? "" : " " + facts.version) + " on " + facts.device);
  say("context    " + (prompt ? std::to_string(prompt->size()) : std::string("?")) + " of " +
      std::to_string(facts.context) + " tokens, " + counted(questions(), "question"));
  say("system     " + (options_.system.empty() ? "none" : begin_of(options_.system)));
  say("seed       " + std::to_string(next_seed_) + " for the next answer");
  // Every setting that is not as it is by default, and the temperature.
  CLI::App now;
  CLI::App usual;
  GenerationOptions current = options_.generation;
  GenerationOptions defaults;
  add_generation_options(now, current);
  add_generation_options(usual, defaults);
  for (const CLI::Option* option : now.get_options({})) {
    if (option->get_lnames().empty() || option->get_default_str().empty()) continue;
    const std::string name = option->get_lnames().front();
    const CLI::Option* other = usual.get_option_no_throw("--" + name);
    if (name != "temp" && name != "max-tokens" && other->get_default_str() == option->get_default_str()) continue;
    say(name + std::string(name.size() < 11 ? 11 - name.size() : 1, ' ') + option->get_default_str());
  }
  for (const std::string& text : options_.generation.stop) say("stop       " + Json(text).dump());
  return {};
}

Result<void> ChatSession::undo() {
  std::size_t keep = messages_.size();
  while (keep > 0 && messages_[keep - 1]["role"] != "user") --keep;
  if (keep == 0) return fail(Errc::bad_value, "/undo: nothing was asked yet");
  const std::string question = messages_[keep - 1]["content"];
  while (messages_.size() >= keep) messages_.erase(messages_.size() - 1);
  say("taken back: " + begin_of(question) + " (" + counted(questions(), "question") + " left)");
  return {};
}

Result<void> ChatSession::again() {
  if (messages_.empty() || messages_.back()["role"] != "assistant") {
    return fail(Errc::bad_value, "/again: nothing was answered yet");
  }
  const Json before = messages_;
  messages_.erase(messages_.size() - 1);
  auto done = answer();
  if (!done) messages_ = before;
  return done;
}

// Drops whole turns from the front, behind the system message, until at most half of the context is used.
Result<void> ChatSession::roll() {
  const std::size_t room = model_->backend->facts().context / 2;
  std::size_t dropped = 0;
  const auto second_question = [&](const Json& messages) {
    std::size_t met = 0;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (messages[i]["role"] == "user" && ++met == 2) return i;
    }
    return messages.size();
  };
  Json messages = messages_;
  while (true) {
    const auto prompt = prompt_of(messages);
    if (!prompt) return std::unexpected(prompt.error());
    if (prompt->size() <= room) break;
    const std::size_t next = second_question(messages);
    std::size_t first = 0;
    while (first < messages.size() && messages[first]["role"] == "system") ++first;
    if (first == messages.size()) break;
    messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(first),
                   messages.begin() + static_cast<std::ptrdiff_t>(next));
    ++dropped;
  }
  messages_ = std::move(messages);
  say(dropped == 0
          ? "more than half of the context is free already; nothing is forgotten"
          : "the oldest " + counted(dropped, "question") + " forgotten, " + std::to_string(questions()) + " left");
  return {};
}

Result<void> ChatSession::save(std::string rest, bool replace) {
  constexpr std::string_view force = " --force";
  if (rest.ends_with(force)) {
    rest = trimmed(rest.substr(0, rest.size() - force.size()));
    replace = true;
  }
  if (rest.empty()) return fail(Errc::bad_value, "/save: expected a file name");
  const std::string path = at_home(rest);
  std::error_code error;
  if (!replace && fs::is_regular_file(path, error)) {
    return fail(Errc::bad_value, "/save: " + path + " is there already; /save! " + rest + " replaces it");
  }
  const std::string text =
      Json{{"model", model_->path}, {"messages", messages_}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  auto file = OutputFile::create(path, text.size());
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(text));
  ASSAY_TRY(file->commit());
  say(counted(messages_.size(), "message") + " written to " + path);
  return {};
}

Result<void> ChatSession::load(const std::string& path) {
  if (path.empty()) return fail(Errc::bad_value, "/load: expected a file name");
  auto messages = messages_in(path);
  if (!messages) return std::unexpected(std::move(messages.error()));
  const auto prompt = prompt_of(*messages);  // a template may refuse the order of roles
  if (!prompt) return std::unexpected(with_context(path, prompt.error()));
  messages_ = std::move(*messages);
  options_.system =
      !messages_.empty() && messages_.front()["role"] == "system" ? messages_.front()["content"] : Json("");
  say(counted(messages_.size(), "message") + " from " + path + ", " + std::to_string(prompt->size()) + " of " +
      std::to_string(model_->backend->facts().context) + " tokens");
  return {};
}

// The model before is let go first: two may not fit. It comes back where the new one cannot be used.
Result<void> ChatSession::change_model(const std::string& name) {
  if (name.empty()) {
    say(headline());
    return {};
  }
  const std::string before = options_.model.model;
  const auto found = find_model(session_, at_home(name));
  if (!found) return std::unexpected(found.error());
  const auto checkpoint = Checkpoint::open(*found);  // most of what can be wrong, before anything is given up
  if (!checkpoint) return std::unexpected(checkpoint.error());
  engine_.reset();
  model_.reset();
  options_.model.model = *found;
  auto load = [&](Stop* stop) -> Result<void> {
    const StopsOnInterrupt within(stop);
    auto model = load_model(session_, options_.model, Parts::closed);
    if (!model) return std::unexpected(std::move(model.error()));
    return use(std::move(*model));
  };
  if (auto done = load(&session_.stop); !done) {
    clear_interrupt();
    options_.model.model = before;
    if (auto back = load(nullptr); !back) {
      return fail(Errc::engine_lost, to_string(done.error()) + "; and the model before it: " + to_string(back.error()));
    }
    return done;
  }
  say(headline());
  return {};
}

}  // namespace assay::cli
