// HTTP/1.1 for several requests at once, pulled by its owner: nothing happens outside start(), stop() and poll(). Built on
// Boost.Beast, which only http_client.cpp knows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapter/upstream/url.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stop.h"

namespace assay::adapter::upstream {

using ExchangeId = std::uint64_t;  // never used twice by one client

struct HttpOptions {
  Url url;
  std::string key;      // sent as "Authorization: Bearer KEY"; empty: none
  std::string ca_file;  // certificates to trust instead of the system's; empty: the system's
  bool verify = true;   // TLS: the certificate must be valid and for this host
  std::uint32_t headers_bytes_max = 64 << 10;
  std::uint64_t body_bytes_max = std::uint64_t{256} << 20;  // of one reply
  std::int64_t connect_timeout_ns = 5'000'000'000;          // name, connection and TLS together, each try
  std::int64_t first_byte_timeout_ns = 600'000'000'000;     // after the request: a long prompt is computed here
  std::int64_t stall_timeout_ns = 60'000'000'000;           // between two pieces of a reply
};

struct HttpRequest {
  enum class Method : std::uint8_t { get, post } method = Method::get;
  std::string path;  // "/v1/models"; put behind the URL's own path
  std::string body;  // JSON; post only
  std::string accept = "application/json";
  std::int64_t first_byte_timeout_ns = 0;  // 0: the client's
};

struct HttpEvent {
  ExchangeId exchange = 0;
  // In this order, each but `body` at most once; done or failed is the last.
  enum class Kind : std::uint8_t { sent, head, body, done, failed } kind{};
  std::int64_t at_ns = 0;    // the client's clock
  int status = 0;            // head
  std::string content_type;  // head: lower case, without parameters
  std::string location;      // head of a redirect
  std::string bytes;         // body: a piece, never empty
  Error error;               // failed
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Queues a request; it is sent by poll(). A connection left open by an earlier request is used again, and once more
  // afresh if the server had closed it in between without a byte of a reply.
  virtual ExchangeId start(HttpRequest request) = 0;

  // Ends an exchange by closing its connection: no event of it follows. Unknown ids are ignored.
  virtual void stop(ExchangeId exchange) = 0;

  // Appends what has happened to `events`: works until at least one event is there or `deadline_ns` has passed, at once
  // where no exchange is under way. Failures: Errc::io: the connection (its place and the system's reason);
  // Errc::bad_value: the certificate; Errc::timeout: which of the three, and how long; Errc::truncated: the reply ends
  // early; Errc::full: headers or body over their limit; Errc::engine_lost: what came is not HTTP.
  virtual void poll(std::vector<HttpEvent>& events, std::int64_t deadline_ns) = 0;
};

// Errc::bad_value: the key has characters that no header may have; Errc::io: certificates cannot be read.
Result<std::unique_ptr<HttpClient>> make_http_client(const HttpOptions& options, const Clock& clock);

inline constexpr std::size_t reply_bytes_max = std::size_t{16} << 20;  // of fetch(), where nothing else is said
inline constexpr std::int64_t look_for_stop_ns = 50'000'000;           // how often one is looked for while waiting

// A whole reply.
struct HttpReply {
  int status = 0;
  std::string content_type;
  std::string location;
  std::string body;
};

// One request to its end; the client must have no other under way. Errc::timeout past `timeout_ns` in all, Errc::full
// for a body over `body_bytes_max`, Errc::cancelled soon after a stop is asked, else as poll().
Result<HttpReply> fetch(HttpClient& client, const Clock& clock, HttpRequest request, std::int64_t timeout_ns,
                        std::size_t body_bytes_max = reply_bytes_max, const Stop* stop = nullptr);

}  // namespace assay::adapter::upstream
