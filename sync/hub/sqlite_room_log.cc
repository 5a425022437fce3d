#include "sync/hub/sqlite_room_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ext/tributary.h"
#include "sync/hub/room_schema.h"
#include "sync/hub/status.h"
#include "sync/session/sqlite_replica.h"

namespace tributary::hub {
namespace {

constexpr char kSuffix[] = ".db";
constexpr char kSnapshots[] = "/.snapshots";
// Beside the connection's busy timeout: an operator's tool may hold the lock for so long.
constexpr double kLockSeconds = 5;
constexpr int kBusyMs = 5000;
constexpr int kPagesAtOnce = 1000;
// A value of a client's; SQLite's own limit is a billion.
constexpr int kMaxValueBytes = 256 << 20;

// FULL: a commit is on the disk before anybody is told. CHECKs are the clients' business: one that
// a merge of theirs violates must not keep the room from what they agreed on. The cache bounds what
// an idle room costs.
constexpr char kSettings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA ignore_check_constraints = ON;"
    "PRAGMA foreign_keys = OFF; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -1024;"
    "PRAGMA journal_size_limit = 16777216";

struct Closer {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Connection = std::unique_ptr<sqlite3, Closer>;

absl::Status ErrorOf(sqlite3* db, std::string_view name) {
  const int rc = sqlite3_errcode(db) & 0xff;
  const std::string text = absl::StrCat("room ", name, ": ", sqlite3_errmsg(db));
  return rc == SQLITE_BUSY || rc == SQLITE_LOCKED ? absl::UnavailableError(text)
                                                  : absl::InternalError(text);
}

class SqliteReader : public RoomLog::Reader {
 public:
  explicit SqliteReader(sqlite3* db) : replica_(db, kLockSeconds) {}
  absl::Status Open(const Have& have, const Replica::Tables& tables, size_t piece_bytes) {
    return replica_.OpenChangesets(have, tables, piece_bytes);
  }
  absl::Status Next(std::string* frame) override { return replica_.NextChangeset(frame); }

 private:
  SqliteReplica replica_;
};

// Reads by a connection of its own, whose transaction holds the moment.
class SqliteCopy : public RoomLog::Copy {
 public:
  explicit SqliteCopy(std::string name) : name_(std::move(name)) {}
  ~SqliteCopy() override { sqlite3_backup_finish(backup_); }

  absl::Status Begin(const std::string& room, const std::string& path) {
    HUB_RETURN_IF_ERROR(Open(room, 0, &from_));
    sqlite3_busy_timeout(from_.get(), kBusyMs);
    if (sqlite3_exec(from_.get(), "BEGIN; SELECT count(*) FROM sqlite_schema", nullptr, nullptr,
                     nullptr) != SQLITE_OK) {
      return ErrorOf(from_.get(), name_);
    }
    unlink(path.c_str());
    HUB_RETURN_IF_ERROR(Open(path, SQLITE_OPEN_CREATE, &to_));
    sqlite3_exec(to_.get(), "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", nullptr, nullptr,
                 nullptr);
    backup_ = sqlite3_backup_init(to_.get(), "main", from_.get(), "main");
    return backup_ == nullptr ? ErrorOf(to_.get(), name_) : absl::OkStatus();
  }

  absl::Status Step(bool* done) override {
    const int rc = sqlite3_backup_step(backup_, kPagesAtOnce);
    *done = rc == SQLITE_DONE;
    if (rc == SQLITE_OK) return absl::OkStatus();
    if (!*done) {
      return absl::InternalError(
          absl::StrCat("room ", name_, ": no snapshot: ", sqlite3_errstr(rc)));
    }
    sqlite3_backup_finish(std::exchange(backup_, nullptr));
    // The copied header says WAL; a file that is read-only to its reader could not be opened then.
    sqlite3_exec(to_.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr);
    return absl::OkStatus();
  }

