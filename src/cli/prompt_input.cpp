#include "cli/prompt_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace assay::cli {
namespace {

constexpr int look_for_stop_ms = 50;
constexpr int say_after_looks = 40;  // 2 s without a byte

Error too_long(const std::string& what) {
  return {Errc::full, 0, what + ": more than " + std::to_string(prompt_bytes_max >> 20) + " MiB of text"};
}

// Everything until the end. A wait that lasts is said, since it looks like a hang.
Result<std::string> read_all(int descriptor, const std::string& what, const Stop& stop) {
  std::string text;
  std::array<char, 64 << 10> buffer;
  for (int looks = 0;;) {
    if (stop.asked()) return fail(Errc::cancelled, what + ": stopped while it was read");
    pollfd polled{descriptor, POLLIN, 0};
    const int ready = ::poll(&polled, 1, look_for_stop_ms);
    if (ready == 0 && ++looks == say_after_looks) std::fprintf(stderr, "reading %s (ctrl-D ends it)\n", what.c_str());
    if (ready <= 0) continue;
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got == 0) return text;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return fail(Errc::io, what + ": cannot be read: " + std::strerror(errno));
    looks = say_after_looks;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > prompt_bytes_max) return std::unexpected(too_long(what));
  }
}

Result<std::string> read_file(const std::string& path, const Stop& stop) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const Errc code = errno == ENOENT || errno == ENOTDIR ? Errc::not_found : Errc::io;
    return fail(code, path + ": " + std::strerror(errno));
  }
  auto text = read_all(descriptor, path, stop);
  ::close(descriptor);
  return text;
}

// A pipe, a file or a socket that may be read; not a terminal, /dev/null or one that is closed.
bool stdin_is_fed() {
  struct stat facts{};
  const int flags = ::fcntl(STDIN_FILENO, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || ::fstat(STDIN_FILENO, &facts) != 0) return false;
  return S_ISREG(facts.st_mode) || S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode);
}

struct Part {
  std::string name;  // for errors
  std::string text;
};

Result<void> check_part(const Part& part) {
  const std::size_t good = utf8_length(part.text);
  if (good == part.text.size()) return {};
  std::array<char, 8> byte{};
  std::snprintf(byte.data(), byte.size(), "0x%02X", static_cast<unsigned char>(part.text[good]));
  return fail(Errc::bad_value, part.name + ": byte " + std::to_string(good + 1) + " is " + byte.data() +
                                   ", which is no UTF-8 there: expected UTF-8 text");
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  std::size_t i = 0;
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  while (i < text.size()) {
    const unsigned first = byte(i);
    // Length, and what the second byte may be (Unicode 15, table 3-7).
    std::size_t length = 1;
    unsigned low = 0x80;
    unsigned high = 0xBF;
    if (first >= 0x80) {
      if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
      } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) low = 0xA0;
        if (first == 0xED) high = 0x9F;
      } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) low = 0x90;
        if (first == 0xF4) high = 0x8F;
      } else {
        return i;
      }
      if (byte(i + 1) < low || byte(i + 1) > high) return i;
      for (std::size_t k = 2; k < length; ++k) {
        if ((byte(i + k) & 0xC0U) != 0x80U) return i;
      }
    }
    i += length;
  }
  return text.size();
}

Result<std::string> gather_prompt(const PromptInput& input, const Stop& stop) {
  if (input.given && input.prompt.empty() && !input.may_be_empty) {  // most likely a variable that is not set
    return fail(Errc::bad_value, "the prompt is empty");
  }
  std::vector<Part> parts;
  const bool dash = input.given && input.prompt == "-";
  if (input.given && !dash && !input.prompt.empty()) parts.push_back({"the prompt", input.prompt});
  const bool named = !parts.empty() || !input.files.empty();
  bool read_stdin = dash || stdin_is_fed();
  const auto add_stdin = [&]() -> Result<void> {
    auto text = read_all(STDIN_FILENO, "stdin", stop);
    if (!text) return std::unexpected(std::move(text.error()));
    read_stdin = false;
    if (!text->empty()) {
      parts.push_back({"stdin", std::move(*text)});
    } else if (dash || (!named && !input.given)) {
      return fail(Errc::bad_value, "stdin is empty: expected a prompt");
    }
    return {};
  };
  if (dash) ASSAY_TRY(add_stdin());
  for (const std::string& path : input.files) {
    auto text = read_file(path, stop);
    if (!text) return std::unexpected(with_context("--file", std::move(text.error())));
    if (text->empty()) return fail(Errc::bad_value, "--file " + path + ": is empty");
    parts.push_back({"--file " + path, std::move(*text)});
  }
  if (read_stdin) ASSAY_TRY(add_stdin());
  if (parts.empty() && input.given && input.may_be_empty) return std::string();
  if (parts.empty()) {
    return fail(Errc::bad_value, input.given ? "the prompt is empty"
                                             : "no prompt: expected one as an argument, with --file or on stdin");
  }
  std::string out;
  for (const Part& part : parts) {
    ASSAY_TRY(check_part(part));
    if (!out.empty() && out.back() != '\n') out += '\n';
    out += part.text;
  }
  return out;
}

}  // namespace assay::cli
