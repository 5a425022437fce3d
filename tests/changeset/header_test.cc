#include "sync/changeset/header.h"

#include <gtest/gtest.h>

#include "sync/changeset/pbf.h"
#include "tests/changeset/sample.h"
#include "tests/crdt/damage.h"

namespace tributary {
namespace {

using pbf::pbf_writer;

constexpr char kNoHeader[] = "the changeset's header is malformed";
constexpr char kNoHave[] = "malformed version vector: pass what crsql_version_vector() returned";

SiteId Site(uint8_t first) {
  SiteId id;
  id.bytes[0] = first;
  return id;
}

// A message made field by field.
template <typename F>
std::string Message(F f) {
  std::string data;
  pbf_writer out(data);
  f(&out);
  return data;
}

std::string SiteVersion(uint8_t site, uint64_t version) {
  return Message([&](pbf_writer* out) {
    pbf::AddSite(out, 1, Site(site));
    out->add_uint64(2, version);
  });
}

std::string Span(uint8_t site, const std::vector<uint64_t>& numbers) {
  return Message([&](pbf_writer* out) {
    pbf::AddSite(out, 1, Site(site));
    for (size_t i = 0; i < numbers.size(); i++) {
      out->add_uint64(static_cast<uint32_t>(2 + i), numbers[i]);
    }
  });
}

std::string HeaderError(std::string_view data) {
  ChangesetHeader h;
  std::string error;
  WithExactCopy(data, [&](std::string_view copy) {
    const bool read = h.Decode(copy, &error);
    EXPECT_EQ(read, error.empty());
  });
  return error;
}

// With a sender and what f adds.
template <typename F>
std::string HeaderWith(F f) {
  return Message([&](pbf_writer* out) {
    pbf::AddSite(out, 1, Site(9));
    f(out);
  });
}

std::string HaveError(std::string_view data) {
  Have have;
  have.known.Raise(Site(1), DbVersion(1));
  std::string error;
  WithExactCopy(data, [&](std::string_view copy) {
    const bool read = have.Decode(copy, &error);
    EXPECT_EQ(read, error.empty());
  });
  if (!error.empty()) {
    EXPECT_EQ(ToText(have), "") << "nothing is left of what was refused";
  }
  return error;
}

std::string HaveOf(uint32_t field, const std::vector<std::string>& messages) {
  return Message([&](pbf_writer* out) {
    for (const std::string& m : messages) pbf::AddBytes(out, field, m);
  });
}

TEST(Header, RoundTrip) {
  for (uint64_t seed = 1; seed <= 300; seed++) {
    const ChangesetHeader h = Maker(seed).Header();
    ChangesetHeader read = Maker(seed + 1).Header();
    std::string error;
    ASSERT_TRUE(read.Decode(h.Encode(), &error)) << seed << ": " << error;
    ASSERT_EQ(ToText(read), ToText(h)) << seed;
    ASSERT_EQ(read.Encode(), h.Encode()) << seed;
  }
}

TEST(Header, GoldenBytes) {
  ChangesetHeader h{.sender = Site(1), .transfer = 2, .piece = 3, .last = true};
  h.until.Raise(Site(4), DbVersion(300));
  h.covers = {{Site(4), {DbVersion(0), Seq(5)}, After(DbVersion(300))}};
  h.tables = {"t"};
  h.transactions = 6;
  h.continues = true;
  EXPECT_EQ(Hex(h.Encode()),
            Hex(Unhex("0a10 01000000000000000000000000000000"              // sender
                      "11 0200000000000000 1803 2001"                      // transfer, piece, last
                      "2a15 0a10 04000000000000000000000000000000 10ac02"  // until
                      "3217 0a10 04000000000000000000000000000000 1805 20ad02"  // covers
                      "3a0174 4006 4800 5000 5801")));  // tables, counts, continues
}

TEST(Header, DamageIsRefusedOrHarmless) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    const std::string data = Maker(seed).Header().Encode();
    const auto try_it = [](std::string_view damaged) {
      ChangesetHeader h;
      std::string error;
      if (!h.Decode(damaged, &error)) {
        ASSERT_EQ(error, kNoHeader);
        return;
      }
      // What was read can be written and read again.
      ChangesetHeader again;
      ASSERT_TRUE(again.Decode(h.Encode(), &error));
      ASSERT_EQ(ToText(again), ToText(h));
    };
    ForEachPrefix(data, try_it);
    ForEachBitFlip(data, try_it);
  }
}

