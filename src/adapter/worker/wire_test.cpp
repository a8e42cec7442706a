#include "adapter/worker/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "adapter/worker/load_settings.h"
#include "adapter/worker/loaded_facts.h"
#include "base/mapped_file.h"

namespace assay::adapter::wire {
namespace {

using testing::HasSubstr;

std::vector<std::byte> bytes_of(std::uint32_t call, const Message& message) {
  std::vector<std::byte> out;
  append(out, call, message);
  return out;
}

std::vector<std::byte> bytes_from(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

struct Sample {
  Message message;
  Sender sender;
};
const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = {
      {Hello{"llama.cpp", "b6000", "größer"}, Sender::worker},
      {Load{"{\"a\":1}"}, Sender::host},
      {Loading{0.25}, Sender::worker},
      {Loaded{"{}"}, Sender::worker},
      {Forward{{{1, 2, 3, Want::logits}, {4, 5, -6}}}, Sender::host},
      {Done{7, 2, 123'456'789'000}, Sender::worker},
      {Forget{1, 2, 3}, Sender::host},
      {Share{4, 5, 6}, Sender::host},
      {AskMemory{}, Sender::host},
      {TellMemory{{1ULL << 40U, 2, 3}}, Sender::worker},
      {Failed{{Errc::full, 9, "no KV page"}}, Sender::worker},
      {Close{}, Sender::host},
      {Decode{{{{1, 2, 3, 0.5F, 40, 0.9F, 0.05F, 1ULL << 60U, 7}, {5, 6}}, {{2, 0, 9}}}, 8}, Sender::host},
      {TellDrawn{2, 3, {{4}, {-1}, {7}, {8}}}, Sender::worker},
      {Forward{{{1, 2, 0, Want::hidden, Source::embedding}}, 1, {{7, 8, 9}}}, Sender::host},
  };
  return all;
}

Sender other(Sender sender) { return sender == Sender::host ? Sender::worker : Sender::host; }

// The two frames of the header comment, byte for byte.
TEST(Wire, the_documented_example_is_true) {
  const auto request =
      bytes_from({0x41, 0x53, 0x53, 0x59, 2, 0, 5, 0, 3, 0, 0, 0, 0x20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
                  0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0});
  EXPECT_EQ(bytes_of(3, Forward{{{0, 0, 7, Want::logits}}}), request);
  const auto answer = bytes_from({0x41, 0x53, 0x53, 0x59, 2, 0, 6, 0, 3,    0,    0,    0, 0x10, 0, 0, 0,
                                  1,    0,    0,    0,    0, 0, 0, 0, 0x60, 0xe3, 0x16, 0, 0,    0, 0, 0});
  EXPECT_EQ(bytes_of(3, Done{1, 0, 1'500'000}), answer);
}

// Frames that were written from docs/workers.md by tools/golden_wire.py.
TEST(Wire, frames_of_an_independent_writer_are_understood) {
  const auto golden = [](const char* file, Sender sender) {
    const auto text = read_text_file(ASSAY_SOURCE_DIR "/tests/golden/wire/" + std::string(file) + ".bin", 4096);
    EXPECT_TRUE(text) << file;
    const auto bytes = std::as_bytes(std::span(*text));
    auto frame = read(bytes, sender);
    EXPECT_TRUE(frame && *frame && (*frame)->bytes == bytes.size()) << file;
    // And written here, it is the same to the byte.
    EXPECT_TRUE(std::ranges::equal(bytes_of((*frame)->call, (*frame)->message), bytes)) << file;
    return std::move((*frame)->message);
  };
  const auto hello = std::get<Hello>(golden("01_hello", Sender::worker));
  EXPECT_EQ(hello.engine + "|" + hello.version + "|" + hello.build, "llama.cpp|0.3.36|abc, -O3");
  const auto load = std::get<Load>(golden("02_load", Sender::host));
  const auto settings = load_settings_from_json(*parse_json(load.settings, "settings"));
  ASSERT_TRUE(settings) << to_string(settings.error());
  EXPECT_EQ(settings->model, "/models/größer.gguf");
  EXPECT_EQ(settings->ubatch, 256U);
  EXPECT_EQ(std::get<Loading>(golden("03_progress", Sender::worker)).share, 0.25);
  const auto loaded = std::get<Loaded>(golden("04_loaded", Sender::worker));
  const auto facts = loaded_facts_from_json(*parse_json(loaded.facts, "facts"));
  ASSERT_TRUE(facts) << to_string(facts.error());
  EXPECT_EQ(facts->facts.vocab, 151936U);
  EXPECT_EQ(facts->facts.kernel_path, "cpu, flash attention on");
  EXPECT_EQ(facts->facts.rewind, Rewind::checkpoint);
  EXPECT_EQ(facts->facts.hidden, 1024U);
  EXPECT_EQ(facts->memory.kv, 117440512U);
  const auto forward = std::get<Forward>(golden("05_forward", Sender::host));
  ASSERT_EQ(forward.slots.size(), 2U);
  EXPECT_EQ(forward.slots[1].seq, 1U);
  EXPECT_EQ(forward.slots[1].pos, 5U);
  EXPECT_EQ(forward.slots[1].token, 151935);
  EXPECT_EQ(forward.slots[1].want, Want::logits);
  EXPECT_EQ(forward.slots[0].want, Want::nothing);
  EXPECT_EQ(std::get<Done>(golden("06_done", Sender::worker)).engine_ns, 1'500'000);
  EXPECT_EQ(std::get<Forget>(golden("07_forget", Sender::host)).to, 4096U);
  EXPECT_EQ(std::get<Share>(golden("08_share", Sender::host)).upto, 1U);
  golden("09_memory", Sender::host);
  EXPECT_EQ(std::get<TellMemory>(golden("10_memory_use", Sender::worker)).use.scratch, 1'000'000U);
  const Error error = std::get<Failed>(golden("11_error", Sender::worker)).error;
  EXPECT_EQ(to_string(error), "full: no KV page is free");
  golden("12_close", Sender::host);
  const auto decode = std::get<Decode>(golden("13_decode", Sender::host));
  ASSERT_EQ(decode.orders.size(), 1U);
  EXPECT_EQ(decode.steps, 3U);
  EXPECT_EQ(decode.orders[0].draw.top_k, 40U);
  EXPECT_EQ(decode.orders[0].draw.seed, 1ULL << 40U);
  EXPECT_EQ(decode.orders[0].stop, (std::vector<Token>{2, 151645}));
  EXPECT_EQ(std::get<TellDrawn>(golden("14_drawn", Sender::worker)).drawn, (std::vector<Drawn>{{11}, {2}, {-1}}));
  const auto seen = std::get<Forward>(golden("15_forward_of_embeddings", Sender::host));
  EXPECT_EQ(seen.embeddings, 2U);
  EXPECT_EQ(seen.slots[1], (Slot{0, 8, 1, Want::hidden, Source::embedding}));
  EXPECT_EQ(seen.turns, (std::vector<Turn3>{{7, 7, 7}, {7, 7, 8}}));
}

TEST(Wire, every_message_is_read_as_it_was_written) {
  for (const auto& [message, sender] : samples()) {
    const auto bytes = bytes_of(77, message);
    const auto frame = read(bytes, sender);
    ASSERT_TRUE(frame && *frame) << name(message);
    EXPECT_EQ((*frame)->call, 77U);
    EXPECT_EQ((*frame)->bytes, bytes.size());
    EXPECT_EQ((*frame)->message.index(), message.index());
    EXPECT_EQ(bytes_of(77, (*frame)->message), bytes) << name(message);
  }
}

TEST(Wire, an_incomplete_frame_is_waited_for_and_the_next_left_alone) {
  for (const auto& [message, sender] : samples()) {
    auto bytes = bytes_of(1, message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto frame = read(std::span(bytes).first(size), sender);
      ASSERT_TRUE(frame) << name(message) << size;
      EXPECT_FALSE(*frame) << name(message) << size;
    }
    const std::size_t size = bytes.size();
    append(bytes, 2, message);
    EXPECT_EQ((*read(bytes, sender))->bytes, size);
  }
}

TEST(Wire, a_message_from_the_wrong_side_is_refused) {
  for (const auto& [message, sender] : samples()) {
    const auto frame = read(bytes_of(1, message), other(sender));
    ASSERT_FALSE(frame) << name(message);
    EXPECT_EQ(frame.error().code, Errc::bad_value);
    EXPECT_EQ(frame.error().detail, std::string("message ") + name(message) + " from the wrong side");
  }
}

// What read() says to `message` with one part overwritten; a header alone must be enough where `header_only`.
template <class T>
std::string refusal(const Message& message, Sender sender, std::size_t at, T value) {
  auto bytes = bytes_of(1, message);
  std::memcpy(bytes.data() + at, &value, sizeof value);
  const auto frame = read(bytes, sender);
  EXPECT_FALSE(frame && *frame);
  return frame ? "waits for more" : to_string(frame.error());
}

TEST(Wire, headers_that_are_wrong_are_refused_before_anything_is_waited_for) {
  const Message done = Done{1, 0, 1};
  EXPECT_THAT(refusal(done, Sender::worker, 0, '?'), HasSubstr("bytes that begin no frame"));
  EXPECT_THAT(refusal(done, Sender::worker, 4, std::uint16_t{1}),
              HasSubstr("unsupported: protocol version 1, expected 2"));
  EXPECT_THAT(refusal(done, Sender::worker, 6, std::uint16_t{0}), HasSubstr("message kind 0"));
  EXPECT_THAT(refusal(done, Sender::worker, 6, std::uint16_t{15}), HasSubstr("message kind 15"));
  EXPECT_THAT(refusal(done, Sender::worker, 12, std::uint32_t{15}), HasSubstr("message done of 15 bytes, expected 16"));
  EXPECT_THAT(refusal(Load{"{}"}, Sender::host, 12, std::uint32_t{65537}), HasSubstr("expected 2 to 65536"));
  EXPECT_THAT(refusal(Loaded{"{}"}, Sender::worker, 12, ~0U), HasSubstr("message loaded of 4294967295 bytes"));
  auto header = bytes_of(1, done);
  header.resize(header_bytes);
  header[12] = std::byte{17};
  EXPECT_FALSE(read(header, Sender::worker));
}

TEST(Wire, bodies_that_are_wrong_are_refused) {
  EXPECT_THAT(refusal(Hello{"a", "b", "c"}, Sender::worker, 16, std::uint16_t{300}), HasSubstr("engine of 300 bytes"));
  EXPECT_THAT(refusal(Hello{"a", "b", "c"}, Sender::worker, 16, std::uint16_t{200}),
              HasSubstr("bad value: message hello"));
  EXPECT_THAT(refusal(Hello{"a", "b", "c"}, Sender::worker, 16, std::uint16_t{0}), HasSubstr("message hello"));
  EXPECT_THAT(refusal(Hello{"a", "b", "c"}, Sender::worker, 18, '\n'), HasSubstr("engine that is not plain text"));
  EXPECT_THAT(refusal(Loading{0}, Sender::worker, 16, 1.5), HasSubstr("outside 0..1"));
  EXPECT_THAT(refusal(Loading{0}, Sender::worker, 16, std::numeric_limits<double>::quiet_NaN()),
              HasSubstr("outside 0..1"));
  const Message forward = Forward{{{0, 0, 7, Want::logits}}};
  EXPECT_THAT(refusal(forward, Sender::host, 16, ~0U), HasSubstr("4294967295 slots in 16 bytes"));
  EXPECT_THAT(refusal(forward, Sender::host, 16, 0U), HasSubstr("0 slots in 16 bytes"));
  EXPECT_THAT(refusal(forward, Sender::host, 24, 2U), HasSubstr("turns of 2"));
  EXPECT_THAT(refusal(forward, Sender::host, 24, 1U), HasSubstr("1 slots in 16 bytes"));
  EXPECT_THAT(refusal(forward, Sender::host, 28, 1U), HasSubstr("to be zero"));
  EXPECT_THAT(refusal(forward, Sender::host, 44, std::uint8_t{3}), HasSubstr("want of 3"));
  EXPECT_THAT(refusal(forward, Sender::host, 45, std::uint8_t{2}), HasSubstr("source of 2"));
  EXPECT_THAT(refusal(forward, Sender::host, 46, std::uint16_t{1}), HasSubstr("to be zero"));
  const Message decode = Decode{{{{1, 2, 3, 0.5F}, {5, 6}}}, 8};
  EXPECT_THAT(refusal(decode, Sender::host, 16, 2U), HasSubstr("a draw of 0 bytes"));
  EXPECT_THAT(refusal(decode, Sender::host, 16, 5000U), HasSubstr("5000 draws of 8 steps"));
  EXPECT_THAT(refusal(decode, Sender::host, 20, 0U), HasSubstr("0 steps"));
  EXPECT_THAT(refusal(decode, Sender::host, 36, -1.0F), HasSubstr("a temperature below zero"));
  EXPECT_THAT(refusal(decode, Sender::host, 44, 1.5F), HasSubstr("outside 0..1"));
  EXPECT_THAT(refusal(decode, Sender::host, 48, std::numeric_limits<float>::quiet_NaN()), HasSubstr("outside 0..1"));
  EXPECT_THAT(refusal(decode, Sender::host, 52, 3U), HasSubstr("3 stop tokens"));
  EXPECT_THAT(refusal(decode, Sender::host, 52, 1U), HasSubstr("4 bytes after its end"));
  EXPECT_THAT(refusal(TellDrawn{1, 1, {{1}}}, Sender::worker, 24, std::int64_t{-1}), HasSubstr("below zero"));
  EXPECT_THAT(refusal(Done{1, 0, 1}, Sender::worker, 24, std::int64_t{-1}), HasSubstr("below zero"));
  EXPECT_THAT(refusal(TellMemory{}, Sender::worker, 16, ~0ULL), HasSubstr("above 1 PiB"));
  const Message failed = Failed{{Errc::io, 0, "x"}};
  EXPECT_THAT(refusal(failed, Sender::worker, 16, std::uint16_t{10}), HasSubstr("error code 10"));
  EXPECT_THAT(refusal(failed, Sender::worker, 26, '\x1b'), HasSubstr("not plain text"));
}

TEST(Wire, the_largest_batch_fits_and_one_slot_more_does_not) {
  Forward forward;
  forward.slots.assign(slots_max, Slot{0, 0, 1, Want::logits});
  forward.turns.resize(slots_max);
  auto bytes = bytes_of(1, forward);
  EXPECT_TRUE(*read(bytes, Sender::host));
  const auto length = static_cast<std::uint32_t>(bytes.size() - header_bytes + 28);
  std::memcpy(bytes.data() + 12, &length, sizeof length);
  EXPECT_FALSE(read(bytes, Sender::host));
}

}  // namespace
}  // namespace assay::adapter::wire
