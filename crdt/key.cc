#include "crdt/key.h"

#include <algorithm>
#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tributary {
namespace {

constexpr uint8_t kIntegerTag = 0x10;
constexpr uint8_t kRealTag = 0x20;
constexpr uint8_t kLongTextTag = 0x30;
constexpr uint8_t kLongBlobTag = 0x31;
constexpr uint8_t kLowerUuidTag = 0x32;
constexpr uint8_t kUpperUuidTag = 0x33;
constexpr uint8_t kShortTextTag = 0x80;
constexpr uint8_t kShortBlobTag = 0xc0;
constexpr size_t kShortTextEnd = 64;
constexpr size_t kShortBlobEnd = 63;
constexpr size_t kUuidTextSize = 36;

// Value of a hex digit for each byte, or -1. Letters only in the case that `upper` asks for.
constexpr std::array<int8_t, 256> HexTable(bool upper) {
  std::array<int8_t, 256> t{};
  for (auto& x : t) x = -1;
  for (int i = 0; i < 10; i++) t['0' + i] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; i++) t[(upper ? 'A' : 'a') + i] = static_cast<int8_t>(10 + i);
  return t;
}
constexpr std::array<int8_t, 256> kLowerHex = HexTable(false);
constexpr std::array<int8_t, 256> kUpperHex = HexTable(true);

// Where the pairs of digits stand in the text.
constexpr std::array<uint8_t, 16> kDigitPairs = {0,  2,  4,  6,  9,  11, 14, 16,
                                                 19, 21, 24, 26, 28, 30, 32, 34};

bool ParseUuid(std::string_view s, const std::array<int8_t, 256>& hex, char* out) {
  if (s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-') return false;
  // Negative once any digit was none; looked at once, at the end.
  int all = 0;
  for (size_t i = 0; i < kDigitPairs.size(); i++) {
    const int high = hex[static_cast<uint8_t>(s[kDigitPairs[i]])];
    const int low = hex[static_cast<uint8_t>(s[kDigitPairs[i] + 1])];
    all |= high | low;
    out[i] = static_cast<char>(static_cast<unsigned>(high) << 4 | static_cast<unsigned>(low));
  }
  return all >= 0;
}

void FormatUuid(std::string_view bytes, bool upper, std::array<char, kUuidTextSize>* out) {
  const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  for (size_t i = 0; i < kDigitPairs.size(); i++) {
    const auto b = static_cast<uint8_t>(bytes[i]);
    (*out)[kDigitPairs[i]] = digits[b >> 4];
    (*out)[kDigitPairs[i] + 1] = digits[b & 15];
  }
  for (const size_t dash : {8, 13, 18, 23}) (*out)[dash] = '-';
}

// Fewest bytes that hold v in two's complement; none for 0.
size_t SignedBytes(int64_t v) {
  if (v == 0) return 0;
  const auto magnitude = static_cast<uint64_t>(v < 0 ? ~v : v);
  return static_cast<size_t>(std::bit_width(magnitude)) / 8 + 1;
}

// A tag and the n lowest bytes of v, most significant first.
void AppendBigEndian(uint8_t tag, uint64_t v, size_t n, std::string* out) {
  char bytes[9];
  bytes[0] = static_cast<char>(tag);
  for (size_t i = n; i > 0; i--, v >>= 8) bytes[i] = static_cast<char>(v);
  out->append(bytes, n + 1);
}

void AppendText(std::string_view s, std::string* key) {
  if (s.size() == kUuidTextSize && s[8] == '-') {
    char tagged[17];
    const bool lower = ParseUuid(s, kLowerHex, tagged + 1);
    if (lower || ParseUuid(s, kUpperHex, tagged + 1)) {
      tagged[0] = static_cast<char>(lower ? kLowerUuidTag : kUpperUuidTag);
      key->append(tagged, sizeof tagged);
      return;
    }
  }
  if (s.size() < kShortTextEnd) {
    key->push_back(static_cast<char>(kShortTextTag + s.size()));
  } else {
    key->push_back(static_cast<char>(kLongTextTag));
    PutVarint(key, s.size());
  }
  key->append(s);
}

// REQUIRES: s has kUuidTextSize bytes.
bool IsUuidText(std::string_view s) {
  char uuid[16];
  return ParseUuid(s, kLowerHex, uuid) || ParseUuid(s, kUpperHex, uuid);
}

// False where the same value has another, shorter form: two keys are equal only as bytes.
bool IsCanonical(uint8_t tag, std::string_view payload) {
  if (tag < kRealTag) {
    if (payload.size() == 1) return payload[0] != 0;
    if (payload.size() < 2) return true;
    // The first byte must not merely repeat the sign.
    const bool negative = (payload[1] & 0x80) != 0;
    return payload[0] != (negative ? '\xff' : '\0');
  }
  switch (tag) {
    case kLongTextTag:
      return payload.size() >= kShortTextEnd;
    case kLongBlobTag:
      return payload.size() >= kShortBlobEnd;
    case kUpperUuidTag:  // without a letter it is lower case
      return std::any_of(payload.begin(), payload.end(), [](char c) {
        const auto b = static_cast<uint8_t>(c);
        return b >> 4 > 9 || (b & 15) > 9;
      });
    case kShortTextTag + kUuidTextSize:
      return !IsUuidText(payload);
    default:
      return true;
  }
}

// Reads what follows a tag byte (for long text and blob, after the varint).
bool PayloadOf(uint8_t tag, ByteReader* in, std::string_view* payload) {
  uint64_t n;
  if (tag >= kShortBlobTag) {
    n = tag - kShortBlobTag;
    if (n >= kShortBlobEnd) return false;
  } else if (tag >= kShortTextTag) {
    n = tag - kShortTextTag;
  } else if (tag >= kIntegerTag && tag <= kIntegerTag + 8) {
    n = tag - kIntegerTag;
  } else if (tag == kRealTag) {
    n = 8;
  } else if (tag == kLowerUuidTag || tag == kUpperUuidTag) {
    n = 16;
  } else if (tag == kLongTextTag || tag == kLongBlobTag) {
    if (!in->Varint(&n)) return false;
  } else {
    return false;
  }
  return in->Bytes(n, payload) && IsCanonical(tag, *payload);
}

int64_t SignedFrom(std::string_view bytes) {
  if (bytes.empty()) return 0;
  uint64_t u = (bytes[0] & 0x80) != 0 ? UINT64_MAX : 0;
  for (const char c : bytes) u = u << 8 | static_cast<uint8_t>(c);
  return static_cast<int64_t>(u);
}

}  // namespace

