#include "sync/changeset/header.h"

#include "sync/changeset/pbf.h"

namespace tributary {
namespace {

using namespace pbf;  // NOLINT(google-build-using-namespace): the vocabulary of this file

void AddVector(pbf_writer* out, uint32_t tag, const VersionVector& vector) {
  for (const VersionVector::Entry& e : vector.entries()) {
    pbf_writer entry(*out, tag);
    AddSite(&entry, 1, e.site);
    entry.add_uint64(2, static_cast<uint64_t>(e.version.value));
  }
}

// Sites come in ascending order: one vector has one encoding, and reading takes linear time.
bool ReadSiteVersion(pbf_reader in, VersionVector* vector) {
  SiteId site;
  bool has_site = false;
  DbVersion version;
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        has_site = ToSite(View(&in), &site);
        if (!has_site) return false;
        break;
      case Varint(2):
        version = DbVersion(Number(&in));
        break;
      default:
        in.skip();
    }
  }
  const bool ascending = vector->empty() || vector->entries().back().site < site;
  return has_site && ascending && version > DbVersion(0) && vector->Raise(site, version);
}

void AddSpan(pbf_writer* out, uint32_t tag, const SiteSpan& s) {
  pbf_writer span(*out, tag);
  AddSite(&span, 1, s.site);
  const int64_t numbers[] = {s.begin.version.value, s.begin.seq.value, s.end.version.value,
                             s.end.seq.value};
  for (uint32_t i = 0; i < 4; i++) {
    if (numbers[i] != 0) span.add_uint64(2 + i, static_cast<uint64_t>(numbers[i]));
  }
}

bool ReadSpan(pbf_reader in, SiteSpan* span) {
  bool has_site = false;
  int64_t numbers[4] = {};
  while (in.next()) {
    const uint32_t field = in.tag_and_type();
    if (field == Bytes(1)) {
      has_site = ToSite(View(&in), &span->site);
      if (!has_site) return false;
    } else if (field >= Varint(2) && field <= Varint(5) &&
               in.wire_type() == protozero::pbf_wire_type::varint) {
      const uint32_t at = in.tag() - 2;  // the tag is gone once the value is read
      numbers[at] = Number(&in);
    } else {
      in.skip();
    }
  }
  span->begin = {DbVersion(numbers[0]), Seq(numbers[1])};
  span->end = {DbVersion(numbers[2]), Seq(numbers[3])};
  Coverage check;
  return has_site && check.Add(*span);
}

// Spans come in ascending order, as Coverage has them.
bool ReadUnfinished(pbf_reader in, Have::Unfinished* u) {
  bool has_sender = false;
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        has_sender = ToSite(View(&in), &u->sender);
        if (!has_sender) return false;
        break;
      case Bytes(2): {
        SiteSpan span;
        if (!ReadSpan(in.get_message(), &span)) return false;
        if (!u->received.empty()) {
          const SiteSpan& before = u->received.spans().back();
          const bool ascending =
              before.site < span.site || (before.site == span.site && before.end < span.begin);
          if (!ascending) return false;
        }
        if (!u->received.Add(span)) return false;
        break;
      }
      case Fixed64(3):
        u->loose = in.get_fixed64();
        break;
      case Varint(4):
        u->epoch = in.get_uint64();
        break;
      default:
        in.skip();
    }
  }
  return has_sender;
}

bool ReadLoose(pbf_reader in, Have::Loose* l) {
  bool has_site = false;
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        has_site = ToSite(View(&in), &l->site);
        if (!has_site) return false;
        break;
      case Varint(2):
        l->records = in.get_uint64();
        break;
      case Fixed64(3):
        l->hash = in.get_fixed64();
        break;
      default:
        in.skip();
    }
  }
  return has_site;
}

// Spans come in ascending order.
bool ReadCovers(const pbf_reader& in, std::vector<SiteSpan>* covers) {
  SiteSpan span;
  if (covers->size() == Coverage::kMaxSpans || !ReadSpan(in, &span)) return false;
  if (!covers->empty()) {
    const SiteSpan& before = covers->back();
    const bool ascending =
        before.site < span.site || (before.site == span.site && before.end <= span.begin);
    if (!ascending) return false;
  }
  covers->push_back(span);
  return true;
}

