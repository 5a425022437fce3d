// The session that faults are injected into.
#ifndef TRIBUTARY_TESTS_FAULTS_SCRIPT_H_
#define TRIBUTARY_TESTS_FAULTS_SCRIPT_H_

#include <string>
#include <vector>

#include "tests/support/db.h"

namespace tributary::faults {

// Statements that follow one another; begins and ends outside of a transaction.
struct Step {
  std::string name;
  std::vector<std::string> statements;
};

struct Script {
  std::string name;
  bool wal = false;
  bool utf16 = false;  // the file's encoding: SQLite converts all text, which takes memory
  bool few = false;    // fewer points by default
  bool large = false;  // its steps take long: fewer points by default
  std::vector<Step> steps;
};

// Makes the file that a script begins with: plain tables, and the changes of another replica as
// rows (`incoming`) and as changesets (`pieces`). The extension never saw it.
void MakeFile(const std::string& path, const Script& script);

// Every kind of statement, on few rows. The kind of file is for the caller to set.
Script ShortScript(const std::string& name);
// Transactions above the size at which the captured operations are flushed early.
Script LargeScript();

// crsql_changesets, crsql_apply and crsql_version_vector.
Script ChangesetScript();
void FillPieces(testing::Db* file, testing::Db* other);

}  // namespace tributary::faults

#endif  // TRIBUTARY_TESTS_FAULTS_SCRIPT_H_
