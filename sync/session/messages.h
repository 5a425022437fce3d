// The messages of a session, as bytes: proto/session.proto, which says what the fields mean.
#ifndef TRIBUTARY_SYNC_SESSION_MESSAGES_H_
#define TRIBUTARY_SYNC_SESSION_MESSAGES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/ids.h"
#include "sync/changeset/header.h"

namespace tributary {

inline constexpr uint32_t kSessionVersion = 1;
inline constexpr size_t kMaxErrorText = 1000;

// A replicated table as its peers need to know it.
struct TableSchema {
  std::string name;
  std::vector<std::string> key;      // in key order
  std::vector<std::string> columns;  // the others, ascending
  bool operator==(const TableSchema&) const = default;
};
using Schema = std::vector<TableSchema>;  // ascending by name

// The same on all replicas with these tables, and hardly on any other. Never 0.
uint64_t HashSchema(const Schema& schema);
// Equal where neither replica has anything for the other. 0 where that cannot be told.
uint64_t HashKnowledge(Have have);

// Each Encode() makes a whole frame; each Decode() reads the header of one, and is false where that
// is malformed.
struct HelloMessage {
  uint32_t version = kSessionVersion;
  SiteId site;
  uint64_t schema = 0;
  uint64_t knowledge = 0;
  bool live = false;

  std::string Encode() const;
  bool Decode(std::string_view data);
};

struct SchemaMessage {
  Schema schema;

  std::string Encode() const;
  bool Decode(std::string_view data);
};

struct WantMessage {
  Have have;
  std::vector<std::string> tables;
  uint64_t window = 0;
  uint64_t max_frame = 0;
  bool nothing = false;

  std::string Encode() const;
  bool Decode(std::string_view data);
};

struct AckMessage {
  uint64_t committed = 0;

  std::string Encode() const;
  bool Decode(std::string_view data);
};

std::string EncodeDone();

struct ByeMessage {
  uint64_t knowledge = 0;

  std::string Encode() const;
  bool Decode(std::string_view data);
};

enum class SessionError : uint32_t { kProtocol = 1, kRefused = 2, kLocked = 3, kFailed = 4 };

struct ErrorMessage {
  SessionError code = SessionError::kFailed;
  std::string text;

  std::string Encode() const;  // a longer text is cut
  bool Decode(std::string_view data);
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_SESSION_MESSAGES_H_