bool ReadHeaderField(pbf_reader* in, ChangesetHeader* h, bool* has_sender) {
  switch (in->tag_and_type()) {
    case Bytes(1):
      *has_sender = ToSite(View(in), &h->sender);
      return *has_sender;
    case Fixed64(2):
      h->transfer = in->get_fixed64();
      return true;
    case Varint(3):
      h->piece = in->get_uint32();
      return true;
    case Varint(4):
      h->last = in->get_uint64() != 0;
      return true;
    case Bytes(5):
      return ReadSiteVersion(in->get_message(), &h->until);
    case Bytes(6):
      return ReadCovers(in->get_message(), &h->covers);
    case Bytes(7):
      h->tables.emplace_back(View(in));
      return h->tables.size() <= ChangesetHeader::kMaxTables;
    case Varint(8):
      h->transactions = in->get_uint64();
      return true;
    case Varint(9):
      h->rows = in->get_uint64();
      return true;
    case Varint(10):
      h->cells = in->get_uint64();
      return true;
    case Varint(11):
      h->continues = in->get_uint64() != 0;
      return true;
    case Varint(12):
      h->continued = in->get_uint64() != 0;
      return true;
    case Varint(13):
      h->loose_pieces = in->get_uint32();
      return true;
    case Bytes(14):
      h->dropped.emplace_back(View(in));
      return h->dropped.size() <= ChangesetHeader::kMaxDropped;
    case Fixed64(15):
      h->loose = in->get_fixed64();
      return true;
    case Varint(16):
      h->epoch = in->get_uint64();
      return true;
    default:
      in->skip();
      return true;
  }
}

}  // namespace

std::string ChangesetHeader::Encode() const {
  std::string data;
  pbf_writer out(data);
  AddSite(&out, 1, sender);
  out.add_fixed64(2, transfer);
  if (piece != 0) out.add_uint32(3, piece);
  if (last) out.add_bool(4, true);
  AddVector(&out, 5, until);
  for (const SiteSpan& s : covers) AddSpan(&out, 6, s);
  for (const std::string& t : tables) out.add_string(7, t);
  out.add_uint64(8, transactions);
  out.add_uint64(9, rows);
  out.add_uint64(10, cells);
  if (continues) out.add_bool(11, true);
  if (continued) out.add_bool(12, true);
  if (loose_pieces != 0) out.add_uint32(13, loose_pieces);
  for (const std::string& t : dropped) out.add_string(14, t);
  if (loose != 0) out.add_fixed64(15, loose);
  if (epoch != 0) out.add_uint64(16, epoch);
  return data;
}

bool ChangesetHeader::Decode(std::string_view data, std::string* error) {
  *this = {};
  bool has_sender = false;
  bool sound = true;
  try {
    pbf_reader in(data.data(), data.size());
    while (sound && in.next()) sound = ReadHeaderField(&in, this, &has_sender);
  } catch (const protozero::exception&) {
    sound = false;
  }
  if (sound && has_sender) return true;
  *this = {};
  *error = "the changeset's header is malformed";
  return false;
}

std::string Have::Encode() const {
  std::string data;
  pbf_writer out(data);
  AddVector(&out, 1, known);
  for (const Unfinished& u : unfinished) {
    pbf_writer message(out, 2);
    AddSite(&message, 1, u.sender);
    for (const SiteSpan& s : u.received.spans()) AddSpan(&message, 2, s);
    if (u.loose != 0) message.add_fixed64(3, u.loose);
    if (u.epoch != 0) message.add_uint64(4, u.epoch);
  }
  for (const Loose& l : loose) {
    pbf_writer message(out, 3);
    AddSite(&message, 1, l.site);
    message.add_uint64(2, l.records);
    message.add_fixed64(3, l.hash);
  }
  if (everything) out.add_bool(4, true);
  return data;
}

bool Have::Decode(std::string_view data, std::string* error) {
  *this = {};
  bool sound = true;
  try {
    pbf_reader in(data.data(), data.size());
    while (sound && in.next()) {
      switch (in.tag_and_type()) {
        case Bytes(1):
          sound = ReadSiteVersion(in.get_message(), &known);
          break;
        case Bytes(2):
          unfinished.emplace_back();
          sound = ReadUnfinished(in.get_message(), &unfinished.back());
          break;
        case Bytes(3):
          loose.emplace_back();
          sound = ReadLoose(in.get_message(), &loose.back());
          break;
        case Varint(4):
          everything = in.get_uint64() != 0;
          break;
        default:
          in.skip();
      }
    }
  } catch (const protozero::exception&) {
    sound = false;
  }
  if (sound) return true;
  *this = {};
  *error = "malformed version vector: pass what crsql_version_vector() returned";
  return false;
}

}  // namespace tributary