TEST(Header, NeedsItsSender) {
  EXPECT_EQ(HeaderError(""), kNoHeader);
  EXPECT_EQ(HeaderError(HeaderWith([](pbf_writer*) {})), "");
  EXPECT_EQ(HeaderError(Message([](pbf_writer* out) { out->add_bytes(1, "short", 5); })),
            kNoHeader);
  EXPECT_EQ(HeaderError(Message([](pbf_writer* out) { out->add_fixed64(2, 5); })), kNoHeader);
}

TEST(Header, VectorsAscend) {
  const auto until = [](const std::vector<std::string>& entries) {
    return HeaderError(HeaderWith([&](pbf_writer* out) {
      for (const std::string& e : entries) pbf::AddBytes(out, 5, e);
    }));
  };
  const auto max = static_cast<uint64_t>(kMaxVersion.value);
  EXPECT_EQ(until({SiteVersion(1, 7), SiteVersion(2, 1), SiteVersion(3, max)}), "");
  EXPECT_EQ(until({SiteVersion(2, 7), SiteVersion(1, 7)}), kNoHeader);
  EXPECT_EQ(until({SiteVersion(1, 7), SiteVersion(1, 8)}), kNoHeader);
  for (const uint64_t bad : {uint64_t{0}, max + 1, max + 2, UINT64_MAX}) {
    EXPECT_EQ(until({SiteVersion(1, bad)}), kNoHeader) << bad;
  }
  EXPECT_EQ(until({""}), kNoHeader);
}

TEST(Header, SpansAreSpans) {
  const auto covers = [](const std::string& span) {
    return HeaderError(HeaderWith([&](pbf_writer* out) { pbf::AddBytes(out, 6, span); }));
  };
  const auto most = static_cast<uint64_t>(INT64_MAX);
  EXPECT_EQ(covers(Span(1, {0, 0, 1})), "");
  EXPECT_EQ(covers(Span(1, {1, 2, 1, 3})), "");
  EXPECT_EQ(covers(Span(1, {0, 0, most, 0})), "");
  for (const std::vector<uint64_t>& bad : std::vector<std::vector<uint64_t>>{{},
                                                                             {1, 0, 1, 0},
                                                                             {1, 1, 1, 0},
                                                                             {2, 0, 1, 9},
                                                                             {0, 0, most + 1},
                                                                             {0, 0, UINT64_MAX},
                                                                             {0, UINT64_MAX, 1, 0},
                                                                             {0, 0, 1, most + 1}}) {
    EXPECT_EQ(covers(Span(1, bad)), kNoHeader);
  }
  EXPECT_EQ(covers(Message([](pbf_writer* out) { out->add_uint64(4, 1); })), kNoHeader);
}

TEST(Header, NumberOfSpansAndTablesIsBounded) {
  const auto repeated = [](uint32_t field, const std::string& value, size_t n) {
    return HeaderError(HeaderWith([&](pbf_writer* out) {
      for (size_t i = 0; i < n; i++) pbf::AddBytes(out, field, value);
    }));
  };
  const auto spans = [](size_t n) {
    return HeaderError(HeaderWith([&](pbf_writer* out) {
      for (uint64_t i = 0; i < n; i++) pbf::AddBytes(out, 6, Span(1, {2 * i, 0, 2 * i + 1}));
    }));
  };
  EXPECT_EQ(spans(Coverage::kMaxSpans), "");
  EXPECT_EQ(spans(Coverage::kMaxSpans + 1), kNoHeader);
  EXPECT_EQ(repeated(6, Span(1, {0, 0, 1}), 2), kNoHeader);  // not ascending
  EXPECT_EQ(repeated(7, "t", ChangesetHeader::kMaxTables), "");
  EXPECT_EQ(repeated(7, "", ChangesetHeader::kMaxTables + 1), kNoHeader);
}

// What newer versions may add, and numbers of ours with another wire type, as protobuf does.
TEST(Header, UnknownFieldsAndWireTypesAreSkipped) {
  const ChangesetHeader h = Maker(7).Header();
  const std::string plain = h.Encode();
  const std::string odd = Message([](pbf_writer* out) {
    out->add_uint64(200, UINT64_MAX);
    out->add_bytes(201, "bytes", 5);
    out->add_fixed64(202, 1);
    out->add_fixed32(203, 1);
    out->add_uint64(1, 5);
    out->add_bytes(2, "transfer", 8);
    out->add_bytes(3, "\1", 1);
    out->add_fixed32(4, 1);
    out->add_uint64(5, 1);
    out->add_fixed64(6, 1);
    out->add_uint64(7, 1);
    for (const uint32_t field : {8, 9, 10, 11, 12}) out->add_bytes(field, "\7", 1);
  });
  for (const std::string& data : {odd + plain, plain + odd}) {
    ChangesetHeader read;
    std::string error;
    ASSERT_TRUE(read.Decode(data, &error)) << error;
    EXPECT_EQ(ToText(read), ToText(h));
  }
}

