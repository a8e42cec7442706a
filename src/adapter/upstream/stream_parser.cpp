#include "adapter/upstream/stream_parser.h"

namespace assay::adapter::upstream {

Result<void> StreamParser::push(std::string_view bytes) {
  if (failed_) return std::unexpected(*failed_);
  pending_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  // A line that is too long is met before it is kept.
  std::size_t run = pending_.size();  // what next() left is the beginning of one line
  for (const char c : bytes) {
    run = c == '\n' || (c == '\r' && format_ == StreamFormat::events) ? 0 : run + 1;
    if (run > limits_.line_bytes_max) {
      failed_ = Error{Errc::full, taken_,
                      "a line of the stream is over " + std::to_string(limits_.line_bytes_max) + " bytes"};
      return std::unexpected(*failed_);
    }
  }
  taken_ += bytes.size();
  pending_ += bytes;
  return {};
}

bool StreamParser::next(std::string& message) {
  while (!failed_) {
    if (after_cr_ && begin_ < pending_.size()) {
      if (pending_[begin_] == '\n') ++begin_;
      after_cr_ = false;
      if (searched_ < begin_) searched_ = begin_;
    }
    const std::size_t end =
        format_ == StreamFormat::events ? pending_.find_first_of("\r\n", searched_) : pending_.find('\n', searched_);
    if (end == std::string::npos) {
      searched_ = pending_.size();
      return false;
    }
    std::string_view line(pending_.data() + begin_, end - begin_);
    if (at_start_) {
      if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
      at_start_ = false;
    }
    after_cr_ = pending_[end] == '\r';
    begin_ = searched_ = end + 1;
    if (take_line(line, message)) return true;
  }
  return false;
}

bool StreamParser::take_line(std::string_view line, std::string& message) {
  if (format_ == StreamFormat::lines) {
    while (line.ends_with('\r') || line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
    if (line.empty()) return false;
    message = line;
    return true;
  }
  if (line.empty()) {  // the end of an event
    if (!has_data_) return false;
    message = std::move(data_);
    data_.clear();
    has_data_ = false;
    return message.find_first_not_of(" \t\n") != std::string::npos;  // else a keep-alive
  }
  const std::size_t colon = line.find(':');
  if (line.substr(0, colon) != "data") return false;  // a comment, or a field that no server here needs
  std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (data_.size() + value.size() + 1 > limits_.message_bytes_max) {
    failed_ = Error{Errc::full, taken_,
                    "a message of the stream is over " + std::to_string(limits_.message_bytes_max) + " bytes"};
    return false;
  }
  if (has_data_) data_ += '\n';
  data_ += value;
  has_data_ = true;
  return false;
}

Result<void> StreamParser::finish() {
  if (failed_) return std::unexpected(*failed_);
  const std::string_view rest = std::string_view(pending_).substr(begin_);
  if (format_ == StreamFormat::lines) {
    if (!rest.empty()) {
      pending_ += '\n';  // next() gives it
      searched_ = begin_;
    }
    return {};
  }
  if (data_.find_first_not_of(" \t\n") != std::string::npos || !rest.empty()) {
    return fail(Errc::truncated, "the stream ends within an event", taken_);
  }
  return {};
}

}  // namespace assay::adapter::upstream
