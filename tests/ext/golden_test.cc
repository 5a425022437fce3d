// Golden scripts: every tests/sql/NAME.sql is run and its transcript compared with NAME.expected.
// To write the transcripts anew (and then to read them with care): GOLDEN_UPDATE=1.
//
// A script is SQL, one statement after another, with lines of its own that start with a dot:
//   .db NAME     switch to the in-memory database NAME; made, with the extension, if it is new
//   .plain NAME  the same without the extension
//   .load        load the extension into the current database
// The first database is `a`. Site ids print as <a>, <b> and so on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"

namespace tributary::testing {
namespace {

namespace fs = std::filesystem;

fs::path Folder() { return fs::path(TRIBUTARY_SOURCE) / "tests" / "sql"; }

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void ReplaceAll(std::string* text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

class Script {
 public:
  std::string Run(std::istream& in) {
    Switch("a", true);
    std::string pending;
    for (std::string line; std::getline(in, line);) {
      transcript_ += line + '\n';
      if (pending.empty() && !line.empty() && line[0] == '.') {
        Command(line);
        continue;
      }
      if (pending.empty() && (line.empty() || line.rfind("--", 0) == 0)) continue;
      pending += line + '\n';
      if (sqlite3_complete(pending.c_str()) == 0) continue;
      Execute(pending);
      pending.clear();
    }
    return transcript_;
  }

 private:
  void Command(const std::string& line) {
    std::istringstream words(line);
    std::string command, name;
    words >> command >> name;
    if (command == ".db") {
      Switch(name, true);
    } else if (command == ".plain") {
      Switch(name, false);
    } else if (command == ".load") {
      std::string error;
      if (LoadExtension(current_->handle(), &error) != SQLITE_OK) {
        transcript_ += "error: " + error + '\n';
      }
    } else {
      transcript_ += "unknown command\n";
    }
  }

  void Switch(const std::string& name, bool extension) {
    std::unique_ptr<Db>& db = dbs_[name];
    if (db == nullptr) {
      db = std::make_unique<Db>(":memory:", Db::Options{.extension = extension});
    }
    current_ = db.get();
  }

  void Execute(const std::string& sql) {
    std::string text = current_->Get(sql);
    for (const auto& [name, db] : dbs_) {
      const Outcome site = db->Run("SELECT crsql_site_id()");
      if (site.ok()) ReplaceAll(&text, site.rows[0][0].ToSql(), "<" + name + ">");
    }
    if (!text.empty()) transcript_ += text + '\n';
  }

  std::map<std::string, std::unique_ptr<Db>> dbs_;
  Db* current_ = nullptr;
  std::string transcript_;
};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(Folder())) {
    if (entry.path().extension() == ".sql") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, Transcript) {
  std::ifstream in(Folder() / (GetParam() + ".sql"));
  const std::string transcript = Script().Run(in);
  const fs::path expected = Folder() / (GetParam() + ".expected");
  if (std::getenv("GOLDEN_UPDATE") != nullptr) {
    std::ofstream(expected) << transcript;
    GTEST_SKIP() << "written: " << expected;
  }
  EXPECT_EQ(transcript, ReadFile(expected));
}

INSTANTIATE_TEST_SUITE_P(All, Golden, ::testing::ValuesIn(Names()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace tributary::testing
