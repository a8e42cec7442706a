#include "adapter/upstream/stream_parser.h"

#include <gtest/gtest.h>

#include <vector>

namespace assay::adapter::upstream {
namespace {

std::vector<std::string> messages(StreamFormat format, std::string_view bytes, std::size_t step,
                                  Result<void>* end = nullptr) {
  StreamParser parser(format);
  std::vector<std::string> out;
  std::string message;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    EXPECT_TRUE(parser.push(bytes.substr(at, step)));
    while (parser.next(message)) out.push_back(message);
  }
  const Result<void> finished = parser.finish();
  if (end != nullptr) *end = finished;
  while (parser.next(message)) out.push_back(message);
  return out;
}

using List = std::vector<std::string>;

TEST(StreamParser, CutsEventsWhereverTheBytesAreCut) {
  const std::string_view stream =
      "\xEF\xBB\xBF: keepalive 1/2\n\ndata: {\"a\":1}\n\nevent: x\r\ndata:two\r\ndata:  lines\r\n\r\ndata\n\nid: "
      "7\n\ndata: [DONE]\r\r";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    EXPECT_EQ(messages(StreamFormat::events, stream, step), (List{"{\"a\":1}", "two\n lines", "[DONE]"})) << step;
  }
}

// Some servers keep a connection open by events with nothing in them.
TEST(StreamParser, AnEmptyEventIsAKeepAliveAndNoMessage) {
  for (const std::string_view empty :
       {"data:\n\n", "data: \n\n", "data\n\n", "data:\r\ndata:\r\n\r\n", "event: ping\ndata:\n\n"}) {
    const std::string stream = std::string(empty) + "data: x\n\n" + std::string(empty);
    for (std::size_t step = 1; step <= stream.size(); ++step) {
      Result<void> end;
      EXPECT_EQ(messages(StreamFormat::events, stream, step, &end), (List{"x"})) << empty;
      EXPECT_TRUE(end) << empty;
    }
  }
  Result<void> end;
  EXPECT_TRUE(messages(StreamFormat::events, "data:\n", 1, &end).empty());
  EXPECT_TRUE(end) << "an empty event that was cut lost nothing";
}

TEST(StreamParser, CutsLinesWhereverTheBytesAreCut) {
  const std::string_view stream = "{\"a\":1}\n\r\n{\"b\":2} \r\n\n{\"c\":3}";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    EXPECT_EQ(messages(StreamFormat::lines, stream, step), (List{"{\"a\":1}", "{\"b\":2}", "{\"c\":3}"})) << step;
  }
}

TEST(StreamParser, AStreamThatEndsWithinAnEventIsTruncated) {
  for (const std::string_view stream : {"data: x\n", "data: x", "dat"}) {
    Result<void> end;
    EXPECT_TRUE(messages(StreamFormat::events, stream, 1, &end).empty());
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, Errc::truncated);
  }
}

TEST(StreamParser, RefusesALineOverTheLimitBeforeKeepingIt) {
  StreamParser parser(StreamFormat::events, {.line_bytes_max = 10, .message_bytes_max = 100});
  ASSERT_TRUE(parser.push("data: 1234"));
  const auto over = parser.push("5");
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::full);
  EXPECT_EQ(over.error().detail, "a line of the stream is over 10 bytes");
  std::string message;
  EXPECT_FALSE(parser.next(message));
  EXPECT_FALSE(parser.push("\n\n"));
}

TEST(StreamParser, RefusesAMessageOverTheLimit) {
  StreamParser parser(StreamFormat::events, {.line_bytes_max = 10, .message_bytes_max = 8});
  std::string message;
  ASSERT_TRUE(parser.push("data:1234\n"));
  EXPECT_FALSE(parser.next(message));
  ASSERT_TRUE(parser.push("data:5678\n\n"));
  EXPECT_FALSE(parser.next(message));
  const auto over = parser.push("x");
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().detail, "a message of the stream is over 8 bytes");
}

}  // namespace
}  // namespace assay::adapter::upstream
