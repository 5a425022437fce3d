#include "sync/folder/format.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "sync/changeset/frame.h"
#include "sync/changeset/pbf.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary::folder {
namespace {

using pbf::AddBytes;
using pbf::AddSite;
using pbf::Bytes;
using pbf::Fixed64;
using pbf::Number;
using pbf::pbf_reader;
using pbf::pbf_writer;
using pbf::ToSite;
using pbf::Varint;
using pbf::View;

constexpr size_t kFrameChecksum = 20;  // where a frame has its own

bool ToChecksum(std::string_view bytes, Checksum* sum) {
  if (bytes.size() != sum->size()) return false;
  std::memcpy(sum->data(), bytes.data(), bytes.size());
  return true;
}

std::string_view ViewOf(const Checksum& sum) { return {sum.data(), sum.size()}; }

std::string EncodeVector(const VersionVector& v) {
  Have have;
  have.known = v;
  return have.Encode();
}

bool DecodeHave(pbf_reader* in, Have* have) {
  std::string error;
  return have->Decode(View(in), &error);
}

// Opens a frame of that kind and hands it on; also catches what protozero throws.
template <typename Read>
bool DecodeFrame(std::string_view data, FrameKind kind, std::string* error, const Read& read) {
  Frame frame;
  if (!frame.OpenAny(data, error)) return false;
  if (frame.kind() != kind) {
    *error = "the frame is of another kind";
    return false;
  }
  bool sound = false;
  try {
    sound = read(frame);
  } catch (const protozero::exception&) {
    sound = false;
  }
  if (!sound && error->empty()) *error = "the frame's content is malformed";
  return sound;
}

bool ReadSegmentField(pbf_reader* in, SegmentHead* head, Have* base, Have* until, Have* beyond) {
  uint64_t* const fixed[] = {&head->tables, &head->frames, &head->size};
  uint64_t* const counts[] = {&head->transactions, &head->rows, &head->cells};
  const uint32_t field = in->tag();  // gone once the value is read
  switch (in->tag_and_type()) {
    case Bytes(1):
      return ToSite(View(in), &head->site);
    case Bytes(2):
      return DecodeHave(in, base);
    case Bytes(3):
      return DecodeHave(in, until);
    case Varint(4):
      head->time_ms = Number(in);
      return head->time_ms >= 0;
    case Bytes(5):
      return ToChecksum(View(in), &head->schema);
    case Fixed64(6):
    case Fixed64(7):
    case Fixed64(8):
      *fixed[field - 6] = in->get_fixed64();
      return true;
    case Bytes(9):
      return ToChecksum(View(in), &head->checksum);
    case Fixed64(10):
    case Fixed64(11):
    case Fixed64(12):
      *counts[field - 10] = in->get_fixed64();
      return true;
    case Bytes(13):
      return DecodeHave(in, beyond);
    case Varint(14):
      head->keep = in->get_uint64() != 0;
      return true;
    case Fixed64(15):
      head->dropped = in->get_fixed64();
      return true;
    default:
      in->skip();
      return true;
  }
}

void ReadStrings(pbf_reader in, Schema* schema) {
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        schema->setup.emplace_back(View(&in));
        break;
      case Bytes(2):
        schema->replicated.emplace_back(View(&in));
        break;
      case Bytes(3):
        schema->finish.emplace_back(View(&in));
        break;
      default:
        in.skip();
    }
  }
}

}  // namespace

Checksum ChecksumOf(std::string_view data) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data.data(), data.size()));
  Checksum out;
  std::memcpy(out.data(), canonical.digest, out.size());
  return out;
}

uint64_t Hash64(std::string_view data) {
  uint64_t hash = 0;
  const Checksum sum = ChecksumOf(data);
  for (size_t i = 0; i < sizeof hash; i++) hash = hash << 8 | static_cast<uint8_t>(sum[i]);
  return hash;
}

uint64_t HashNames(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text.append(name).push_back('\0');
  return Hash64(text);
}

std::string ToHex(std::string_view bytes) { return absl::BytesToHexString(bytes); }

std::string SiteName(const SiteId& site) {
  return ToHex({reinterpret_cast<const char*>(site.bytes.data()), site.bytes.size()});
}

