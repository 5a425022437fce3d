#include "sync/cli/copy_point.h"

#include "crdt/log_chunk.h"

namespace tributary::cli {
namespace {

// The own versions of a file, ascending, with their commit times.
class OwnVersions {
 public:
  explicit OwnVersions(const Database& db)
      : rows_(db.Prepare("SELECT version, substr(data, 1, 42), min(chunk) FROM crsql_log WHERE "
                         "site = 0 AND version < 9223372036854775807 GROUP BY version")) {
    static_assert(LogChunkReader::kMaxHeaderSize == 42);
    Next();
  }
  void Next() {
    there_ = rows_.Step();
    LogChunkReader chunk;
    commit_ms_ = there_ && chunk.Open(rows_.Bytes(1)) ? chunk.header().commit_ms : 0;
  }
  bool there() const { return there_; }
  int64_t version() const { return rows_.Int(0); }
  int64_t commit_ms() const { return commit_ms_; }
  const Status& status() const { return rows_.status(); }

 private:
  Statement rows_;
  bool there_ = false;
  int64_t commit_ms_ = 0;
};

}  // namespace

Status FindCopyPoint(const Database& a, const Database& b, int64_t* version) {
  *version = 0;
  OwnVersions in_a(a);
  OwnVersions in_b(b);
  while (in_a.there() && in_b.there()) {
    if (in_a.version() != in_b.version()) {
      (in_a.version() < in_b.version() ? in_a : in_b).Next();
      continue;
    }
    if (in_a.commit_ms() != in_b.commit_ms()) break;
    *version = in_a.version();
    in_a.Next();
    in_b.Next();
  }
  TRIBUTARY_RETURN_IF_ERROR(in_a.status());
  return in_b.status();
}

}  // namespace tributary::cli
