// What the hub reads of HTTP requests.
#include "sync/hub/http.h"

#include <gtest/gtest.h>

#include "sync/hub/log.h"
#include "sync/hub/options.h"
#include "sync/hub/room_log.h"
#include "sync/hub/room_schema.h"
#include "sync/transport/websocket.h"

namespace tributary::hub {
namespace {

TEST(Names, OfRooms) {
  for (const char* name : {"a", "0", "notes", "a-b_c.d", "x..y"}) EXPECT_TRUE(IsRoomName(name));
  EXPECT_TRUE(IsRoomName(std::string(kMaxRoomName, 'a')));
  for (const char* name : {"", ".", "..", ".a", "-a", "_a", "A", "aB", "a/b", "a\\b", "a b", "ä",
                           "a%2f", "a:b", "a\n"}) {
    EXPECT_FALSE(IsRoomName(name)) << name;
  }
  EXPECT_FALSE(IsRoomName(std::string(kMaxRoomName + 1, 'a')));
  EXPECT_FALSE(IsRoomName(std::string_view("a\0b", 3)));
}

TEST(Paths, NameWhatThereIs) {
  using Resource = Route::Resource;
  Route route;
  EXPECT_TRUE(ParsePath("/healthz", &route).ok());
  EXPECT_EQ(route.resource, Resource::kHealth);
  EXPECT_FALSE(route.of_room());
  EXPECT_TRUE(ParsePath("/v1/rooms/a.b", &route).ok());
  EXPECT_EQ(route.resource, Resource::kSession);
  EXPECT_EQ(route.room, "a.b");
  EXPECT_TRUE(ParsePath("/v1/rooms/n/snapshot", &route).ok());
  EXPECT_EQ(route.resource, Resource::kSnapshot);
  for (const char* path :
       {"", "/", "healthz", "/healthz/", "/v1/rooms", "/v1/rooms/n/", "/v2/rooms/n",
        "/v1/rooms/n/token/x", "/v1/rooms/n//token", "/v1/rooms/a/../b/token"}) {
    EXPECT_TRUE(absl::IsNotFound(ParsePath(path, &route))) << path;
  }
  for (const char* path : {"/v1/rooms/", "/v1/rooms//token", "/v1/rooms/../token", "/v1/rooms/N"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePath(path, &route))) << path;
  }
}

TEST(Origins, OfOtherMachines) {
  const auto is_local = [](const char* host, const char* origin) {
    HttpRequest request;
    request.host = host;
    request.origin = origin;
    return IsLocalRequest(request);
  };
  EXPECT_TRUE(is_local("127.0.0.1:8787", ""));
  EXPECT_TRUE(is_local("localhost", "http://localhost:3000"));
  EXPECT_TRUE(is_local("[::1]:80", "http://[::1]"));
  EXPECT_FALSE(is_local("", ""));
  EXPECT_FALSE(is_local("evil.example", ""));
  EXPECT_FALSE(is_local("localhost.evil.example", ""));
  EXPECT_FALSE(is_local("localhost", "https://evil.example"));
  EXPECT_FALSE(is_local("localhost", "null"));
  EXPECT_FALSE(is_local("localhost", "http://127.0.0.1.evil.example"));
}

TEST(Arguments, AreDecoded) {
  HttpRequest request;
  request.arguments = {"have=a%2Bb%zz%4", "haven=x", "empty=", "have=second"};
  EXPECT_EQ(request.Argument("have"), "a+b%zz%4");
  EXPECT_EQ(request.Argument("empty"), "");
  EXPECT_EQ(request.Argument("none"), "");
  std::string bytes;
  EXPECT_TRUE(DecodeBytes("00fF", &bytes));
  EXPECT_EQ(bytes, std::string("\0\xff", 2));
  EXPECT_TRUE(DecodeBytes("-_-_", &bytes));
  EXPECT_EQ(bytes, "\xfb\xff\xbf");
  EXPECT_TRUE(DecodeBytes("+/+/", &bytes));
  EXPECT_FALSE(DecodeBytes("!", &bytes));
  EXPECT_EQ(BearerToken("Bearer  abc "), "abc");
  EXPECT_EQ(BearerToken("bearer abc"), "abc");
  EXPECT_EQ(BearerToken("Basic abc"), "");
  EXPECT_EQ(BearerToken("Bearer"), "");
  EXPECT_EQ(ProtocolToken("tributary, bearer.a.b-c"), "a.b-c");
  EXPECT_EQ(ProtocolToken("tributary"), "");
  uint64_t n = 0;
  EXPECT_TRUE(ParseNumber("18446744073709551615", UINT64_MAX, &n));
  for (const char* text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1.0"}) {
    EXPECT_FALSE(ParseNumber(text, UINT64_MAX, &n)) << text;
  }
  EXPECT_FALSE(ParseNumber("301", 300, &n));
}

struct Range {
  const char* header;
  uint64_t size;
  RangeKind kind;
  uint64_t first;
  uint64_t length;
};

TEST(Ranges, OfASnapshot) {
  constexpr Range kRanges[] = {
      {"", 100, RangeKind::kWhole, 0, 100},
      {"bytes=0-", 100, RangeKind::kPart, 0, 100},
      {"bytes=0-0", 100, RangeKind::kPart, 0, 1},
      {"bytes=10-19", 100, RangeKind::kPart, 10, 10},
      {"bytes=10-1000", 100, RangeKind::kPart, 10, 90},
      {"bytes=99-", 100, RangeKind::kPart, 99, 1},
      {"bytes=-1", 100, RangeKind::kPart, 99, 1},
      {"bytes=-100", 100, RangeKind::kPart, 0, 100},
      {"bytes=-1000", 100, RangeKind::kPart, 0, 100},
      {"bytes=100-", 100, RangeKind::kUnsatisfiable, 0, 0},
      {"bytes=0-", 0, RangeKind::kUnsatisfiable, 0, 0},
      {"bytes=-0", 100, RangeKind::kUnsatisfiable, 0, 0},
      {"bytes=-5", 0, RangeKind::kUnsatisfiable, 0, 0},
      {"bytes=5-4", 100, RangeKind::kWhole, 0, 100},
      {"bytes=0-1,5-6", 100, RangeKind::kWhole, 0, 100},
      {"bytes=a-b", 100, RangeKind::kWhole, 0, 100},
      {"bytes=-", 100, RangeKind::kWhole, 0, 100},
      {"lines=0-1", 100, RangeKind::kWhole, 0, 100},
      {"bytes=18446744073709551615-18446744073709551615", 100, RangeKind::kUnsatisfiable, 0, 0},
      {"bytes=0-18446744073709551615", 100, RangeKind::kPart, 0, 100},
      {"bytes=18446744073709551616-", 100, RangeKind::kWhole, 0, 100},
  };
  for (const Range& r : kRanges) {
    uint64_t first = 0;
    uint64_t length = 0;
    EXPECT_EQ(ParseRange(r.header, r.size, &first, &length), r.kind) << r.header;
    if (r.kind == RangeKind::kUnsatisfiable) continue;
    EXPECT_EQ(first, r.first) << r.header;
    EXPECT_EQ(length, r.length) << r.header;
  }
}

TEST(Errors, KeepToOneHeaderLine) {
  const HttpResponse response = ErrorResponse(absl::InvalidArgumentError("a\r\nset-cookie: b\x80"));
  EXPECT_EQ(response.status, 400);
  for (const auto& [name, value] : response.headers) {
    EXPECT_EQ(value.find_first_of("\r\n\x80"), std::string::npos) << name;
  }
}

TEST(Logs, AreJson) {
  EXPECT_EQ(JsonText("a\"b\\c\n\x01\x7f"), "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"");
  EXPECT_EQ(JsonText("\xc3\xa4\xff"), "\"\xc3\xa4\xef\xbf\xbd\"");
}

TEST(Addresses, ToListenOn) {
  HubOptions options;
  EXPECT_TRUE(ParseListen("0", &options));
  EXPECT_EQ(options.host, "127.0.0.1");
  EXPECT_EQ(options.port, 0);
  EXPECT_TRUE(ParseListen("[::1]:80", &options));
  EXPECT_EQ(options.host, "::1");
  EXPECT_TRUE(ParseListen("example.org:443", &options));
  for (const char* text : {"", "x", "1.2.3.4", "::1:80", "a:65536", "a:-1", "a:"}) {
    EXPECT_FALSE(ParseListen(text, &options)) << text;
  }
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "128.0.0.1", "127.0.0.1.example.org", "example.org"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(Addresses, OfHubs) {
  WebSocketAddress a;
  ASSERT_TRUE(ParseWebSocketUrl("wss://hub.example/v1/rooms/n", &a));
  EXPECT_TRUE(a.tls);
  EXPECT_EQ(a.host, "hub.example");
  EXPECT_EQ(a.port, 443);
  EXPECT_EQ(a.path, "/v1/rooms/n");
  ASSERT_TRUE(ParseWebSocketUrl("ws://[::1]:8080/x", &a));
  EXPECT_EQ(a.host, "::1");
  EXPECT_EQ(a.port, 8080);
  for (const char* url :
       {"", "ws://", "ws:///x", "ws://h", "http://h/x", "ws://h:0/x", "ws://h:a/x",
        "ws://h:99999/x", "ws://h/a b", "ws://h/a\r\nX: y", "ws://[::1/x"}) {
    EXPECT_FALSE(ParseWebSocketUrl(url, &a)) << url;
  }
}

TEST(Schemas, OnlyTablesAndIndexes) {
  std::string schema;
  ASSERT_TRUE(
      CheckSchema("CREATE TABLE \"a'b\"(x PRIMARY KEY NOT NULL, y DEFAULT (1 + 1) CHECK (y > 0));"
                  "CREATE INDEX i ON \"a'b\"(y)",
                  &schema)
          .ok());
  EXPECT_NE(schema.find("SELECT crsql_as_crr('a''b')"), std::string::npos);
  EXPECT_NE(schema.find("CREATE INDEX i"), std::string::npos);
  for (const std::string& sql :
       {std::string("CREATE TEMP TABLE t(a)"), std::string("SELECT load_extension('x')"),
        std::string("CREATE TABLE t(a); INSERT INTO t VALUES (1)"),
        std::string("CREATE TABLE crsql_t(a)"), std::string("CREATE TABLE \"x__CRSQL_y\"(a)"),
        std::string("CREATE TABLE t(a);\0", 19), std::string(kMaxSchemaBytes + 1, ' '),
        std::string(
            "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT * FROM r")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckSchema(sql, &schema))) << sql.substr(0, 80);
  }
}

}  // namespace
}  // namespace tributary::hub