void AppendIntegerKey(int64_t v, std::string* key) {
  const size_t n = SignedBytes(v);
  AppendBigEndian(static_cast<uint8_t>(kIntegerTag + n), static_cast<uint64_t>(v), n, key);
}

void AppendKeyValue(const Value& v, std::string* key) {
  switch (v.type) {
    case ValueType::kInteger:
      AppendIntegerKey(v.integer, key);
      return;
    case ValueType::kReal:
      AppendBigEndian(kRealTag, std::bit_cast<uint64_t>(v.real), 8, key);
      return;
    case ValueType::kText:
      AppendText(v.bytes, key);
      return;
    case ValueType::kBlob:
    case ValueType::kNull:
      if (v.bytes.size() < kShortBlobEnd) {
        key->push_back(static_cast<char>(kShortBlobTag + v.bytes.size()));
      } else {
        key->push_back(static_cast<char>(kLongBlobTag));
        PutVarint(key, v.bytes.size());
      }
      key->append(v.bytes);
      return;
  }
}

bool KeyDecoder::DecodeOne(ByteReader* in, Value* v, std::array<char, 36>* text) {
  uint8_t tag;
  std::string_view payload;
  if (!in->Byte(&tag) || !PayloadOf(tag, in, &payload)) return false;
  if (tag == kRealTag) {
    *v = Value::Real(std::bit_cast<double>(SignedFrom(payload)));
  } else if (tag < kRealTag) {
    *v = Value::Integer(SignedFrom(payload));
  } else if (tag == kLowerUuidTag || tag == kUpperUuidTag) {
    FormatUuid(payload, tag == kUpperUuidTag, text);
    *v = Value::Text({text->data(), text->size()});
  } else if (tag == kLongBlobTag || tag >= kShortBlobTag) {
    *v = Value::Blob(payload);
  } else {
    *v = Value::Text(payload);
  }
  return true;
}

bool KeyDecoder::Decode(ByteReader* in, size_t count) {
  values_.resize(count);
  uuid_texts_.resize(count);
  for (size_t i = 0; i < count; i++) {
    if (!DecodeOne(in, &values_[i], &uuid_texts_[i])) return false;
  }
  return true;
}

bool SkipKey(ByteReader* in, size_t count, std::string_view* key) {
  const std::string_view start = in->rest();
  for (size_t i = 0; i < count; i++) {
    uint8_t tag;
    std::string_view payload;
    if (!in->Byte(&tag) || !PayloadOf(tag, in, &payload)) return false;
  }
  *key = start.substr(0, start.size() - in->remaining());
  return true;
}

bool DecodeIntegerKey(std::string_view key, int64_t* v) {
  // On the path of every captured key: told from others by its first byte and its size.
  if (key.empty() || key.size() > 9 ||
      static_cast<uint8_t>(key[0]) != kIntegerTag + key.size() - 1) {
    return false;
  }
  key.remove_prefix(1);
  if (!IsCanonical(kIntegerTag, key)) return false;
  *v = SignedFrom(key);
  return true;
}

uint64_t HashKey(int64_t table, std::string_view key) {
  // XXH3 mixes the seed into very short keys by addition only: spread the table over all its bits,
  // or small keys of neighbouring tables would collide.
  const uint64_t seed = static_cast<uint64_t>(table) * 0x9e3779b97f4a7c15;
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

}  // namespace tributary