 private:
  absl::Status Open(const std::string& path, int flags, Connection* db) {
    sqlite3* opened = nullptr;
    const int rc = sqlite3_open_v2(
        path.c_str(), &opened,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | flags, nullptr);
    db->reset(opened);
    return rc == SQLITE_OK ? absl::OkStatus()
                           : absl::InternalError(absl::StrCat("room ", name_, ": cannot open ",
                                                              path, ": ", sqlite3_errstr(rc)));
  }

  std::string name_;
  Connection from_;
  Connection to_;
  sqlite3_backup* backup_ = nullptr;
};

class SqliteRoomLog : public RoomLog {
 public:
  SqliteRoomLog(std::string name, Connection db)
      : name_(std::move(name)), db_(std::move(db)), replica_(db_.get(), kLockSeconds) {}

  absl::Status GetSite(SiteId* site) override { return replica_.GetSite(site); }
  absl::Status GetSchema(Schema* schema) override { return replica_.GetSchema(schema); }
  absl::Status GetHave(const Replica::Tables& tables, Have* have) override {
    return replica_.GetHave(tables, have);
  }
  absl::Status GetToken(std::string* token) override {
    return QueryText("SELECT crsql_token()", token);
  }

  // In one transaction, as the wait for the disk is what costs. Where one of them is refused, which
  // may show at the commit only, each gets its own.
  void Append(const std::vector<std::string_view>& changesets,
              std::vector<absl::Status>* results) override {
    results->assign(changesets.size(), absl::OkStatus());
    if (changesets.size() > 1 && AppendTogether(changesets).ok()) return;
    uint64_t changed = 0;
    for (size_t i = 0; i < changesets.size(); i++) {
      (*results)[i] = replica_.Apply(changesets[i], &changed);
    }
  }

  absl::Status Read(const Have& have, const Replica::Tables& tables, size_t piece_bytes,
                    std::unique_ptr<Reader>* reader) override {
    auto made = std::make_unique<SqliteReader>(db_.get());
    HUB_RETURN_IF_ERROR(made->Open(have, tables, piece_bytes));
    *reader = std::move(made);
    return absl::OkStatus();
  }

  absl::Status HasChanged(bool* changed) override { return replica_.HasChanged(changed); }

  absl::Status SetSchema(const std::string& sql) override {
    std::string schema;
    HUB_RETURN_IF_ERROR(CheckSchema(sql, &schema));
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db_.get(), "SELECT crsql_automigrate(?1)", -1, &s, nullptr) !=
        SQLITE_OK) {
      return ErrorOf(db_.get(), name_);
    }
    sqlite3_bind_text(s, 1, schema.data(), static_cast<int>(schema.size()), SQLITE_STATIC);
    sqlite3_step(s);
    absl::Status made;
    if (sqlite3_reset(s) != SQLITE_OK) {
      made = ErrorOf(db_.get(), name_);
      if (!absl::IsUnavailable(made)) made = absl::InvalidArgumentError(made.message());
    }
    sqlite3_finalize(s);
    return made;
  }

  absl::Status BeginCopy(const std::string& path, std::unique_ptr<Copy>* copy) override {
    auto made = std::make_unique<SqliteCopy>(name_);
    HUB_RETURN_IF_ERROR(made->Begin(sqlite3_db_filename(db_.get(), "main"), path));
    *copy = std::move(made);
    return absl::OkStatus();
  }

  void Trim() override { sqlite3_db_release_memory(db_.get()); }

 private:
  absl::Status Exec(const char* sql) {
    return sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK
               ? absl::OkStatus()
               : ErrorOf(db_.get(), name_);
  }

  absl::Status AppendTogether(const std::vector<std::string_view>& changesets) {
    HUB_RETURN_IF_ERROR(Exec("BEGIN IMMEDIATE"));
    absl::Status done;
    uint64_t changed = 0;
    for (size_t i = 0; i < changesets.size() && done.ok(); i++) {
      done = replica_.Apply(changesets[i], &changed);
    }
    if (done.ok()) done = Exec("COMMIT");
    if (sqlite3_get_autocommit(db_.get()) == 0) Exec("ROLLBACK").IgnoreError();
    return done;
  }

