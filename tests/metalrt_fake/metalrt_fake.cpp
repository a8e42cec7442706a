// MetalRT's C ABI by a library of our own, for tests on Linux. The environment says how it behaves:
//
//   METALRT_FAKE_PROGRAM=assay, METALRT_FAKE_MODEL=file   raw answers come from our own engine, by `assay run`
//   METALRT_FAKE_ORDER=WORD                               abi | no_load | crash_load | crash | hang | hang_load | ignore_cancel |
//                                                         null_texts | bad_utf8 | negative | nothing | slow | chatter | exit | crash_late
// Without a program an answer is " 0", " 1", ... and a token is a word. METALRT_FAKE_HALF leaves out one function of the raw
// capability, METALRT_FAKE_SMALL all but the core.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern char** environ;

namespace {

struct Result {
  const char* text;
  const char* thinking;
  const char* response;
  int prompt_tokens;
  int generated_tokens;
  double prefill_ms;
  double decode_ms;
  double tps;
};
struct Options {
  int max_tokens;
  int top_k;
  float temperature;
  bool think;
  bool reset_cache;
  bool ignore_eos;
};
using Callback = bool (*)(const char*, void*);

struct Model {
  std::string folder;
};

bool ordered(const char* word) {
  const char* order = std::getenv("METALRT_FAKE_ORDER");
  return order != nullptr && std::strcmp(order, word) == 0;
}

int words(const char* text) {
  int count = 0;
  for (const char* at = text; *at != '\0'; ++at) count += *at != ' ' && (at == text || at[-1] == ' ') ? 1 : 0;
  return count;
}

const char* copy(const std::string& text) { return strdup(text.c_str()); }

// As the system does it: a sanitizer's own handler would make an exit of it.
void segfault() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
}

[[noreturn]] void hang() {
  for (;;) sleep(1000);
}

// `assay run` on the prompt; each piece of its output as it comes. The number of pieces.
int run_assay(const char* program, const char* prompt, int tokens, Callback callback, void* user, std::string& text) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return 0;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  const std::string count = std::to_string(tokens);
  const char* arguments[] = {program, "run",         "--raw", "-t",   "2", "-m", std::getenv("METALRT_FAKE_MODEL"),
                             "-n",    count.c_str(), prompt,  nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, program, &actions, nullptr, const_cast<char**>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  int pieces = 0;
  char buffer[256];
  ssize_t got = 0;
  while (failed == 0 && (got = read(ends[0], buffer, sizeof(buffer) - 1)) > 0) {
    buffer[got] = '\0';
    text += buffer;
    ++pieces;
    if (callback != nullptr && !callback(buffer, user)) {
      kill(child, SIGKILL);
      break;
    }
  }
  close(ends[0]);
  if (failed == 0) waitpid(child, nullptr, 0);
  return pieces;
}

Result answer(void* handle, const char* prompt, Callback callback, void* user, const Options* options) {
  Result result{};
  if (handle == nullptr || prompt == nullptr || options == nullptr || !options->reset_cache) std::abort();
  if (ordered("crash")) {
    std::fprintf(stderr, "MetalRT: assertion failed: command buffer %d\n", 7);
    segfault();
  }
  if (ordered("exit")) std::exit(3);
  if (ordered("hang")) hang();
  if (ordered("nothing")) return result;
  result.prompt_tokens = words(prompt);
  result.prefill_ms = 1.5;
  std::string text;
  if (const char* program = std::getenv("METALRT_FAKE_PROGRAM"); program != nullptr) {
    run_assay(program, prompt, options->max_tokens, callback, user, text);
    result.generated_tokens = options->max_tokens;
  } else {
    for (int i = 0; i < options->max_tokens; ++i) {
      std::string piece = " " + std::to_string(i);
      if (ordered("bad_utf8"))
        piece = i % 2 == 0 ? "\xC3" : "\xA9\xFF";  // half an e with acute, its rest and a wrong byte
      if (ordered("slow")) usleep(100'000);
      if (ordered("chatter")) std::printf("noise on stdout %d\n", i);
      if (i == 2 && ordered("crash_late")) std::abort();
      text += piece;
      ++result.generated_tokens;
      if (callback == nullptr) continue;
      if (ordered("null_texts") && i == 1) callback(nullptr, user);
      if (!callback(piece.c_str(), user)) {
        if (ordered("ignore_cancel")) hang();
        break;
      }
      if (ordered("ignore_cancel")) usleep(50'000);
    }
  }
  if (ordered("negative")) result.generated_tokens = -5;
  if (!ordered("null_texts")) {
    result.text = copy(text);
    result.response = copy(text);
  }
  result.decode_ms = 2.5;
  return result;
}

}  // namespace

extern "C" {

std::uint32_t metalrt_abi_version() { return ordered("abi") ? 3 : 2; }
void* metalrt_create() { return new Model; }
void metalrt_destroy(void* model) { delete static_cast<Model*>(model); }
bool metalrt_load(void* model, const char* folder) {
  if (ordered("crash_load")) segfault();
  if (ordered("hang_load")) hang();
  static_cast<Model*>(model)->folder = folder;
  return !ordered("no_load");
}
Result metalrt_generate(void* model, const char* prompt, const Options* options) {
  return answer(model, prompt, nullptr, nullptr, options);
}

#ifndef METALRT_FAKE_SMALL
void metalrt_free_result(Result result) {
  std::free(const_cast<char*>(result.text));
  std::free(const_cast<char*>(result.response));
}
Result metalrt_generate_stream(void* model, const char* prompt, Callback callback, void* user, const Options* options) {
  return answer(model, prompt, callback, user, options);
}
Result metalrt_generate_raw(void* model, const char* prompt, const Options* options) {
  return answer(model, prompt, nullptr, nullptr, options);
}
#ifndef METALRT_FAKE_HALF
Result metalrt_generate_raw_stream(void* model, const char* prompt, Callback callback, void* user,
                                   const Options* options) {
  return answer(model, prompt, callback, user, options);
}
#endif
int metalrt_count_tokens(void*, const char* text) { return ordered("negative") ? -1 : words(text); }
int metalrt_context_size(void*) { return 4096; }
const char* metalrt_model_name(void*) { return ordered("null_texts") ? nullptr : "fake\x1b[2J"; }
const char* metalrt_device_name(void*) { return ordered("null_texts") ? nullptr : "fake device"; }
#endif

}  // extern "C"
