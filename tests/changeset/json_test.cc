#include "sync/changeset/json.h"

#include <gtest/gtest.h>

#include <limits>

#include "crdt/key.h"
#include "tests/changeset/sample.h"

namespace tributary {
namespace {

SiteId Site(uint8_t first) {
  SiteId id;
  id.bytes[0] = first;
  return id;
}

constexpr char kSite1[] = "\"01000000000000000000000000000000\"";

SampleRecord Cell(int column, int64_t seq, const Value& value) {
  SampleRecord r{.column = column,
                 .seq = Seq(seq),
                 .version = ColVersion(1),
                 .value = value,
                 .bytes = std::string(value.bytes)};
  r.value.bytes = {};
  return r;
}

TEST(Json, Changeset) {
  Sample s;
  s.tables = {{"t", {"k", "l"}, {"a", "b", "c"}}};
  s.transactions = {{.site = Site(1), .version = DbVersion(5), .commit_ms = 6, .backfill = true}};
  SampleRow row{.records = {}};
  AppendIntegerKey(-1, &row.key);
  AppendKeyValue(Value::Text("x"), &row.key);
  row.records = {Cell(0, 0, Value::Text("q\"\\\n\xc3\xa9\xc3")), Cell(1, 1, Value::Blob("\xff")),
                 Cell(2, 2, Value::Null())};
  s.rows = {row};
  row.records = {{.column = -1, .seq = Seq(3), .bytes = {}},
                 Cell(0, 4, Value::Real(-0.0)),
                 Cell(1, 5, Value::Real(1.5)),
                 Cell(2, 6, Value::Real(-std::numeric_limits<double>::infinity()))};
  s.rows.push_back(row);
  std::string json;
  std::string error;
  ChangesetHeader header{
      .sender = Site(1), .transfer = 255, .tables = {"t"}, .continued = true, .dropped = {"d"}};
  header.until.Raise(Site(1), DbVersion(5));
  header.covers = {{Site(1), {DbVersion(0), Seq(0)}, After(DbVersion(5))}};
  const std::string frame = s.ToFrame(header);
  ASSERT_TRUE(ChangesetToJson(frame, &json, &error)) << error;
  const std::string site = kSite1;
  const std::string sizes = "\"bytes\":" + std::to_string(frame.size()) +
                            ",\"body_bytes\":" + std::to_string(s.ToBody().size());
  EXPECT_EQ(json, "{\"sender\":" + site +
                      ",\"transfer\":\"00000000000000ff\",\"piece\":0,\"last\":false,\"until\":{" +
                      site + ":5},\"covers\":[{\"site\":" + site +
                      ",\"from\":[0,0],\"to\":[6,0]}],\"tables\":[\"t\"],\"dropped\":[\"d\"],"
                      "\"continued\":true," +
                      sizes + ",\"transactions\":[{\"site\":" + site +
                      ",\"db_version\":5,\"commit_ms\":6,\"ts\":0,\"backfill\":true}],\"rows\":["
                      R"({"table":"t","transaction":0,"key":[-1,"x"],"cl":1,"seq":0,"cells":{)"
                      R"("a":{"value":"q\"\\\u000aé\ufffd","col_version":1,"seq":0},)"
                      R"("b":{"value":{"blob":"ff"},"col_version":1,"seq":1},)"
                      R"("c":{"value":null,"col_version":1,"seq":2}}},)"
                      R"({"table":"t","transaction":0,"key":[-1,"x"],"cl":1,"seq":3,"sentinel":3,)"
                      R"("cells":{"a":{"value":-0.0,"col_version":1,"seq":4},)"
                      R"("b":{"value":1.5,"col_version":1,"seq":5},)"
                      R"("c":{"value":-9e999,"col_version":1,"seq":6}}}]})");
}

TEST(Json, MalformedIsRefused) {
  std::string json;
  std::string error;
  EXPECT_FALSE(ChangesetToJson("", &json, &error));
  EXPECT_NE(error, "");
  const Sample sample = Maker(3).Changeset(5);
  std::string frame = sample.ToFrame({});
  EXPECT_TRUE(ChangesetToJson(frame, &json, &error));
  frame.back() ^= 1;
  EXPECT_FALSE(ChangesetToJson(frame, &json, &error));
}

TEST(Json, Have) {
  EXPECT_EQ(HaveToJson({}), R"({"known":{},"unfinished":[],"loose":[]})");
  Have have;
  have.known.Raise(Site(1), DbVersion(5));
  have.unfinished.push_back({Site(1), {}});
  have.unfinished[0].received.Add({Site(1), {DbVersion(6), Seq(1)}, After(DbVersion(6))});
  have.loose.push_back({Site(1), 2, 3});
  const std::string site = kSite1;
  EXPECT_EQ(HaveToJson(have), "{\"known\":{" + site + ":5},\"unfinished\":[{\"sender\":" + site +
                                  ",\"received\":[{\"site\":" + site +
                                  ",\"from\":[6,1],\"to\":[7,0]}]}],\"loose\":[{\"site\":" + site +
                                  ",\"records\":2,\"hash\":\"0000000000000003\"}]}");
}

}  // namespace
}  // namespace tributary
