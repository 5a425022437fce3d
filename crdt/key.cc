#include "crdt/key.h"

#include <algorithm>
#include <bit>
#include <cstring>

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

// Where the pairs of digits stand in the text.
constexpr std::array<uint8_t, 16> kDigitPairs = {0,  2,  4,  6,  9,  11, 14, 16,
                                                 19, 21, 24, 26, 28, 30, 32, 34};

// Sixteen bytes at a time: GCC's and Clang's vectors, which every target has.
using Bytes = int8_t __attribute__((vector_size(16)));

// Values of hex digits; *valid is -1 for each that is one, letters only from `a` on.
template <char a>
Bytes DigitValues(Bytes digits, Bytes* valid) {
  const Bytes letter = (digits >= a) & (digits < static_cast<char>(a + 6));
  *valid = ((digits >= '0') & (digits <= '9')) | letter;
  return (digits & 15) + (letter & 9);
}

// To sixteen bytes. `a`: the first letter of the digits' case, which must be one. False where the
// text is no UUID. REQUIRES: s has kUuidTextSize bytes.
template <char a>
bool ParseUuid(std::string_view s, char* out) {
  const char* p = s.data();
  if (p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-') return false;
  char digits[32];
  std::memcpy(digits, p, 8);
  std::memcpy(digits + 8, p + 9, 4);
  std::memcpy(digits + 12, p + 14, 4);
  std::memcpy(digits + 16, p + 19, 4);
  std::memcpy(digits + 20, p + 24, 12);
  Bytes first;
  Bytes second;
  std::memcpy(&first, digits, 16);
  std::memcpy(&second, digits + 16, 16);
  Bytes first_valid;
  Bytes second_valid;
  first = DigitValues<a>(first, &first_valid);
  second = DigitValues<a>(second, &second_valid);
  const Bytes high = __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20,
                                             22, 24, 26, 28, 30);
  const Bytes low = __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21,
                                            23, 25, 27, 29, 31);
  const Bytes bytes = high << 4 | low;
  std::memcpy(out, &bytes, 16);
  const Bytes valid = first_valid & second_valid;
  uint64_t all[2];
  std::memcpy(all, &valid, 16);
  return (all[0] & all[1]) == UINT64_MAX;
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
    const bool lower = ParseUuid<'a'>(s, tagged + 1);
    if (lower || ParseUuid<'A'>(s, tagged + 1)) {
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
  return ParseUuid<'a'>(s, uuid) || ParseUuid<'A'>(s, uuid);
}

// A NaN, which SQLite stores as NULL. REQUIRES: 8 bytes.
bool IsNan(std::string_view payload) {
  uint64_t bits = 0;
  for (const char c : payload) bits = bits << 8 | static_cast<uint8_t>(c);
  return bits << 1 > uint64_t{0x7ff} << 53;
}

// False where the same value has another, shorter form, as two keys are equal only as bytes; or
// where it is none that SQLite stores.
bool IsCanonical(uint8_t tag, std::string_view payload) {
  if (tag < kRealTag) {
    if (payload.size() == 1) return payload[0] != 0;
    if (payload.size() < 2) return true;
    // The first byte must not merely repeat the sign.
    const bool negative = (payload[1] & 0x80) != 0;
    return payload[0] != (negative ? '\xff' : '\0');
  }
  switch (tag) {
    case kRealTag:
      return !IsNan(payload);
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
