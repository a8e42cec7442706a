#include "cli/command.h"

#include <pwd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

namespace assay::cli {

std::filesystem::path Session::home() const {
  if (const char* home = std::getenv("ASSAY_HOME"); home != nullptr && *home != '\0') return home;
  const char* user = std::getenv("HOME");
  if (user == nullptr || *user == '\0') {  // cron, a bare container: as the shell's ~ does
    const passwd* entry = ::getpwuid(::getuid());
    user = entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : ".";
  }
  const std::filesystem::path base = user;
#ifdef __APPLE__
  return base / "Library" / "Application Support" / "assay";
#else
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return std::filesystem::path(data) / "assay";
  }
  return base / ".local" / "share" / "assay";
#endif
}

void Session::fail(const Error& error) {
  if (json) print(Json{{"error", {{"code", sentence(error.code)}, {"detail", error.detail}, {"at", error.at}}}});
  std::fflush(stdout);
  const std::string text = error_line(to_string(error));
  std::fwrite(text.data(), 1, text.size(), stderr);
  switch (error.code) {
    case Errc::not_found:
      return finish(Exit::usage);
    case Errc::engine_lost:
    case Errc::bug:
      return finish(Exit::engine);
    default:
      return finish(Exit::no);
  }
}

void Session::refuse(const std::string& detail) {
  if (json) print(Json{{"error", {{"code", "usage"}, {"detail", detail}, {"at", 0}}}});
  std::fflush(stdout);
  const std::string text = error_line(detail);
  std::fwrite(text.data(), 1, text.size(), stderr);
  finish(Exit::usage);
}

std::string Session::error_line(const std::string& detail) const {
  return style(STDERR_FILENO).bad("assay:") + " " + detail + "\n";
}

Style Session::style(int descriptor) const { return Style(!json && use_colour(colour, ::isatty(descriptor) == 1)); }

std::size_t page_columns(int descriptor) {
  constexpr std::size_t usual = 80;
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return size.ws_col;
}

void Session::print(const Json& document) const {
  const std::string text = document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace assay::cli