std::string SegmentHead::Encode() const {
  Have holds;
  holds.known = until;
  holds.loose = loose;
  std::string data;
  pbf_writer out(data);
  AddSite(&out, 1, site);
  AddBytes(&out, 2, EncodeVector(base));
  AddBytes(&out, 3, holds.Encode());
  out.add_uint64(4, static_cast<uint64_t>(time_ms));
  AddBytes(&out, 5, ViewOf(schema));
  out.add_fixed64(6, tables);
  out.add_fixed64(7, frames);
  out.add_fixed64(8, size);
  AddBytes(&out, 9, ViewOf(checksum));
  out.add_fixed64(10, transactions);
  out.add_fixed64(11, rows);
  out.add_fixed64(12, cells);
  AddBytes(&out, 13, EncodeVector(beyond));
  if (keep) out.add_bool(14, true);
  out.add_fixed64(15, dropped);
  return EncodeFrame(FrameKind::kSegment, data, {}, false);
}

bool SegmentHead::Decode(std::string_view data, std::string* error) {
  *this = {};
  return DecodeFrame(data, FrameKind::kSegment, error, [this](const Frame& frame) {
    Have base_have;
    Have until_have;
    Have beyond_have;
    pbf_reader in(frame.header().data(), frame.header().size());
    while (in.next()) {
      if (!ReadSegmentField(&in, this, &base_have, &until_have, &beyond_have)) return false;
    }
    base = std::move(base_have.known);
    until = std::move(until_have.known);
    loose = std::move(until_have.loose);
    beyond = std::move(beyond_have.known);
    return site != SiteId() && until.Covers(base);
  });
}

std::string Marker::Encode() const {
  std::string data;
  pbf_writer out(data);
  AddSite(&out, 1, site);
  AddBytes(&out, 2, EncodeVector(known));
  out.add_uint64(3, static_cast<uint64_t>(time_ms));
  return EncodeFrame(FrameKind::kMarker, data, {}, false);
}

bool Marker::Decode(std::string_view data, std::string* error) {
  *this = {};
  return DecodeFrame(data, FrameKind::kMarker, error, [this](const Frame& frame) {
    Have have;
    bool sound = true;
    pbf_reader in(frame.header().data(), frame.header().size());
    while (sound && in.next()) {
      if (in.tag_and_type() == Bytes(1)) {
        sound = ToSite(View(&in), &site);
      } else if (in.tag_and_type() == Bytes(2)) {
        sound = DecodeHave(&in, &have);
      } else if (in.tag_and_type() == Varint(3)) {
        time_ms = Number(&in);
      } else {
        in.skip();
      }
    }
    known = std::move(have.known);
    return sound && site != SiteId();
  });
}

std::string Schema::Encode(Checksum* sum) const {
  std::string data;
  pbf_writer out(data);
  for (const std::string& s : setup) out.add_string(1, s);
  for (const std::string& s : replicated) out.add_string(2, s);
  for (const std::string& s : finish) out.add_string(3, s);
  *sum = ChecksumOf(data);
  return EncodeFrame(FrameKind::kSchema, {}, data, true);
}

bool Schema::Decode(std::string_view data, Checksum* sum, std::string* error) {
  *this = {};
  return DecodeFrame(data, FrameKind::kSchema, error, [&](const Frame& frame) {
    std::string buffer;
    std::string_view body;
    if (!frame.Body(&buffer, &body, error)) return false;
    *sum = ChecksumOf(body);
    ReadStrings(pbf_reader(body.data(), body.size()), this);
    return true;
  });
}

void FrameSum::Add(std::string_view frame) {
  sums_.append(frame.substr(kFrameChecksum, sizeof(Checksum)));
}

uint64_t CountTransactions(const VersionVector& v) {
  uint64_t sum = 0;
  for (const VersionVector::Entry& e : v.entries()) {
    const auto version = static_cast<uint64_t>(e.version.value);
    sum = version > UINT64_MAX - sum ? UINT64_MAX : sum + version;
  }
  return sum;
}

VersionVector Minimum(const VersionVector& a, const VersionVector& b) {
  VersionVector least;
  for (const VersionVector::Entry& e : a.entries()) {
    least.Raise(e.site, std::min(e.version, b.Of(e.site)));
  }
  return least;
}

}  // namespace tributary::folder