  absl::Status QueryText(const char* sql, std::string* text) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql, -1, &s, nullptr) != SQLITE_OK) {
      return ErrorOf(db_.get(), name_);
    }
    if (sqlite3_step(s) == SQLITE_ROW) {
      const auto* found = reinterpret_cast<const char*>(sqlite3_column_text(s, 0));
      text->assign(found == nullptr ? "" : found);
    }
    const int rc = sqlite3_finalize(s);
    return rc == SQLITE_OK ? absl::OkStatus() : ErrorOf(db_.get(), name_);
  }

  std::string name_;
  Connection db_;
  SqliteReplica replica_;
};

}  // namespace

SqliteRoomStore::~SqliteRoomStore() {
  if (lock_ >= 0) close(lock_);
}

absl::Status SqliteRoomStore::Prepare() {
  const std::string snapshots = folder_ + kSnapshots;
  for (const std::string& folder : {folder_, snapshots}) {
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
      return absl::NotFoundError(
          absl::StrCat("cannot make the folder ", folder, ": ", strerror(errno)));
    }
  }
  lock_ = open((folder_ + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    return absl::NotFoundError(absl::StrCat("cannot write to ", folder_, ": ", strerror(errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(absl::StrCat("another tributary serve uses ", folder_));
  }
  // SQLite follows no link to a room, nor to its folder, which may well be one.
  char* real = realpath(folder_.c_str(), nullptr);
  if (real == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("cannot find the folder ", folder_, ": ", strerror(errno)));
  }
  folder_ = real;
  free(real);
  const auto each = [](const std::string& path, const auto& use) {
    DIR* dir = opendir(path.c_str());
    if (dir == nullptr) return;
    while (const dirent* entry = readdir(dir)) use(std::string_view(entry->d_name));
    closedir(dir);
  };
  each(snapshots, [&](std::string_view name) {
    if (!name.starts_with('.')) unlink(absl::StrCat(snapshots, "/", name).c_str());
  });
  each(folder_, [&](std::string_view name) {
    if (name.ends_with(kSuffix) && IsRoomName(name.substr(0, name.size() - strlen(kSuffix)))) {
      rooms_++;
    }
  });
  return absl::OkStatus();
}

std::string SqliteRoomStore::SnapshotPath(const std::string& name) const {
  return absl::StrCat(folder_, kSnapshots, "/", name);
}

absl::Status SqliteRoomStore::Open(const std::string& name, bool make,
                                   std::unique_ptr<RoomLog>* log) {
  const std::string path = absl::StrCat(folder_, "/", name, kSuffix);
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    if (!make) return absl::NotFoundError(absl::StrCat("there is no room ", name));
    const std::lock_guard<std::mutex> lock(making_);
    if (rooms_ >= max_rooms_) {
      return absl::ResourceExhaustedError(absl::StrCat("room ", name, " cannot be made: there are ",
                                                       max_rooms_,
                                                       " rooms, the limit of --max-rooms"));
    }
    rooms_++;
  }
  sqlite3* opened = nullptr;
  const int rc = sqlite3_open_v2(
      path.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
      nullptr);
  Connection db(opened);
  if (rc != SQLITE_OK) return ErrorOf(db.get(), name);
  sqlite3_busy_timeout(db.get(), kBusyMs);
  sqlite3_limit(db.get(), SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (sqlite3_exec(db.get(), kSettings, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return ErrorOf(db.get(), name);
  }
  char* error = nullptr;
  if (sqlite3_tributary_init(db.get(), &error, nullptr) != SQLITE_OK) {
    const std::string text = error == nullptr ? "" : error;
    sqlite3_free(error);
    return absl::InternalError(absl::StrCat("room ", name, ": ", text));
  }
  *log = std::make_unique<SqliteRoomLog>(name, std::move(db));
  return absl::OkStatus();
}

}  // namespace tributary::hub