TEST(Have, RoundTrip) {
  for (uint64_t seed = 1; seed <= 300; seed++) {
    const Have have = Maker(seed).KnownBySomebody();
    Have read = Maker(seed + 1).KnownBySomebody();
    std::string error;
    ASSERT_TRUE(read.Decode(have.Encode(), &error)) << seed << ": " << error;
    ASSERT_EQ(ToText(read), ToText(have)) << seed;
    ASSERT_EQ(read.Encode(), have.Encode()) << seed;
  }
  EXPECT_EQ(Have().Encode(), "");
  EXPECT_EQ(HaveError(""), "") << "to know nothing";
}

TEST(Have, GoldenBytes) {
  Have have;
  have.known.Raise(Site(1), DbVersion(5));
  have.unfinished.push_back({Site(2), {}});
  have.unfinished.back().received.Add({Site(3), {DbVersion(1), Seq(0)}, {DbVersion(1), Seq(9)}});
  have.loose.push_back({Site(4), 6, 7});
  EXPECT_EQ(Hex(have.Encode()),
            Hex(Unhex("0a14 0a10 01000000000000000000000000000000 1005"
                      "122c 0a10 02000000000000000000000000000000"
                      "1218 0a10 03000000000000000000000000000000 1001 2001 2809"
                      "1a1d 0a10 04000000000000000000000000000000 1006 19 0700000000000000")));
}

TEST(Have, DamageIsRefusedOrHarmless) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    const std::string data = Maker(seed).KnownBySomebody().Encode();
    const auto try_it = [](std::string_view damaged) {
      Have have;
      std::string error;
      if (!have.Decode(damaged, &error)) {
        ASSERT_EQ(error, kNoHave);
        return;
      }
      Have again;
      ASSERT_TRUE(again.Decode(have.Encode(), &error));
      ASSERT_EQ(ToText(again), ToText(have));
    };
    ForEachPrefix(data, try_it);
    ForEachBitFlip(data, try_it);
  }
}

TEST(Have, WhatCannotBeIsRefused) {
  EXPECT_EQ(HaveError(HaveOf(1, {SiteVersion(1, 5), SiteVersion(2, 5)})), "");
  EXPECT_EQ(HaveError(HaveOf(1, {SiteVersion(2, 5), SiteVersion(1, 5)})), kNoHave);
  EXPECT_EQ(HaveError(HaveOf(1, {SiteVersion(2, 5), SiteVersion(2, 5)})), kNoHave);
  EXPECT_EQ(HaveError(HaveOf(1, {SiteVersion(2, 0)})), kNoHave);
  EXPECT_EQ(HaveError(HaveOf(2, {""})), kNoHave);
  EXPECT_EQ(HaveError(HaveOf(3, {""})), kNoHave);
  EXPECT_EQ(HaveError(std::string("\x0a\x7f", 2)), kNoHave) << "cut off";
  const auto received = [](const std::vector<std::string>& spans) {
    return HaveError(HaveOf(2, {Message([&](pbf_writer* out) {
                              pbf::AddSite(out, 1, Site(9));
                              for (const std::string& s : spans) pbf::AddBytes(out, 2, s);
                            })}));
  };
  EXPECT_EQ(received({}), "");
  EXPECT_EQ(received({Span(1, {1, 0, 2}), Span(1, {3, 0, 4}), Span(2, {1, 0, 2})}), "");
  EXPECT_EQ(received({Span(1, {3, 0, 4}), Span(1, {1, 0, 2})}), kNoHave);
  EXPECT_EQ(received({Span(2, {1, 0, 2}), Span(1, {1, 0, 2})}), kNoHave);
  EXPECT_EQ(received({Span(1, {1, 0, 2}), Span(1, {2, 0, 3})}), kNoHave) << "they touch";
  EXPECT_EQ(received({Span(1, {1, 0, 3}), Span(1, {2, 0, 4})}), kNoHave);
}

TEST(Have, UnknownFieldsAndWireTypesAreSkipped) {
  const Have have = Maker(12).KnownBySomebody();
  const std::string odd = Message([](pbf_writer* out) {
    out->add_uint64(1, 5);
    out->add_fixed64(2, 5);
    out->add_fixed32(3, 5);
    out->add_bytes(99, "x", 1);
  });
  Have read;
  std::string error;
  ASSERT_TRUE(read.Decode(odd + have.Encode() + odd, &error));
  EXPECT_EQ(ToText(read), ToText(have));
}

}  // namespace
}  // namespace tributary
