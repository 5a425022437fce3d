#include "ext/fract_key.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

constexpr char kZero = ' ';
constexpr char kLast = '~';
constexpr int kDigits = kLast - kZero + 1;
// The least number of all: no key by itself, as none could come before it.
constexpr std::string_view kLeast = "A                          ";

size_t NumberSize(char head) {
  if (head >= 'a' && head <= 'z') return size_t{2} + head - 'a';
  if (head >= 'A' && head <= 'Z') return size_t{2} + 'Z' - head;
  return 0;
}

Status Refuse(std::string_view why, std::string_view key) {
  return Status::Error(absl::StrCat(why, ": '", key, "' is no key of crsql_fract_key_between"));
}

// *size is that of the key's number.
Status CheckKey(std::string_view key, size_t* size) {
  *size = key.empty() ? 0 : NumberSize(key[0]);
  if (*size == 0) return Refuse("head is out of range", key);
  if (key.size() < *size) return Refuse("integer part of key is too long", key);
  if (key == kLeast) return Refuse("Key is too small", key);
  if (std::any_of(key.begin(), key.end(), [](char c) { return c < kZero || c > kLast; })) {
    return Refuse("only printable ASCII characters are digits", key);
  }
  if (key.size() > *size && key.back() == kZero) {
    return Refuse("Fractional part should not end with ' ' (space)", key);
  }
  return {};
}

// The next number, `step` 1, or the one before, -1. False where there is none.
bool Move(std::string* number, int step) {
  const char wraps_at = step > 0 ? kLast : kZero;
  const char to = step > 0 ? kZero : kLast;
  for (size_t i = number->size(); i-- > 1;) {
    char& digit = (*number)[i];
    if (digit != wraps_at) {
      digit = static_cast<char>(digit + step);
      return true;
    }
    digit = to;
  }
  char& head = (*number)[0];
  if (head == (step > 0 ? 'z' : 'A')) return false;
  const char next = head == 'Z' && step > 0   ? 'a'
                    : head == 'a' && step < 0 ? 'Z'
                                              : static_cast<char>(head + step);
  number->resize(NumberSize(next), to);
  (*number)[0] = next;
  return true;
}

// A fraction between two. REQUIRES: neither ends in kZero, a < b.
std::string Midpoint(std::string_view a, std::optional<std::string_view> b) {
  std::string out;
  const auto digit = [](std::string_view s) { return s.empty() ? 0 : s[0] - kZero; };
  const auto take = [&out](char c, std::string_view* s) {
    out.push_back(c);
    if (!s->empty()) s->remove_prefix(1);
  };
  for (;;) {
    const int from = digit(a);
    const int to = b ? digit(*b) : kDigits;
    if (to - from > 1) {
      out.push_back(static_cast<char>(kZero + (from + to + 1) / 2));
      return out;
    }
    if (to == from) {
      b->remove_prefix(1);
    } else if (b && b->size() > 1) {
      out.push_back((*b)[0]);
      return out;
    } else {
      b.reset();
    }
    take(static_cast<char>(kZero + from), &a);
  }
}

}  // namespace

Status FractKeyBetween(std::optional<std::string_view> a, std::optional<std::string_view> b,
                       std::string* key) {
  size_t a_size = 0, b_size = 0;
  if (a) TRIBUTARY_RETURN_IF_ERROR(CheckKey(*a, &a_size));
  if (b) TRIBUTARY_RETURN_IF_ERROR(CheckKey(*b, &b_size));
  if (a && b && *a >= *b) {
    return Status::Error(absl::StrCat("key_between - a must be before b: '", *a, "', '", *b, "'"));
  }
  if (!a && !b) {
    *key = "a ";
    return {};
  }
  if (a) {
    const std::string_view fraction = a->substr(a_size);
    *key = a->substr(0, a_size);
    if (b && b->substr(0, b_size) == *key) {
      key->append(Midpoint(fraction, b->substr(b_size)));
    } else if (!Move(key, 1) || (b && *key >= *b)) {
      *key = absl::StrCat(a->substr(0, a_size), Midpoint(fraction, std::nullopt));
    }
    return {};
  }
  *key = b->substr(0, b_size);
  if (*key == kLeast) {
    key->append(Midpoint("", b->substr(b_size)));
  } else if (*key == *b) {
    Move(key, -1);
    if (*key == kLeast) key->append(Midpoint("", std::nullopt));
  }
  return {};
}

}  // namespace tributary
