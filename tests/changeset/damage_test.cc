// Bodies that no builder makes: damaged, or forged to cost their reader much.
#include "tests/crdt/damage.h"

#include <gtest/gtest.h>

#include "crdt/key.h"
#include "sync/changeset/builder.h"
#include "sync/changeset/pbf.h"
#include "sync/changeset/reader.h"
#include "tests/changeset/sample.h"

namespace tributary {
namespace {

using pbf::pbf_writer;

template <typename F>
std::string Message(F f) {
  std::string data;
  pbf_writer out(data);
  f(&out);
  return data;
}

std::string Varints(const std::vector<uint64_t>& numbers) {
  std::string s;
  for (const uint64_t n : numbers) PutVarint(&s, n);
  return s;
}

// The parts of a body of table t(k; a, b), which a test replaces one by one. As it stands it is one
// transaction with one row, whose cells are 'x' and 1.
struct Parts {
  std::string site = std::string(16, 's');
  std::string table = Message([](pbf_writer* out) {
    out->add_string(1, "t");
    out->add_string(2, "k");
    out->add_string(3, "a");
    out->add_string(3, "b");
  });
  std::string tx_site = Varints({0, 1});
  std::string tx_version = Varints({1});
  std::string tx_commit_ms = Varints({0});
  std::string tx_ts = Varints({0, 1});
  std::string tx_backfill = Varints({0, 1});
  uint32_t row_table = 0;
  std::string shape = Shape({1, 2});
  std::string transaction = Varints({0, 1});
  std::string shapes = Varints({0, 1});
  std::string cl = Varints({1, 1});
  std::string seq = Varints({0, 2});   // zigzag
  std::string keys = Varints({0x10});  // the integer 0
  std::string a = Column(0, {2, 1}, Varints({1}), "x");
  std::string b = Column(1, {4, 1}, "", "", Varints({2}));
  std::string more_rows;  // fields of Rows
  std::string more;       // fields of Body

