#include "record/record_in_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "record/record_json.h"

namespace assay::measure {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string records = std::string(ASSAY_SOURCE_DIR) + "/tests/golden/records/";

std::string complaint(const std::string& text) {
  const auto read = parse_record(text, "page.html");
  return read ? "was read" : to_string(read.error());
}

TEST(RecordInPage, a_page_gives_the_record_that_its_file_gives) {
  const auto page = read_record(records + "record_page.html");  // written by tools/golden_records.py
  const auto file = read_record(records + "laptop.json");
  ASSERT_TRUE(page && file) << (page ? "" : to_string(page.error()));
  EXPECT_EQ(to_json(*page), to_json(*file));
}

TEST(RecordInPage, no_text_of_a_record_ends_the_element_or_begins_another) {
  Matrix matrix;
  matrix.command =
      "</script><script>alert(1)</script><!-- ]]> & <script type=\"application/json\" id=\"record\"> \u202e ü";
  const std::string element = embedded_record(to_json(matrix));
  EXPECT_EQ(element.find("</script>"), element.size() - record_closes.size());
  EXPECT_THAT(element,
              AllOf(Not(HasSubstr("<!--")), Not(HasSubstr("\u202e")), HasSubstr("\\u202e"), Not(HasSubstr("ü"))));
  for (const std::string& page : {"<!DOCTYPE html>\n<p>" + element + "</p>", "\xef\xbb\xbf \n<html>" + element}) {
    const auto read = parse_record(page, "page.html");
    ASSERT_TRUE(read) << to_string(read.error());
    EXPECT_EQ(read->command, matrix.command);
  }
}

TEST(RecordInPage, a_page_without_one_whole_record_is_refused_by_name) {
  const std::string element = embedded_record(to_json(Matrix{}));
  EXPECT_THAT(complaint("<!DOCTYPE html><p>hello</p>"), AllOf(HasSubstr("page.html"), HasSubstr("without a record")));
  EXPECT_THAT(complaint("<p>" + element.substr(0, element.size() - 1)), HasSubstr("cut off"));
  EXPECT_THAT(complaint("<p>" + element + element), HasSubstr("two records"));
  EXPECT_THAT(complaint("<p>" + std::string(record_opens) + "{\"version\": 1}</script>"),
              AllOf(HasSubstr("page.html"), HasSubstr("is missing")));
  EXPECT_THAT(complaint("<p>" + std::string(record_opens) + "{</script>"), HasSubstr("page.html"));
  EXPECT_THAT(complaint("<"), HasSubstr("without a record"));
  EXPECT_THAT(complaint(""), AllOf(HasSubstr("page.html"), Not(HasSubstr("without a record"))));
}

TEST(RecordInPage, the_record_in_a_page_is_read_as_strictly_as_a_file) {
  Json json = to_json(Matrix{});
  json["speed"] = 1;
  EXPECT_THAT(complaint("<p>" + embedded_record(json)),
              AllOf(HasSubstr("page.html"), HasSubstr("speed: no such field")));
}

}  // namespace
}  // namespace assay::measure
