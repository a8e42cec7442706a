#include "adapter/upstream/http_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"

namespace assay::adapter::upstream {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t piece_bytes = 64 << 10;  // most that one body event carries
constexpr int handlers_per_poll_max = 64;      // once there is something to tell

std::string seconds(std::int64_t ns) {
  std::string text = std::to_string(static_cast<double>(ns) * 1e-9);
  while (text.ends_with('0')) text.pop_back();
  if (text.ends_with('.')) text.pop_back();
  return text + " s";
}

// One connection, plain or TLS behind the same few verbs.
struct Connection {
  explicit Connection(asio::io_context& context) : plain(std::in_place, context) {}
  Connection(asio::io_context& context, asio::ssl::context& tls_context) : tls(std::in_place, context, tls_context) {}

  beast::tcp_stream& lowest() { return plain ? *plain : beast::get_lowest_layer(*tls); }

  // Nothing has come since the last reply: not a byte, not an end.
  bool is_quiet() {
    auto& socket = lowest().socket();
    if (!socket.is_open()) return false;
    error_code error;
    socket.non_blocking(true, error);
    char byte = 0;
    socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error == asio::error::would_block;
  }

  std::optional<beast::tcp_stream> plain;
  std::optional<beast::ssl_stream<beast::tcp_stream>> tls;
};

// What the exchanges of one client share.
struct Shared {
  HttpOptions options;
  const Clock& clock;
  std::string place;  // "http://127.0.0.1:8080", for errors
  asio::io_context context;
  asio::ssl::context tls_context{asio::ssl::context::tls_client};
  std::vector<std::unique_ptr<Connection>> idle;
  std::vector<HttpEvent> events;

  Shared(HttpOptions given, const Clock& used_clock)
      : options(std::move(given)), clock(used_clock), place(to_string(options.url)) {}
};

constexpr std::size_t idle_max = 64;

class Exchange final : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(Shared& shared, ExchangeId id, HttpRequest request)
      : shared_(shared), id_(id), asked_(std::move(request)), resolver_(shared.context) {}

  bool ended() const { return ended_; }

  void begin() {
    message_.method(asked_.method == HttpRequest::Method::get ? http::verb::get : http::verb::post);
    message_.target(shared_.options.url.path + asked_.path);
    message_.version(11);
    message_.set(http::field::host, authority(shared_.options.url));
    message_.set(http::field::user_agent, "assay");
    message_.set(http::field::accept, asked_.accept);
    message_.set(http::field::connection, "keep-alive");
    if (!shared_.options.key.empty()) message_.set(http::field::authorization, "Bearer " + shared_.options.key);
    if (asked_.method == HttpRequest::Method::post) {
      message_.set(http::field::content_type, "application/json");
      message_.body() = std::move(asked_.body);
      message_.prepare_payload();
    }
    while (!shared_.idle.empty()) {
      connection_ = std::move(shared_.idle.back());
      shared_.idle.pop_back();
      if (connection_->is_quiet()) {
        reused_ = true;
        return write();
      }
    }
    connect();
  }

  void stop() {
    ended_ = true;
    resolver_.cancel();
    close();
  }

 private:
  void connect() {
    reused_ = false;
    connection_ = shared_.options.url.tls ? std::make_unique<Connection>(shared_.context, shared_.tls_context)
                                          : std::make_unique<Connection>(shared_.context);
    connection_->lowest().expires_after(std::chrono::nanoseconds(shared_.options.connect_timeout_ns));
    error_code not_an_address;
    const auto address = asio::ip::make_address(shared_.options.url.host, not_an_address);
    if (!not_an_address) {
      return connect_to(std::array{tcp::endpoint(address, shared_.options.url.port)});
    }
    resolver_.async_resolve(shared_.options.url.host, std::to_string(shared_.options.url.port),
                            [self = shared_from_this()](error_code error, const tcp::resolver::results_type& found) {
                              if (self->ended_) return;
                              if (error) return self->lose(Errc::io, "the name is not known", error);
                              self->connect_to(found);
                            });
  }