  static std::string Shape(const std::vector<uint64_t>& cells,
                           const std::vector<uint64_t>& offsets = {}) {
    return Message([&](pbf_writer* out) {
      pbf::AddBytes(out, 1, Varints(cells));
      if (!offsets.empty()) pbf::AddBytes(out, 2, Varints(offsets));
    });
  }
  static std::string Column(uint32_t n, const std::vector<uint64_t>& types,
                            const std::string& lengths = "", const std::string& data = "",
                            const std::string& integers = "", const std::string& reals = "",
                            const std::vector<uint64_t>& versions = {1, 1}) {
    return Message([&](pbf_writer* out) {
      out->add_uint32(1, n);
      pbf::AddBytes(out, 2, Varints(versions));
      pbf::AddBytes(out, 3, Varints(types));
      pbf::AddBytes(out, 4, integers);
      pbf::AddBytes(out, 5, reals);
      pbf::AddBytes(out, 6, lengths);
      pbf::AddBytes(out, 7, data);
    });
  }
  std::string Rows() const {
    return Message([&](pbf_writer* out) {
             out->add_uint32(1, row_table);
             if (!shape.empty()) pbf::AddBytes(out, 2, shape);
             pbf::AddBytes(out, 3, transaction);
             pbf::AddBytes(out, 4, shapes);
             pbf::AddBytes(out, 5, cl);
             pbf::AddBytes(out, 6, seq);
             pbf::AddBytes(out, 7, keys);
             if (!a.empty()) pbf::AddBytes(out, 8, a);
             if (!b.empty()) pbf::AddBytes(out, 8, b);
           }) +
           more_rows;
  }
  std::string Body() const {
    return Message([&](pbf_writer* out) {
             pbf::AddBytes(out, 1, site);
             pbf::AddBytes(out, 2, table);
             {
               pbf_writer transactions(*out, 3);
               pbf::AddBytes(&transactions, 1, tx_site);
               pbf::AddBytes(&transactions, 2, tx_version);
               pbf::AddBytes(&transactions, 3, tx_commit_ms);
               pbf::AddBytes(&transactions, 4, tx_ts);
               pbf::AddBytes(&transactions, 5, tx_backfill);
             }
             pbf::AddBytes(out, 4, Rows());
           }) +
           more;
  }
};

bool Reads(std::string_view body) {
  Sample sample;
  std::string error;
  bool ok = false;
  WithExactCopy(body, [&](std::string_view copy) { ok = ReadSample(copy, &sample, &error); });
  EXPECT_EQ(ok, error.empty());
  return ok;
}

// Whether a body is read with `part` changed.
template <typename T>
bool ReadsWith(T Parts::*part, const T& value) {
  Parts parts;
  parts.*part = value;
  return Reads(parts.Body());
}

std::string AsField(uint32_t field, const std::string& bytes) {
  return Message([&](pbf_writer* out) { pbf::AddBytes(out, field, bytes); });
}

TEST(BodyDamage, PartsAreABody) {
  Sample sample;
  std::string error;
  const std::string body = Parts().Body();
  ASSERT_TRUE(ReadSample(body, &sample, &error)) << error;
  EXPECT_EQ(sample.Text(),
            "table x74 key x6b columns x61 x62\n"
            "transaction 73737373737373737373737373737373 1 0 0\n"
            "row 0 0 x10 1 0:0:1:t78 1:1:1:i1\n");
}

TEST(BodyDamage, PrefixesAndBitFlips) {
  std::vector<std::string> bodies{Parts().Body()};
  for (uint64_t seed = 1; seed <= 10; seed++) {
    bodies.push_back(Maker(seed).Changeset(3).ToBody());
    if (bodies.back().size() > 2000) bodies.pop_back();
  }
  for (const std::string& body : bodies) {
    const auto try_it = [](std::string_view damaged) {
      Sample sample;
      std::string error;
      if (!ReadSample(damaged, &sample, &error)) return;
      // What can be read can be built and read again; without transactions nothing is built.
      if (sample.transactions.empty()) return;
      Sample again;
      ASSERT_TRUE(ReadSample(sample.ToBody(), &again, &error)) << error;
      ASSERT_EQ(again.Text(), sample.Text());
    };
    ForEachPrefix(body, try_it);
    ForEachBitFlip(body, try_it);
  }
}

TEST(BodyDamage, Tables) {
  const auto table = [](const std::vector<std::pair<uint32_t, std::string>>& fields) {
    return Message([&](pbf_writer* out) {
      for (const auto& [field, name] : fields) out->add_string(field, name);
    });
  };
  EXPECT_FALSE(ReadsWith(&Parts::table, table({{2, "k"}, {3, "a"}, {3, "b"}}))) << "no name";
  EXPECT_FALSE(ReadsWith(&Parts::table, table({{1, "t"}, {3, "a"}, {3, "b"}}))) << "no key";
  EXPECT_FALSE(ReadsWith(&Parts::table, table({{1, "t"}, {2, "k"}, {3, "a"}}))) << "no column b";
  EXPECT_TRUE(ReadsWith(&Parts::table, table({{1, "t"}, {2, "k"}, {3, "a"}, {3, ""}})));
  for (const char* twice : {"a", "k"}) {
    EXPECT_FALSE(ReadsWith(&Parts::table, table({{1, "t"}, {2, "k"}, {3, "a"}, {3, twice}})));
  }
  EXPECT_FALSE(ReadsWith(&Parts::table, table({{1, "t"}, {2, "k"}, {2, "k"}, {3, "a"}})));
  EXPECT_TRUE(ReadsWith(&Parts::more, AsField(2, table({{1, "u"}, {2, "k"}}))));
  EXPECT_TRUE(ReadsWith(&Parts::more, AsField(2, table({{1, "t"}, {2, "k"}})))) << "other columns";
  EXPECT_FALSE(ReadsWith(&Parts::more, AsField(2, table({{1, "t"}, {2, "k"}, {3, "a"}, {3, "b"}}))))
      << "twice t";
  EXPECT_FALSE(ReadsWith(&Parts::more, AsField(4, Parts().Rows()))) << "rows of t twice";
  EXPECT_FALSE(ReadsWith(&Parts::row_table, 1U));
  EXPECT_FALSE(ReadsWith(&Parts::row_table, UINT32_MAX));
}

TEST(BodyDamage, Transactions) {
  EXPECT_FALSE(ReadsWith(&Parts::site, std::string(15, 's')));
  EXPECT_FALSE(ReadsWith(&Parts::tx_site, Varints({1, 1}))) << "there is one site";
  EXPECT_FALSE(ReadsWith(&Parts::tx_site, Varints({0, 2}))) << "more than versions";
  EXPECT_FALSE(ReadsWith(&Parts::tx_site, Varints({0, 0}))) << "a run of none";
  EXPECT_FALSE(ReadsWith(&Parts::tx_site, Varints({0}))) << "half a run";
  EXPECT_FALSE(ReadsWith(&Parts::tx_ts, std::string()));
  EXPECT_FALSE(ReadsWith(&Parts::tx_ts, Varints({0, 1, 0, 1})));
  EXPECT_FALSE(ReadsWith(&Parts::tx_backfill, Varints({0, 2})));
  EXPECT_FALSE(ReadsWith(&Parts::tx_commit_ms, Varints({0, 0})));
  EXPECT_TRUE(ReadsWith(&Parts::tx_commit_ms, Varints({UINT64_MAX})));
  const auto max = static_cast<uint64_t>(kMaxVersion.value);
  EXPECT_TRUE(ReadsWith(&Parts::tx_version, Varints({max})));
  for (const uint64_t bad : {uint64_t{0}, max + 1, max + 2, UINT64_MAX}) {
    EXPECT_FALSE(ReadsWith(&Parts::tx_version, Varints({bad}))) << bad;
  }
  Parts two;
  two.tx_site = two.tx_ts = two.tx_backfill = Varints({0, 2});
  two.tx_commit_ms = Varints({0, 0});
  two.tx_version = Varints({max - 1, 1});
  EXPECT_TRUE(Reads(two.Body()));
  for (const uint64_t bad : {uint64_t{0}, uint64_t{2}, UINT64_MAX}) {
    two.tx_version = Varints({max - 1, bad});
    EXPECT_FALSE(Reads(two.Body())) << bad;
  }
}

TEST(BodyDamage, NumberOfTransactionsIsBounded) {
  Parts p;
  const size_t most = ChangesetBuilder::kMaxTransactions;
  for (const size_t n : {most, most + 1}) {
    p.tx_site = p.tx_ts = p.tx_backfill = Varints({0, n});
    p.tx_version = std::string(n, '\1');
    p.tx_commit_ms = std::string(n, '\0');
    EXPECT_EQ(Reads(p.Body()), n == most);
  }
}

TEST(BodyDamage, Shapes) {
  const auto reads = [](const std::vector<uint64_t>& cells,
                        const std::vector<uint64_t>& offsets = {}) {
    return ReadsWith(&Parts::shape, Parts::Shape(cells, offsets));
  };
  EXPECT_TRUE(reads({2, 1}));
  EXPECT_TRUE(reads({0, 1, 2}));
  EXPECT_TRUE(reads({1, 2}, {0, 1}));
  EXPECT_TRUE(reads({1, 2}, {0, 7}));
  EXPECT_FALSE(reads({})) << "no records";
  EXPECT_FALSE(reads({1, 3})) << "no such column";
  EXPECT_FALSE(reads({1, 1})) << "a column twice";
  EXPECT_FALSE(reads({0, 0, 1, 2})) << "the sentinel twice";
  EXPECT_FALSE(reads({1})) << "a column has a cell more";
  EXPECT_FALSE(reads({1, 2}, {0})) << "an offset less";
  EXPECT_FALSE(reads({1, 2}, {0, 1, 2}));
  EXPECT_FALSE(reads({1, 2}, {1, 2})) << "the first is the row's";
  EXPECT_FALSE(reads({1, 2, 0}, {0, 5, 4})) << "descending";
  EXPECT_FALSE(reads({1, 2}, {0, static_cast<uint64_t>(kMaxCounter) + 1}));
  EXPECT_FALSE(reads({1, 2}, {0, UINT64_MAX}));
  EXPECT_FALSE(ReadsWith(&Parts::shape, std::string())) << "no shape";
  EXPECT_FALSE(ReadsWith(&Parts::shapes, Varints({1, 1})));
}

TEST(BodyDamage, RowNumbers) {
  const auto most = static_cast<uint64_t>(kMaxCounter);
  EXPECT_FALSE(ReadsWith(&Parts::transaction, Varints({1, 1})));
  EXPECT_FALSE(ReadsWith(&Parts::transaction, Varints({0, 2})));
  EXPECT_TRUE(ReadsWith(&Parts::cl, Varints({most - 1, 1})));
  EXPECT_FALSE(ReadsWith(&Parts::cl, Varints({0, 1})));
  EXPECT_FALSE(ReadsWith(&Parts::cl, Varints({most + 1, 1})));
  EXPECT_FALSE(ReadsWith(&Parts::cl, Varints({2, 1}))) << "a dead row has no cells";
  EXPECT_FALSE(ReadsWith(&Parts::cl, std::string()));
  // The row's last record has the seq that follows.
  EXPECT_TRUE(ReadsWith(&Parts::seq, Varints({2 * (most - 1), 2})));
  EXPECT_FALSE(ReadsWith(&Parts::seq, Varints({2 * most, 2})));
  EXPECT_FALSE(ReadsWith(&Parts::seq, Varints({1, 2}))) << "below 0";
  for (const uint64_t bad : {UINT64_MAX, UINT64_MAX - 1}) {
    EXPECT_FALSE(ReadsWith(&Parts::seq, Varints({bad, 2})));
  }
  for (const uint64_t count : {0, 1, 3, 4}) {
    EXPECT_FALSE(ReadsWith(&Parts::seq, Varints({0, count}))) << count;
  }
  EXPECT_FALSE(ReadsWith(&Parts::keys, std::string())) << "no rows, but cells";
  EXPECT_FALSE(ReadsWith(&Parts::keys, Varints({0x10, 0x10})));
  EXPECT_FALSE(ReadsWith(&Parts::keys, Varints({0x11})));
  EXPECT_FALSE(ReadsWith(&Parts::keys, Varints({0})));
}

TEST(BodyDamage, RowsComeInTheOrderOfTheirTransactions) {
  Parts p;
  p.tx_site = p.tx_ts = p.tx_backfill = Varints({0, 2});
  p.tx_version = Varints({1, 1});
  p.tx_commit_ms = Varints({0, 0});
  p.shapes = Varints({0, 2});
  p.seq = Varints({0, 4});
  p.cl = Varints({2, 2});
  p.shape = Parts::Shape({0});
  p.a = p.b = "";
  p.keys = Varints({0x10, 0x10});
  p.transaction = Varints({0, 1, 1, 1});
  EXPECT_TRUE(Reads(p.Body()));
  p.transaction = Varints({1, 1, 0, 1});
  EXPECT_FALSE(Reads(p.Body()));
}

TEST(BodyDamage, Cells) {
  const auto most = static_cast<uint64_t>(kMaxCounter);
  const auto reads = [](const std::string& column) { return ReadsWith(&Parts::a, column); };
  EXPECT_TRUE(reads(Parts::Column(0, {0, 1})));
  EXPECT_TRUE(reads(Parts::Column(0, {3, 1}, "", "", "", std::string(8, '\0'))));
  EXPECT_FALSE(reads(Parts::Column(0, {5, 1}))) << "no such type";
  EXPECT_FALSE(reads(Parts::Column(0, {0, 2}))) << "more than rows";
  EXPECT_FALSE(reads(Parts::Column(0, {2, 1}, Varints({2}), "x"))) << "too short";
  EXPECT_FALSE(reads(Parts::Column(0, {2, 1}, Varints({1}), "xy"))) << "too long";
  EXPECT_FALSE(reads(Parts::Column(0, {2, 1}, Varints({UINT64_MAX}), "xy")));
  EXPECT_FALSE(reads(Parts::Column(0, {0, 1}, Varints({0})))) << "a length for nothing";
  EXPECT_FALSE(reads(Parts::Column(0, {3, 1}, "", "", "", std::string(7, '\0'))));
  EXPECT_FALSE(reads(Parts::Column(0, {3, 1}, "", "", "", std::string(8, '\xff')))) << "NaN";
  EXPECT_FALSE(reads(Parts::Column(0, {4, 1}))) << "no integer";
  for (const uint64_t version : {uint64_t{0}, most, most + 1, UINT64_MAX}) {
    EXPECT_EQ(reads(Parts::Column(0, {0, 1}, "", "", "", "", {version, 1})), version == most);
  }
  EXPECT_FALSE(reads("")) << "no column a";
  EXPECT_FALSE(reads(Parts::Column(2, {0, 1}))) << "no such column";
  EXPECT_FALSE(ReadsWith(&Parts::more_rows, AsField(8, Parts().a))) << "column a twice";
  EXPECT_FALSE(reads(Message([](pbf_writer* out) { pbf::AddBytes(out, 2, Varints({1, 1})); })));
}

// Found by thinking of what a megabyte of zstd can become: names, shapes and columns of no bytes,
// each of which would take dozens of bytes here; and cells that cost nothing.
TEST(BodyDamage, WhatCostsNothingIsCounted) {
  const auto repeated = [](const std::string& field, size_t n) {
    std::string s;
    for (size_t i = 0; i < n; i++) s += field;
    return s;
  };
  Parts p;
  p.table += repeated(AsField(3, ""), 40000000);
  EXPECT_FALSE(Reads(p.Body()));
  p = {};
  p.more_rows = repeated(AsField(2, ""), 5000000);
  EXPECT_FALSE(Reads(p.Body()));
  p.more_rows = repeated(AsField(8, ""), 5000000);
  EXPECT_FALSE(Reads(p.Body()));
  p = {};
  const uint64_t rows = ChangesetBuilder::kMaxCells / 2 + 1;
  p.keys = std::string(rows, '\x10');
  p.transaction = p.shapes = Varints({0, rows});
  p.seq = Varints({0, 2 * rows});
  p.cl = Varints({1, rows});
  p.a = Parts::Column(0, {0, rows}, "", "", "", "", {1, rows});
  p.b = Parts::Column(1, {0, rows}, "", "", "", "", {1, rows});
  std::string error;
  EXPECT_FALSE(ChangesetReader().Open(p.Body(), &error));
  p.a = "";
  EXPECT_TRUE(ChangesetReader().Open(p.Body(), &error));
}

TEST(BodyDamage, UnknownFieldsAndWireTypesAreSkipped) {
  const std::string odd = Message([](pbf_writer* out) {
    out->add_uint64(100, 5);
    out->add_bytes(101, "x", 1);
    for (const uint32_t field : {1, 2, 3, 4, 5, 6, 7, 8}) out->add_fixed32(field, 5);
    for (const uint32_t field : {1, 2, 3, 4, 5, 6, 7, 8}) out->add_fixed64(field, 5);
  });
  Parts p;
  const std::string body = p.Body();
  p.table += odd;
  p.shape += odd;
  p.a = odd + p.a;
  p.b += odd;
  p.more_rows = odd;
  p.more = odd;
  Sample plain;
  Sample with_more;
  std::string error;
  ASSERT_TRUE(ReadSample(body, &plain, &error));
  const std::string longer = odd + p.Body();
  ASSERT_TRUE(ReadSample(longer, &with_more, &error)) << error;
  EXPECT_EQ(with_more.Text(), plain.Text());
  // A table's number is a varint: as bytes it is not there, which is table 0.
  p.more_rows = AsField(1, "\1");
  EXPECT_TRUE(Reads(p.Body()));
}

}  // namespace
}  // namespace tributary
