#include "sync/session/messages.h"

#include <algorithm>

#include "sync/changeset/frame.h"
#include "sync/changeset/pbf.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary {
namespace {

using namespace pbf;  // NOLINT(google-build-using-namespace): the vocabulary of this file

std::string Message(FrameKind kind, std::string_view header) {
  return EncodeFrame(kind, header, {}, false);
}

// Calls `field` for each field; it returns false where the field is malformed, and skips those that
// it does not know.
template <typename Field>
bool ReadFields(std::string_view data, const Field& field) {
  try {
    pbf_reader in(data.data(), data.size());
    while (in.next()) {
      if (!field(&in)) return false;
    }
    return true;
  } catch (const protozero::exception&) {
    return false;
  }
}

bool Skip(pbf_reader* in) {
  in->skip();
  return true;
}

bool ReadTable(pbf_reader in, TableSchema* t) {
  while (in.next()) {
    switch (in.tag_and_type()) {
      case Bytes(1):
        t->name = View(&in);
        break;
      case Bytes(2):
        t->key.emplace_back(View(&in));
        break;
      case Bytes(3):
        t->columns.emplace_back(View(&in));
        break;
      default:
        in.skip();
    }
  }
  return !t->name.empty();
}

// Names may contain any byte but NUL.
void AppendNames(std::string* out, const std::vector<std::string>& names) {
  for (const std::string& n : names) out->append(n).push_back('\0');
  out->push_back('\0');
}

}  // namespace

uint64_t HashSchema(const Schema& schema) {
  std::string text;
  for (const TableSchema& t : schema) {
    text.append(t.name).push_back('\0');
    AppendNames(&text, t.key);
    AppendNames(&text, t.columns);
  }
  return std::max<uint64_t>(XXH3_64bits(text.data(), text.size()), 1);
}

uint64_t HashKnowledge(Have have) {
  have.unfinished.clear();
  std::sort(have.loose.begin(), have.loose.end(),
            [](const Have::Loose& a, const Have::Loose& b) { return a.site < b.site; });
  // Too many to be hashed: two replicas that say so may hold different ones.
  for (const Have::Loose& l : have.loose) {
    if (l.hash == 0) return 0;
  }
  const std::string data = have.Encode();
  return std::max<uint64_t>(XXH3_64bits(data.data(), data.size()), 1);
}

std::string HelloMessage::Encode() const {
  std::string data;
  pbf_writer out(data);
  out.add_uint32(1, version);
  AddSite(&out, 2, site);
  out.add_fixed64(3, schema);
  out.add_fixed64(4, knowledge);
  if (live) out.add_bool(5, true);
  return Message(FrameKind::kHello, data);
}

bool HelloMessage::Decode(std::string_view data) {
  *this = {.version = 0};
  bool has_site = false;
  const bool sound = ReadFields(data, [&](pbf_reader* in) {
    switch (in->tag_and_type()) {
      case Varint(1):
        version = in->get_uint32();
        return true;
      case Bytes(2):
        has_site = ToSite(View(in), &site);
        return has_site;
      case Fixed64(3):
        schema = in->get_fixed64();
        return true;
      case Fixed64(4):
        knowledge = in->get_fixed64();
        return true;
      case Varint(5):
        live = in->get_uint64() != 0;
        return true;
      default:
        return Skip(in);
    }
  });
  return sound && has_site && version > 0;
}

std::string SchemaMessage::Encode() const {
  std::string data;
  pbf_writer out(data);
  for (const TableSchema& t : schema) {
    pbf_writer table(out, 1);
    table.add_string(1, t.name);
    for (const std::string& k : t.key) table.add_string(2, k);
    for (const std::string& c : t.columns) table.add_string(3, c);
  }
  return Message(FrameKind::kSessionSchema, data);
}

bool SchemaMessage::Decode(std::string_view data) {
  schema.clear();
  return ReadFields(data, [&](pbf_reader* in) {
    if (in->tag_and_type() != Bytes(1)) return Skip(in);
    TableSchema table;
    if (!ReadTable(in->get_message(), &table)) return false;
    // Looked up by binary search.
    if (!schema.empty() && schema.back().name >= table.name) return false;
    if (!std::is_sorted(table.columns.begin(), table.columns.end())) return false;
    schema.push_back(std::move(table));
    return true;
  });
}

std::string WantMessage::Encode() const {
  std::string data;
  pbf_writer out(data);
  out.add_string(1, have.Encode());
  for (const std::string& t : tables) out.add_string(2, t);
  out.add_uint64(3, window);
  out.add_uint64(4, max_frame);
  if (nothing) out.add_bool(5, true);
  return Message(FrameKind::kWant, data);
}

bool WantMessage::Decode(std::string_view data) {
  *this = {};
  bool has_have = false;
  const bool sound = ReadFields(data, [&](pbf_reader* in) {
    switch (in->tag_and_type()) {
      case Bytes(1): {
        std::string error;
        has_have = have.Decode(View(in), &error);
        return has_have;
      }
      case Bytes(2):
        tables.emplace_back(View(in));
        return tables.size() < 2 || tables[tables.size() - 2] < tables.back();
      case Varint(3):
        window = in->get_uint64();
        return true;
      case Varint(4):
        max_frame = in->get_uint64();
        return true;
      case Varint(5):
        nothing = in->get_uint64() != 0;
        return true;
      default:
        return Skip(in);
    }
  });
  return sound && has_have && window > 0 && max_frame > 0;
}

std::string AckMessage::Encode() const {
  std::string data;
  pbf_writer(data).add_uint64(1, committed);
  return Message(FrameKind::kAck, data);
}

bool AckMessage::Decode(std::string_view data) {
  committed = 0;
  return ReadFields(data, [&](pbf_reader* in) {
    if (in->tag_and_type() != Varint(1)) return Skip(in);
    committed = in->get_uint64();
    return true;
  });
}

std::string EncodeDone() { return Message(FrameKind::kDone, {}); }

std::string ByeMessage::Encode() const {
  std::string data;
  pbf_writer(data).add_fixed64(1, knowledge);
  return Message(FrameKind::kBye, data);
}

bool ByeMessage::Decode(std::string_view data) {
  knowledge = 0;
  return ReadFields(data, [&](pbf_reader* in) {
    if (in->tag_and_type() != Fixed64(1)) return Skip(in);
    knowledge = in->get_fixed64();
    return true;
  });
}

std::string ErrorMessage::Encode() const {
  std::string data;
  pbf_writer out(data);
  out.add_uint32(1, static_cast<uint32_t>(code));
  out.add_string(2, text.substr(0, kMaxErrorText));
  return Message(FrameKind::kError, data);
}

bool ErrorMessage::Decode(std::string_view data) {
  *this = {};
  return ReadFields(data, [&](pbf_reader* in) {
    switch (in->tag_and_type()) {
      case Varint(1):
        code = static_cast<SessionError>(in->get_uint32());
        return true;
      case Bytes(2):
        text = View(in).substr(0, kMaxErrorText);
        return true;
      default:
        return Skip(in);
    }
  });
}

}  // namespace tributary