  template <class Endpoints>
  void connect_to(const Endpoints& endpoints) {
    connection_->lowest().async_connect(endpoints, [self = shared_from_this()](error_code error, const auto&) {
      if (self->ended_) return;
      if (error == beast::error::timeout) return self->late("no connection", self->shared_.options.connect_timeout_ns);
      if (error) return self->lose(Errc::io, "no connection", error);
      error_code ignored;
      self->connection_->lowest().socket().set_option(tcp::no_delay(true), ignored);
      if (self->connection_->tls) return self->shake_hands();
      self->write();
    });
  }

  void shake_hands() {
    auto& stream = *connection_->tls;
    const std::string& host = shared_.options.url.host;
    error_code not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (not_an_address) SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    if (shared_.options.verify) {
      stream.set_verify_mode(asio::ssl::verify_peer);
      stream.set_verify_callback(asio::ssl::host_name_verification(host));
    }
    stream.async_handshake(asio::ssl::stream_base::client, [self = shared_from_this()](error_code error) {
      if (self->ended_) return;
      if (error == beast::error::timeout) {
        return self->late("no TLS connection", self->shared_.options.connect_timeout_ns);
      }
      if (error) {
        const long verdict = SSL_get_verify_result(self->connection_->tls->native_handle());
        if (self->shared_.options.verify && verdict != X509_V_OK) {
          return self->lose(Errc::bad_value,
                            std::string("its certificate is refused: ") + X509_verify_cert_error_string(verdict));
        }
        // Asio's own check of the name leaves no verdict behind.
        if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
          return self->lose(Errc::bad_value,
                            "its certificate is refused: it is not for " + in_quotes(self->shared_.options.url.host));
        }
        return self->lose(Errc::io, "no TLS connection", error);
      }
      self->write();
    });
  }

  template <class F>
  void with_stream(F&& f) {
    if (connection_->plain) {
      f(*connection_->plain);
    } else {
      f(*connection_->tls);
    }
  }

  void write() {
    connection_->lowest().expires_after(std::chrono::nanoseconds(shared_.options.stall_timeout_ns));
    with_stream([this](auto& stream) {
      http::async_write(stream, message_, [self = shared_from_this()](error_code error, std::size_t) {
        if (self->ended_) return;
        if (error && self->reused_) return self->connect();
        if (error == beast::error::timeout) {
          return self->late("the request was not taken", self->shared_.options.stall_timeout_ns);
        }
        if (error) return self->lose(Errc::io, "the request could not be sent", error);
        if (!self->told_sent_) self->tell(HttpEvent::Kind::sent);
        self->told_sent_ = true;
        self->read_head();
      });
    });
  }

  std::int64_t first_byte_timeout() const {
    return asked_.first_byte_timeout_ns != 0 ? asked_.first_byte_timeout_ns : shared_.options.first_byte_timeout_ns;
  }

  void read_head() {
    parser_.emplace();
    parser_->header_limit(shared_.options.headers_bytes_max);
    parser_->body_limit(shared_.options.body_bytes_max);
    connection_->lowest().expires_after(std::chrono::nanoseconds(first_byte_timeout()));
    with_stream([this](auto& stream) {
      http::async_read_header(
          stream, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t got) {
            if (self->ended_) return;
            if (error && self->reused_ && got == 0 && error != beast::error::timeout) return self->connect();
            if (error == beast::error::timeout) return self->late("no reply", self->first_byte_timeout());
            if (error) return self->lose_reading(error, got == 0);
            auto& head = self->tell(HttpEvent::Kind::head);
            const auto& message = self->parser_->get();
            head.status = static_cast<int>(message.result_int());
            std::string type(message[http::field::content_type]);
            type.resize(std::min(type.find(';'), type.size()));
            while (type.ends_with(' ')) type.pop_back();
            std::ranges::transform(type, type.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
            head.content_type = std::move(type);
            head.location = std::string(message[http::field::location]);
            self->read_body();
          });
    });
  }

  void read_body() {
    if (parser_->is_done()) return finish();
    piece_.resize(piece_bytes);
    parser_->get().body().data = piece_.data();
    parser_->get().body().size = piece_.size();
    parser_->get().body().more = true;
    connection_->lowest().expires_after(std::chrono::nanoseconds(shared_.options.stall_timeout_ns));
    with_stream([this](auto& stream) {
      http::async_read_some(stream, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
        if (self->ended_) return;
        const std::size_t got = self->piece_.size() - self->parser_->get().body().size;
        if (got > 0) self->tell(HttpEvent::Kind::body).bytes.assign(self->piece_.data(), got);
        if (error == http::error::need_buffer) error = {};
        if (error == beast::error::timeout) {
          return self->late("the reply stalled", self->shared_.options.stall_timeout_ns);
        }
        if (error) return self->lose_reading(error, false);
        self->read_body();
      });
    });
  }

  void finish() {
    tell(HttpEvent::Kind::done);
    ended_ = true;
    connection_->lowest().expires_never();
    if (parser_->keep_alive() && buffer_.size() == 0 && shared_.idle.size() < idle_max) {
      shared_.idle.push_back(std::move(connection_));
    } else {
      close();
    }
  }

  HttpEvent& tell(HttpEvent::Kind kind) {
    HttpEvent& event = shared_.events.emplace_back();
    event.exchange = id_;
    event.kind = kind;
    event.at_ns = shared_.clock.now_ns();
    return event;
  }

  void lose(Errc code, std::string what, error_code error = {}) {
    std::string detail = shared_.place + ": " + std::move(what);
    if (error) detail += ": " + error.message();
    tell(HttpEvent::Kind::failed).error = Error{code, 0, std::move(detail)};
    ended_ = true;
    close();
  }

  void late(std::string_view what, std::int64_t after_ns) {
    lose(Errc::timeout, std::string(what) + " after " + seconds(after_ns));
  }

  void lose_reading(error_code error, bool nothing_came) {
    if (error == http::error::header_limit) {
      return lose(Errc::full, "headers over " + std::to_string(shared_.options.headers_bytes_max) + " bytes");
    }
    if (error == http::error::body_limit) {
      return lose(Errc::full, "a reply over " + std::to_string(shared_.options.body_bytes_max) + " bytes");
    }
    const bool closed = error == http::error::end_of_stream || error == http::error::partial_message ||
                        error == asio::error::eof || error == asio::error::connection_reset ||
                        error == asio::ssl::error::stream_truncated;
    if (closed) {
      return lose(Errc::truncated, nothing_came ? "the server closed the connection without a reply"
                                                : "the server closed the connection within its reply");
    }
    if (error.category() == http::make_error_code(http::error::bad_version).category()) {
      return lose(Errc::engine_lost, "what came is no HTTP reply", error);
    }
    lose(Errc::io, "the reply could not be read", error);
  }

  void close() {
    if (connection_ == nullptr) return;
    error_code ignored;
    connection_->lowest().socket().close(ignored);
    connection_->lowest().cancel();
  }

  Shared& shared_;
  const ExchangeId id_;
  HttpRequest asked_;
  tcp::resolver resolver_;
  std::unique_ptr<Connection> connection_;
  http::request<http::string_body> message_;
  beast::flat_buffer buffer_{std::size_t{1} << 20};
  std::optional<http::response_parser<http::buffer_body>> parser_;
  std::string piece_;
  bool reused_ = false;
  bool told_sent_ = false;
  bool ended_ = false;
};

