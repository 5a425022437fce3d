// ext/SQL.md against what is there: its examples return what it shows; everything registered is in
// it, with its arguments, flags and columns, and nothing else is. The document's first lines say
// what an example is; an entry is a heading `### name(arguments)`, or `### name, kind`.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/ext/ext_test.h"
#include "tests/support/changesets.h"

namespace tributary::testing {
namespace {

using Problems = std::vector<std::string>;

struct Example {
  int line;  // of the document
  std::string sql;
};

struct Entry {
  std::string name;
  std::string kind = "function";
  int min_arguments = 0;
  int max_arguments = 0;
  std::vector<std::string> arguments;
  std::string signature;  // as they are written: "..." stands for those between
  std::string text;       // without the examples
  std::string examples;

  bool IsModule() const { return kind == "table-valued function" || kind == "virtual table"; }
  bool Names(const std::string& word) const {
    return text.find('`' + word + '`') != std::string::npos;
  }
};

struct Reference {
  std::map<std::string, Entry> entries;  // by heading: a function and a table may share a name
  std::vector<Example> examples;
  std::set<std::string> internal;

  bool Has(const std::string& name, const std::function<bool(const Entry&)>& is) const {
    for (const auto& [heading, entry] : entries) {
      if (entry.name == name && is(entry)) return true;
    }
    return false;
  }
};

bool IsFunction(const Entry& e) { return e.kind == "function"; }
bool IsModule(const Entry& e) { return e.IsModule(); }
bool IsStored(const Entry& e) { return e.kind == "table" || e.kind == "view"; }

std::string Document() {
  std::ifstream in(std::string(TRIBUTARY_SOURCE) + "/ext/SQL.md");
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Words(const std::string& text, const char* regex) {
  const std::regex word(regex);
  std::vector<std::string> words;
  for (std::sregex_iterator it(text.begin(), text.end(), word), end; it != end; ++it) {
    words.push_back((*it)[it->size() > 1 ? 1 : 0].str());
  }
  return words;
}

Entry ParseHeading(const std::smatch& heading) {
  Entry e;
  e.name = heading[1];
  if (heading[4].matched) e.kind = heading[4];
  const std::string arguments = heading[3];
  e.signature = arguments;
  e.arguments = Words(arguments, "\\w+");
  e.max_arguments = static_cast<int>(e.arguments.size());
  e.min_arguments = e.max_arguments - static_cast<int>(Words(arguments, "\\[").size());
  return e;
}

Reference Parse(const std::string& document) {
  static const std::regex kHeading("### (\\w+)(\\((.*)\\))?(?:, ([a-z -]+))?");
  Reference r;
  std::istringstream in(document);
  Entry* entry = nullptr;
  bool internal = false;
  bool example = false;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    number++;
    std::smatch heading;
    if (line == "```sql") {
      example = true;
      r.examples.push_back({number, ""});
    } else if (line == "```") {
      example = false;
    } else if (example) {
      r.examples.back().sql += line + '\n';
      if (entry != nullptr) entry->examples += line + '\n';
    } else if (std::regex_match(line, heading, kHeading)) {
      entry = &r.entries.emplace(line, ParseHeading(heading)).first->second;
    } else if (line.rfind("## ", 0) == 0) {
      entry = nullptr;
      internal = line == "## Internal";
    } else if (entry != nullptr) {
      entry->text += line + '\n';
    } else if (internal) {
      for (const std::string& name : Words(line, "`(\\w+)`")) r.internal.insert(name);
    }
  }
  return r;
}

// --- examples ------------------------------------------------------------------------------------

// Whether the text is the pattern, in which "..." stands for anything.
bool Matches(std::string_view text, std::string_view pattern) {
  const size_t dots = pattern.find("...");
  if (dots == std::string_view::npos) return text == pattern;
  if (text.substr(0, dots) != pattern.substr(0, dots)) return false;
  const std::string_view rest = pattern.substr(dots + 3);
  for (size_t at = dots; at <= text.size(); at++) {
    if (Matches(text.substr(at), rest)) return true;
  }
  return false;
}

class Runner {
 public:
  // What is wrong with one example; "" where nothing is.
  std::string Run(const Example& example) {
    std::istringstream in(example.sql);
    std::string sql;
    std::string wrong;
    Switch("a");
    for (std::string line; std::getline(in, line);) {
      if (sql.empty() && line.rfind("-- at ", 0) == 0) {
        wrong += Compare();
        Switch(line.substr(6));
      } else if (sql.empty() && line.rfind("-- ", 0) == 0) {
        expected_ += line.substr(3) + '\n';
      } else if (!line.empty()) {
        if (sql.empty()) wrong += Compare();
        sql += line + '\n';
        if (sqlite3_complete(sql.c_str()) == 0) continue;
        Execute(sql);
        sql.clear();
      }
    }
    wrong += Compare();
    return sql.empty() ? wrong : wrong + "not a complete statement: " + sql;
  }

