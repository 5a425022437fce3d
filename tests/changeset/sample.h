// Changesets as plain data, for tests: made at random, built into bytes, read back, and written as
// text that a program in another language can write, too.
#ifndef TRIBUTARY_TESTS_CHANGESET_SAMPLE_H_
#define TRIBUTARY_TESTS_CHANGESET_SAMPLE_H_

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "crdt/ids.h"
#include "crdt/value.h"
#include "sync/changeset/builder.h"
#include "sync/changeset/header.h"

namespace tributary {

struct SampleRecord {
  int column = -1;  // -1: the sentinel, which has neither version nor value
  Seq seq;
  ColVersion version;
  Value value;  // its bytes are in `bytes`
  std::string bytes;
};

struct SampleRow {
  uint32_t table = 0;
  uint32_t transaction = 0;
  std::string key;
  CausalLength cl{1};
  std::vector<SampleRecord> records;  // at least one
};

struct Sample {
  std::vector<TableNames> tables;
  std::vector<TransactionInfo> transactions;
  std::vector<SampleRow> rows;  // in the order of their transactions

  // What the builder makes of it; ToBody takes it out of the frame again.
  std::string ToFrame(const ChangesetHeader& header) const;
  std::string ToBody() const;
  // One line per table, transaction and row; the rows by table.
  std::string Text() const;
};

// Reads a body through to its end. False, with what is wrong, where it is malformed.
bool ReadSample(std::string_view body, Sample* sample, std::string* error);

// The frame with the checksum that its other bytes ought to have. Shorter than a frame's start it
// stays as it is.
std::string Reseal(std::string frame);

// A source of anything; the same seed gives the same.
class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}
  // 0 .. n - 1. REQUIRES: n > 0.
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // Small mostly, now and then near the largest. REQUIRES: most > 0.
  int64_t UpTo(int64_t most);
  SiteId Site();
  std::string Bytes(size_t most);
  // UTF-8, not empty; `n` makes it another one than those of other numbers.
  std::string Name(size_t n);
  // Any type; text is any bytes, as in SQLite. A record of a column other than -1 gets it.
  void SetValue(SampleRecord* record);
  std::string Key(size_t width);
  VersionVector Vector(size_t most);
  Coverage Spans(size_t most);
  ChangesetHeader Header();
  Have KnownBySomebody();
  // About `rows` rows; 0 makes one with no rows.
  Sample Changeset(size_t rows);

 private:
  void AddRow(Sample* sample, Seq* next);
  std::mt19937_64 random_;
};

// As text, like Sample::Text.
std::string ToText(const ChangesetHeader& header);
std::string ToText(const Have& have);

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_CHANGESET_SAMPLE_H_
