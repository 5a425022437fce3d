// One connection of the tested program. Faults happen in it, while armed, and nowhere else.
#ifndef TRIBUTARY_TESTS_FAULTS_SESSION_H_
#define TRIBUTARY_TESTS_FAULTS_SESSION_H_

#include <sqlite3.h>

#include <functional>
#include <string>

#include "tests/support/db.h"

namespace tributary::faults {

// A C++ exception came out of a call into SQLite.
constexpr int kEscaped = -1;

class Session {
 public:
  explicit Session(std::string path) : path_(std::move(path)) {}
  // Leaves an unclosed connection alone: after some failures nothing else is safe.
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  testing::Outcome Open();
  // One statement, or ".open": closes, opens and loads again.
  testing::Outcome Run(const std::string& sql);
  // Several, without faults; throws where one fails.
  std::string Get(const std::string& sql);
  bool is_open() const { return db_ != nullptr; }
  bool autocommit() const { return db_ == nullptr || sqlite3_get_autocommit(db_) != 0; }
  int Close();

 private:
  testing::Outcome Failed(int rc);

  std::string path_;
  sqlite3* db_ = nullptr;
};

// What others can see of a database. The digest counts only between databases of the same site.
struct State {
  std::string text;
  std::string site;
  std::string digest;
  bool operator==(const State& other) const {
    return text == other.text && (site != other.site || digest == other.digest);
  }
};
State StateOf(Session* session);
// Throws where integrity_check or crsql_check finds something.
void RequireHealthy(Session* session);

}  // namespace tributary::faults

#endif  // TRIBUTARY_TESTS_FAULTS_SESSION_H_