 private:
  std::string Compare() {
    std::string wrong;
    if (!Matches(actual_, expected_)) {
      wrong = statement_ + "returned:\n" + actual_ + "and not:\n" + expected_;
    }
    actual_.clear();
    expected_.clear();
    return wrong;
  }

  void Switch(const std::string& name) {
    std::unique_ptr<Db>& db = dbs_[name];
    if (db == nullptr) {
      db = std::make_unique<Db>();
      db->Do(kFoo);
    }
    current_ = db.get();
  }

  void Execute(const std::string& sql) {
    statement_ = sql;
    sqlite3* db = current_->handle();
    sqlite3_stmt* stmt = nullptr;
    int rc = sqlite3_prepare_v2(db, sql.c_str(), -1, &stmt, nullptr);
    if (rc == SQLITE_OK) {
      Row parameters;
      for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
        parameters.push_back(values_[sqlite3_bind_parameter_name(stmt, i) + 1]);
      }
      BindAll(stmt, parameters);
      while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) Show(stmt);
    }
    if (rc != SQLITE_DONE) actual_ += std::string("Error: ") + sqlite3_errmsg(db) + '\n';
    sqlite3_finalize(stmt);
  }

  void Show(sqlite3_stmt* stmt) {
    const Row row = ReadRow(stmt);
    for (size_t i = 0; i < row.size(); i++) {
      values_[sqlite3_column_name(stmt, static_cast<int>(i))] = row[i];
      if (i > 0) actual_ += '|';
      actual_ += row[i].type == SQLITE_TEXT ? row[i].bytes : row[i].ToSql();
    }
    actual_ += '\n';
  }

  std::map<std::string, std::unique_ptr<Db>> dbs_;
  std::map<std::string, Cell> values_;
  Db* current_ = nullptr;
  std::string statement_;
  std::string actual_;
  std::string expected_;
};

Problems CheckExamples(const Reference& r) {
  Problems problems;
  for (const Example& example : r.examples) {
    const std::string wrong = Runner().Run(example);
    if (wrong.empty()) continue;
    problems.push_back("ext/SQL.md:" + std::to_string(example.line) + ": " + wrong);
  }
  return problems;
}

// --- names, arguments, flags, columns ------------------------------------------------------------

// A database that has everything which is made only when it is needed.
std::unique_ptr<Db> FullDatabase() {
  Db from;
  from.Do(std::string(kFoo) + "INSERT INTO foo VALUES (1, 2, 3), (2, 3, 4)");
  auto db = std::make_unique<Db>();
  db->Do(std::string(kFoo) + "INSERT OR REPLACE INTO foo VALUES (3, 4, 5)");
  MustApply(*db, Pieces(from, {.max_bytes = 1}).at(0));
  return db;
}

std::set<std::string> Names(Db& db, const std::string& sql) {
  std::set<std::string> names;
  for (const Row& row : db.Run(sql).rows) names.insert(row[0].bytes);
  return names;
}