class BeastClient final : public HttpClient {
 public:
  BeastClient(const HttpOptions& options, const Clock& clock) : shared_(options, clock) {}

  ~BeastClient() override {
    for (auto& [id, exchange] : exchanges_) exchange->stop();
    shared_.context.poll();  // lets cancelled handlers go
    shared_.idle.clear();
    exchanges_.clear();
  }

  Result<void> prepare() {
    if (!shared_.options.url.tls) return {};
    error_code error;
    shared_.tls_context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                                    asio::ssl::context::no_tlsv1_1);
    if (shared_.options.ca_file.empty()) {
      shared_.tls_context.set_default_verify_paths(error);
      if (error) return fail(Errc::io, "the system's certificates cannot be read: " + error.message());
    } else {
      shared_.tls_context.load_verify_file(shared_.options.ca_file, error);
      if (error) {
        return fail(Errc::io, shared_.options.ca_file + ": certificates cannot be read: " + error.message());
      }
    }
    return {};
  }

  ExchangeId start(HttpRequest request) override {
    const ExchangeId id = next_id_++;
    auto exchange = std::make_shared<Exchange>(shared_, id, std::move(request));
    exchanges_.emplace(id, exchange);
    exchange->begin();
    return id;
  }

  void stop(ExchangeId id) override {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return;
    found->second->stop();
    exchanges_.erase(found);
    std::erase_if(shared_.events, [&](const HttpEvent& event) { return event.exchange == id; });
  }

  void poll(std::vector<HttpEvent>& events, std::int64_t deadline_ns) override {
    while (shared_.events.empty() && !exchanges_.empty()) {
      const std::int64_t left = deadline_ns - shared_.clock.now_ns();
      shared_.context.restart();
      if (left <= 0) {
        shared_.context.poll_one();
        break;
      }
      shared_.context.run_one_for(std::chrono::nanoseconds(left));
    }
    shared_.context.restart();
    for (int i = 0; i < handlers_per_poll_max && shared_.context.poll_one() > 0; ++i) {
    }
    std::ranges::move(shared_.events, std::back_inserter(events));
    shared_.events.clear();
    std::erase_if(exchanges_, [](const auto& entry) { return entry.second->ended(); });
  }

 private:
  Shared shared_;
  std::map<ExchangeId, std::shared_ptr<Exchange>> exchanges_;
  ExchangeId next_id_ = 1;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_http_client(const HttpOptions& options, const Clock& clock) {
  if (std::ranges::any_of(options.key, [](char c) { return c <= ' ' || c >= 0x7F; })) {
    return fail(Errc::bad_value, "the key has a space, a control character or one outside ASCII");
  }
  auto client = std::make_unique<BeastClient>(options, clock);
  ASSAY_TRY(client->prepare());
  return client;
}

