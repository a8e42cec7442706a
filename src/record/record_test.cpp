#include "record/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/mapped_file.h"
#include "record/record_json.h"

namespace assay::measure {
namespace {

using testing::HasSubstr;

Timing timing() {
  return {.sent_ns = 1'000, .first_ns = 5'000'000, .last_ns = 9'000'000, .prompt_tokens = 512, .output_tokens = 64};
}

// Every optional part present, so that a field that is not written or not read cannot hide.
Matrix full_matrix() {
  Matrix matrix;
  matrix.command = "assay matrix --soak 10m";
  matrix.started_unix_s = 1'790'000'000;
  matrix.machine.chip = "a chip";
  matrix.environment.accelerators = {"NVIDIA H200"};
  matrix.environment.idle.timer = {.p50_ms = 0.06, .p99_ms = 0.2, .max_ms = 3, .samples = 200};
  matrix.settings.sweep_context = {512, 2048};
  matrix.settings.sweep_streams = {1, 2, 4};
  matrix.load.engines = {"direct", "mlx"};
  matrix.artifact.bytes_per_token = 1'000'000;
  matrix.ceilings = {.read_gb_s = 10, .int8_gmac_s = 1, .device_gb_s = 4000};
  matrix.ceiling_rounds = {{.round = 1, .depth = 512, .at_s = 3, .ceilings = matrix.ceilings}};
  matrix.soak_turns = {{.row = 1, .at_s = 2, .seconds = 3}};
  Row row;
  row.subject.engine = "direct";
  row.subject.device = "cpu";
  row.subject.notes = {"a note"};
  row.subject.parity = Parity{{.positions = 32, .top1_equal = 31, .max_abs = 0.5, .bound = 1}};
  row.prompts = Prompts::cached;
  row.adapted = "64 prompt";
  row.decode_tok_s = {.median = 10, .low = 9, .high = 11, .n = 6, .coverage = 0.97};
  row.share_of_limit = {.median = 0.5, .low = 0.4, .high = 0.6, .n = 6, .coverage = 0.97};
  row.load_s = 1.5;
  row.kv_bytes_per_token = 7;
  row.between_tokens = {.p50_ms = 1, .p99_ms = 2, .max_ms = 3, .samples = 200};
  row.first = timing();
  row.cold = timing();
  row.rounds = {timing(), timing()};
  row.memory.predicted = MemoryUse{.weights = 1, .kv = 2, .scratch = 3};
  row.memory.accounted = MemoryUse{.weights = 1, .kv = 2, .scratch = 4};
  row.energy.reason = "no counter";
  row.border = Border{.total_us_per_call = 100, .engine_us_per_call = 98, .calls = 7};
  row.context_sweep = {{.depth = 512, .cold = timing(), .rounds = {timing()}}, {.depth = 2048, .reason = "too long"}};
  row.stream_sweep = {
      {.streams = 2, .total_tok_s = {.median = 3, .low = 2, .high = 4, .n = 2, .coverage = 0.5}, .cold = timing()}};
  row.open_loop = OpenLoop{.rate_per_s = 2, .sent = 60, .reason = "late", .requests = {timing()}};
  row.drift = Drift{.seconds = 600, .requests = 2, .points = {{.at_s = 1, .decode_tok_s = 9}, {.at_s = 2}}};
  matrix.rows = {row, Row{}};
  matrix.rows[1].status = Row::Status::refused;
  matrix.rows[1].reason = "not installed";
  return matrix;
}

TEST(Record, what_is_written_is_read_again) {
  const Json once = to_json(full_matrix());
  const auto read = matrix_from_json(once);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(to_json(*read), once);
  EXPECT_EQ(read->rows[0].drift->points.size(), 2U);
  EXPECT_EQ(read->rows[0].rounds[1].last_ns, 9'000'000);
  EXPECT_EQ(read->rows[1].reason, "not installed");
  EXPECT_TRUE(std::isnan(read->rows[1].noise.mhz));
  const auto from_text = parse_record(once.dump(), "a.json");
  ASSERT_TRUE(from_text) << from_text.error().detail;
  EXPECT_EQ(to_json(*from_text), once);
}

TEST(Record, figures_derived_from_others_are_computed_again) {
  Json json = to_json(full_matrix());
  EXPECT_NEAR(json["rows"][0]["share_of_limit"].get<double>(), 0.5, 1e-12);
  json["rows"][0]["share_of_limit"] = 77;
  const auto read = matrix_from_json(json);
  ASSERT_TRUE(read);
  EXPECT_NEAR(to_json(*read)["rows"][0]["share_of_limit"].get<double>(), 0.5, 1e-12);
}

// What version 1 said with another meaning: prefill without a decode step, bootstrap intervals, a limit without keys and
// values, an account that was called a prediction.
TEST(Record, one_of_version_1_is_read_and_its_figures_are_derived_again) {
  Json json = to_json(full_matrix());
  json["version"] = 1;
  json.erase("ceiling_rounds");
  Json& row = json["rows"][0];
  for (const char* later : {"load_s", "gap_ms", "total_ms", "between_tokens", "kv_bytes_per_token", "limit_share"}) {
    row.erase(later);
  }
  row["prompts"] = "fresh";
  row["prefill_tok_s"] = {{"median", 9e9}, {"low", 1}, {"high", 2}, {"n", 2}};
  row["share_of_limit"] = 9.24;
  for (Json& timing : row["rounds"]) timing.erase("first_tokens");
  row["foreground"]["timer"] = {{"p50_ms", 1}, {"p99_ms", 7}, {"max_ms", 8}, {"samples", 9}};
  row["memory"].erase("accounted");
  row["open_loop"].erase("requests");
  row["open_loop"]["ttft_ms"] = {{"median", 5}, {"low", 4}, {"high", 6}, {"n", 60}};
  const auto read = parse_record(json.dump(), "old.json");
  ASSERT_TRUE(read) << read.error().detail;
  const Row& out = read->rows[0];
  EXPECT_NEAR(out.prefill_tok_s.median, timing().prefill_tok_s(), 1e-9);
  EXPECT_EQ(out.prefill_tok_s.coverage, 0.5) << "two values";
  EXPECT_TRUE(std::isnan(share_of_limit(out)));
  EXPECT_FALSE(out.share_reason.empty());
  EXPECT_TRUE(std::isnan(out.foreground.timer.p99_ms)) << "a p99 of 9 is the largest";
  EXPECT_FALSE(out.memory.predicted);
  EXPECT_EQ(out.memory.accounted->kv, 2U);
  EXPECT_EQ(out.open_loop->ttft_ms.median, 5);
  EXPECT_TRUE(std::isnan(out.open_loop->ttft_ms.low));
  EXPECT_EQ(to_json(*read)["version"], record_version);
}

TEST(Record, of_version_1_and_pieces_of_text_has_no_decode_speed) {
  Json json = to_json(full_matrix());
  json["version"] = 1;
  json["rows"][0]["text_only"] = true;
  const auto read = matrix_from_json(json);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->rows[0].decode_tok_s.n, 0U) << "how much the first piece held was not written down";
  EXPECT_EQ(read->rows[0].ttft_ms.n, 2U);
}

TEST(Record, an_empty_one_is_whole) {
  const auto read = matrix_from_json(to_json(Matrix{}));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_TRUE(read->rows.empty());
}

std::string refusal(void (*spoil)(Json&)) {
  Json json = to_json(full_matrix());
  spoil(json);
  const auto read = parse_record(json.dump(), "a.json");
  return read ? "read" : read.error().detail;
}

TEST(Record, refuses_what_is_not_one_and_names_the_place) {
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["ttft_ms"] = "fast"; }),
              HasSubstr("a.json: rows[0].ttft_ms: met \"fast\", expected an object"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][1].erase("engine"); }), HasSubstr("rows[1].engine: is missing"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["speed"] = 1; }), HasSubstr("rows[0].speed: no such field"));
  EXPECT_THAT(refusal([](Json& j) { j["version"] = 3; }), HasSubstr("version: met 3, expected 1 or 2"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["status"] = "fine"; }), HasSubstr("one of ok, refused, failed"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["threads"] = -1; }), HasSubstr("rows[0].threads: met -1"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["threads"] = 5'000'000'000; }), HasSubstr("0..4294967295"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["rounds"][1]["sent_ns"] = 0.5; }), HasSubstr("rounds[1].sent_ns"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["noisy"] = 1; }), HasSubstr("noisy: met 1, expected true or false"));
  EXPECT_THAT(refusal([](Json& j) { j["command"] = std::string(70'000, 'x'); }), HasSubstr("at most 65536 bytes"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"] = Json::object(); }),
              HasSubstr("rows: met an object, expected an array"));
  EXPECT_THAT(refusal([](Json& j) { j = Json::array({1}); }), HasSubstr("record: met an array"));
  EXPECT_THAT(refusal([](Json& j) { j["rows"][0]["settings"] = std::vector<int>(100'001); }),
              HasSubstr("100001 elements"));
  EXPECT_FALSE(parse_record("{", "a.json"));
  EXPECT_FALSE(parse_record("{\"version\": 1, \"version\": 1}", "a.json"));
}

TEST(Record, what_was_added_later_may_be_missing) {
  Json json = to_json(full_matrix());
  json["rows"][0].erase("drift");
  json["rows"][0].erase("border");
  json["rows"][0]["noise"].erase("mhz");
  const auto read = matrix_from_json(json);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_FALSE(read->rows[0].drift);
  EXPECT_TRUE(std::isnan(read->rows[0].noise.mhz));
}

// ASSAY_UPDATE=1 writes the file anew after a field was added.
TEST(Record, the_schema_in_docs_is_that_of_the_writer) {
  const std::string path = ASSAY_SOURCE_DIR "/docs/record.schema.json";
  const std::string schema = record_schema().dump(1) + "\n";
  if (std::getenv("ASSAY_UPDATE") != nullptr) std::ofstream(path, std::ios::binary) << schema;
  const auto text = read_text_file(path, record_bytes_max);
  ASSERT_TRUE(text) << text.error().detail;
  EXPECT_EQ(*text, schema) << "run measure_test with ASSAY_UPDATE=1";
}

TEST(Noise, a_quiet_machine_has_no_reasons_and_one_that_does_not_tell_neither) {
  EXPECT_TRUE(noise_reasons({}).empty());
  EXPECT_TRUE(noise_reasons({.others_cpu_cores = 0.05, .stolen_cores = 0, .memory_stall = 0}).empty());
  EXPECT_THAT(
      noise_reasons({.others_cpu_cores = 1.5, .stolen_cores = 0.3, .memory_stall = 0.2}),
      testing::ElementsAre("other processes kept 1.50 cores busy", "other guests of this hardware took 0.30 cores",
                           "something waited for memory in 20.0 % of the time"));
}

}  // namespace
}  // namespace assay::measure