// "*Innocuous, direct-only.*" at an entry's beginning.
std::string FlagsText(int64_t flags) {
  std::string text;
  const auto add = [&](int64_t flag, const char* name) {
    if ((flags & flag) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
  };
  add(SQLITE_INNOCUOUS, "innocuous");
  add(SQLITE_DETERMINISTIC, "deterministic");
  add(SQLITE_DIRECTONLY, "direct-only");
  return text;
}

std::string DocumentedFlags(const Entry& e) {
  std::smatch flags;
  const std::regex regex("\\s*\\*([A-Z][a-z, -]+)\\.\\*[^]*");
  if (!std::regex_match(e.text, flags, regex)) return "";
  std::string text = flags[1];
  text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

void CheckFunction(const Entry& e, Db& db, Problems* problems) {
  std::set<int64_t> counts;
  for (const Row& row :
       db.Run("SELECT narg, flags FROM pragma_function_list WHERE name = '" + e.name + "'").rows) {
    counts.insert(row[0].integer);
    if (FlagsText(row[1].integer) != DocumentedFlags(e)) {
      problems->push_back(e.name + ": its flags are: " + FlagsText(row[1].integer));
    }
  }
  std::set<int64_t> documented;
  for (int n = e.min_arguments; n <= e.max_arguments; n++) documented.insert(n);
  if (!counts.contains(-1) && counts != documented) {
    problems->push_back(e.name + ": takes another number of arguments");
  }
}

void CheckColumns(const Entry& e, Db& db, Problems* problems) {
  std::string hidden;
  for (const Row& row :
       db.Run("SELECT name, hidden FROM pragma_table_xinfo('" + e.name + "')").rows) {
    const std::string& column = row[0].bytes;
    if (row[1].integer != 0 && !e.arguments.empty()) {
      hidden += (hidden.empty() ? "" : ", ") + column;
    } else if (!e.Names(column)) {
      problems->push_back(e.name + ": its column " + column + " is not described");
    }
  }
  if (!Matches(hidden, e.signature)) problems->push_back(e.name + ": has other arguments");
}

void CheckEntry(const Entry& e, Problems* problems) {
  const auto must = [&](bool holds, const std::string& what) {
    if (!holds) problems->push_back(e.name + ": " + what);
  };
  must(e.examples.find(e.name) != std::string::npos, "has no example");
  if (IsStored(e)) return;
  must(e.text.find("Errors") != std::string::npos, "has no \"Errors\"");
  if (IsFunction(e)) must(e.text.find("Result:") != std::string::npos, "has no \"Result:\"");
  for (const std::string& a : e.arguments) must(e.Names(a), "argument " + a + " is not described");
}

Problems CheckEntries(const Reference& r) {
  const std::unique_ptr<Db> db = FullDatabase();
  Problems problems;
  std::set<std::string> registered;
  const auto find_all = [&](const std::string& sql, bool (*is)(const Entry&)) {
    const std::set<std::string> there = Names(*db, sql);
    for (std::string name : there) {
      if (name.rfind("foo__", 0) == 0) name = "T" + name.substr(3);
      registered.insert(name);
      const bool documented = r.Has(name, is);
      if (documented == r.internal.contains(name)) {
        problems.push_back(name + (documented ? ": public or internal?" : ": is not documented"));
      }
    }
    for (const auto& [heading, e] : r.entries) {
      if (!is(e) || there.contains(e.name)) continue;
      problems.push_back(heading + ": is not there");
    }
  };
  find_all("SELECT name FROM pragma_function_list WHERE name GLOB 'crsql_*'", IsFunction);
  find_all("SELECT name FROM pragma_module_list WHERE name GLOB 'crsql_*' OR name = 'clset'",
           IsModule);
  find_all("SELECT name FROM sqlite_schema WHERE name GLOB '*crsql_*' AND sql IS NOT NULL",
           IsStored);
  for (const std::string& name : r.internal) {
    if (!registered.contains(name)) problems.push_back(name + ": is not there");
  }
  for (const auto& [heading, e] : r.entries) {
    CheckEntry(e, &problems);
    if (IsFunction(e)) {
      CheckFunction(e, *db, &problems);
    } else {
      CheckColumns(e, *db, &problems);
    }
  }
  return problems;
}

std::string Text(const Problems& problems) {
  std::string text;
  for (const std::string& p : problems) text += p + '\n';
  return text;
}

TEST(SqlReference, ExamplesReturnWhatTheyShow) {
  const Reference r = Parse(Document());
  EXPECT_GT(r.examples.size(), 30u);
  EXPECT_EQ(Text(CheckExamples(r)), "");
}

TEST(SqlReference, IsComplete) { EXPECT_EQ(Text(CheckEntries(Parse(Document()))), ""); }

// The checks themselves: each damage to the document is found.
TEST(SqlReference, DamageIsFound) {
  const std::string document = Document();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = document;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return Parse(text);
  };
  const auto found = [](const Reference& r) { return Text(CheckEntries(r)); };
  EXPECT_EQ(found(with("### crsql_uuid7()", "### crsql_uuid9()")),
            "crsql_uuid7: is not documented\n### crsql_uuid9(): is not there\n"
            "crsql_uuid9: has no example\ncrsql_uuid9: takes another number of arguments\n");
  EXPECT_EQ(found(with("*Innocuous.* Result: a new UUID", "Result: a new UUID")),
            "crsql_uuid7: its flags are: innocuous\n");
  EXPECT_EQ(found(with("### crsql_uuid7()", "### crsql_uuid7([a])")),
            "crsql_uuid7: argument a is not described\n"
            "crsql_uuid7: takes another number of arguments\n");
  EXPECT_EQ(found(with("Result: a new UUID", "Returns a new UUID")),
            "crsql_uuid7: has no \"Result:\"\n");
  EXPECT_EQ(found(with("`log_bytes`", "log_bytes")),
            "crsql_info: its column log_bytes is not described\n");
  EXPECT_EQ(found(with(", `crsql_pending_rows`", "")), "crsql_pending_rows: is not documented\n");
  EXPECT_EQ(found(with("`crsql_master`", "`crsql_mister`")),
            "crsql_master: is not documented\ncrsql_mister: is not there\n");
  EXPECT_EQ(CheckExamples(with("-- finalized", "-- finalised")).size(), 1u);
  EXPECT_EQ(CheckExamples(with("-- finalized\n", "")).size(), 1u);
  EXPECT_EQ(CheckExamples(with("SELECT crsql_finalize();\n", "")).size(), 1u);
  EXPECT_EQ(CheckExamples(with("SELECT crsql_finalize();", "SELECT crsql_finalize()")).size(), 1u);
}

}  // namespace
}  // namespace tributary::testing