Result<HttpReply> fetch(HttpClient& client, const Clock& clock, HttpRequest request, std::int64_t timeout_ns,
                        std::size_t body_bytes_max, const Stop* stop) {
  const std::string path = request.path;
  const std::int64_t deadline = clock.now_ns() + timeout_ns;
  const ExchangeId id = client.start(std::move(request));
  HttpReply reply;
  std::vector<HttpEvent> events;
  for (;;) {
    events.clear();
    client.poll(events, std::min(deadline, clock.now_ns() + look_for_stop_ns));
    for (HttpEvent& event : events) {
      switch (event.kind) {
        case HttpEvent::Kind::sent:
          break;
        case HttpEvent::Kind::head:
          reply.status = event.status;
          reply.content_type = std::move(event.content_type);
          reply.location = std::move(event.location);
          break;
        case HttpEvent::Kind::body:
          if (reply.body.size() + event.bytes.size() > body_bytes_max) {
            client.stop(id);
            return fail(Errc::full, path + ": a reply over " + std::to_string(body_bytes_max) + " bytes");
          }
          reply.body += event.bytes;
          break;
        case HttpEvent::Kind::done:
          return reply;
        case HttpEvent::Kind::failed:
          return std::unexpected(with_context(path, std::move(event.error)));
      }
    }
    if (asked(stop)) {
      client.stop(id);
      return fail(Errc::cancelled, path + ": stopped on request");
    }
    if (clock.now_ns() >= deadline) {
      client.stop(id);
      return fail(Errc::timeout, path + ": no whole reply after " + seconds(timeout_ns));
    }
  }
}

}  // namespace assay::adapter::upstream
