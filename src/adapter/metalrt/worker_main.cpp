// assay-worker-metalrt: MetalRT's library in a process of its own. The main thread reads the host's frames all the time, so
// that a cancel is heard while the library works on the other thread.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapter/metalrt/frames.h"
#include "adapter/metalrt/library.h"
#include "adapter/metalrt/whole_characters.h"
#include "adapter/metalrt/worker_link.h"
#include "adapter/worker/plain_text.h"
#include "process/channel.h"

namespace assay::adapter::metalrt {
namespace {

constexpr std::size_t name_bytes_max = 256;

class Worker final {
 public:
  explicit Worker(int channel) : channel_(channel), thread_([this] { run(); }) {}

  // Reads until the host closes. Does not return into the library's destructors: it may be inside a call.
  void listen() {
    std::vector<std::byte> in;
    std::vector<std::byte> buffer(64 << 10);
    while (true) {
      auto frame = read_frame(in);
      if (!frame) {
        std::fprintf(stderr, "assay-worker-metalrt: the host broke the protocol: %s\n", frame.error().detail.c_str());
        std::_Exit(1);
      }
      if (*frame) {
        in.erase(in.begin(), in.begin() + static_cast<std::ptrdiff_t>((*frame)->bytes));
        if (std::holds_alternative<Cancel>((*frame)->message)) {
          cancelled_ = true;
        } else {
          give((*frame)->message);
        }
        continue;
      }
      const auto got = process::receive_some(channel_, buffer, process::Blocking::yes);
      if (!got || got->end) std::_Exit(0);  // the host is gone
      in.insert(in.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got->bytes));
    }
  }

 private:
  void give(Message message) {
    const std::lock_guard lock(mutex_);
    if (std::holds_alternative<Generate>(message)) cancelled_ = false;
    task_ = std::move(message);
    given_.notify_one();
  }

  void run() {
    while (true) {
      std::unique_lock lock(mutex_);
      given_.wait(lock, [this] { return task_.has_value(); });
      const Message task = *std::exchange(task_, std::nullopt);
      lock.unlock();
      Result<Message> answer = fail(Errc::bad_value, "the worker cannot do " + std::string(name(task)));
      if (const auto* open = std::get_if<Open>(&task)) answer = this->open(*open);
      if (const auto* generate = std::get_if<Generate>(&task)) answer = this->generate(*generate);
      if (const auto* count = std::get_if<Count>(&task)) answer = this->count(*count);
      send(answer ? *answer : Message(Failed{answer.error()}));
    }
  }

  void send(const Message& message) {
    out_.clear();
    append(out_, message);
    if (!process::send_all(channel_, out_)) std::_Exit(0);
  }

  static std::string named(const char* text) { return plain_text(text != nullptr ? text : "", name_bytes_max); }

  Result<Message> open(const Open& asked) {
    if (asked.protocol != protocol_version) {
      return fail(Errc::unsupported, "protocol " + std::to_string(asked.protocol) + ", this worker speaks " +
                                         std::to_string(protocol_version));
    }
    if (library_) return fail(Errc::bad_value, "a second open: one worker has one model");
    auto library = Library::open(asked.library);
    if (!library) return std::unexpected(std::move(library.error()));
    library_.emplace(std::move(*library));
    const Functions& f = library_->functions();
    model_ = f.create();
    if (model_ == nullptr) return fail(Errc::engine_lost, "metalrt_create gave nothing");
    if (!f.load(model_, asked.model.c_str())) {
      return fail(Errc::bad_value, asked.model + ": MetalRT could not load it, and gives no reason");
    }
    Opened opened;
    opened.capabilities = library_->capabilities();
    if (f.model_name != nullptr) opened.model = named(f.model_name(model_));
    if (f.device_name != nullptr) opened.device = named(f.device_name(model_));
    if (f.context_size != nullptr) {
      const int context = f.context_size(model_);
      if (context < 0) return fail(Errc::engine_lost, "metalrt_context_size gave " + std::to_string(context));
      opened.context = static_cast<std::uint32_t>(context);
    }
    loaded_ = true;
    return opened;
  }

  // One call of the callback.
  static bool on_piece(const char* piece, void* user) {
    auto& self = *static_cast<Worker*>(user);
    if (piece != nullptr) self.tell(self.characters_.push(piece));
    return !self.cancelled_;
  }

  void tell(std::string text) {
    if (text.empty()) return;
    told_ = true;
    // A piece is short; one that is not is sent in parts that fit a frame however they are escaped.
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = std::min(text.size(), at + part_bytes);
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;  // not within one
      send(Piece{text.substr(at, end - at)});
      at = end;
    }
  }

  Result<Message> generate(const Generate& asked) {
    if (!loaded_) return fail(Errc::bad_value, "generate before open");
    const Functions& f = library_->functions();
    const MetalrtOptions options{.max_tokens = static_cast<int>(asked.output_tokens_max),
                                 .top_k = static_cast<int>(asked.top_k),
                                 .temperature = static_cast<float>(asked.temperature),
                                 .think = false,
                                 .reset_cache = true,  // going on from an earlier request is not safe in it
                                 .ignore_eos = asked.ignore_eos};
    const bool raw = asked.raw && f.generate_raw != nullptr;
    const MetalrtGenerateStream stream = raw ? f.generate_raw_stream : f.generate_stream;
    characters_ = {};
    told_ = false;
    MetalrtResult result{};
    if (stream != nullptr) {
      result = stream(model_, asked.prompt.c_str(), &on_piece, this, &options);
    } else {
      result = (raw ? f.generate_raw : f.generate)(model_, asked.prompt.c_str(), &options);
      if (result.text != nullptr) tell(characters_.push(result.text));
    }
    tell(characters_.finish());
    const bool silent = !told_ && !cancelled_;
    const Done done{.prompt_tokens = static_cast<std::uint32_t>(std::max(result.prompt_tokens, 0)),
                    .output_tokens = static_cast<std::uint32_t>(std::max(result.generated_tokens, 0)),
                    .prefill_ms = time(result.prefill_ms),
                    .decode_ms = time(result.decode_ms)};
    const bool impossible = result.prompt_tokens < 0 || result.generated_tokens < 0;
    if (f.free_result != nullptr) f.free_result(result);
    if (impossible) return fail(Errc::engine_lost, "metalrt counted a negative number of tokens");
    if (silent) return fail(Errc::engine_lost, "metalrt gave no text at all and no reason");
    return done;
  }

  static double time(double ms) { return std::isfinite(ms) && ms > 0 ? ms : 0; }

  Result<Message> count(const Count& asked) {
    if (!loaded_) return fail(Errc::bad_value, "count before open");
    const Functions& f = library_->functions();
    if (f.count_tokens == nullptr) return fail(Errc::unsupported, "this library cannot count tokens");
    const int count = f.count_tokens(model_, asked.text.c_str());
    if (count < 0) return fail(Errc::engine_lost, "metalrt_count_tokens gave " + std::to_string(count));
    return Counted{static_cast<std::uint32_t>(count)};
  }

  static constexpr std::size_t part_bytes = 512 << 10;

  const int channel_;
  std::mutex mutex_;  // guards task_
  std::condition_variable given_;
  std::optional<Message> task_;
  std::atomic<bool> cancelled_ = false;
  // Of the library's thread alone:
  std::optional<Library> library_;
  void* model_ = nullptr;
  bool loaded_ = false;
  bool told_ = false;
  WholeCharacters characters_;
  std::vector<std::byte> out_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace
}  // namespace assay::adapter::metalrt

int main(int argc, char** argv) {
  using namespace assay;
  namespace metalrt = adapter::metalrt;
  auto channel = argc == 2 && std::string_view(argv[1]) == metalrt::worker_flag
                     ? process::adopt_channel(metalrt::worker_socket)
                     : Result<Descriptor>(fail(Errc::bad_value, "started by hand"));
  if (!channel) {
    std::fprintf(
        stderr,
        "This is a worker of assay: it runs MetalRT's library in a process of its own and is started by assay,\n"
        "not by hand (%s).\n",
        channel.error().detail.c_str());
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  metalrt::Worker(channel->number()).listen();
}
