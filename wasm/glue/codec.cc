#include "wasm/glue/codec.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace tributary {
namespace {

constexpr int64_t kExactInDouble = int64_t{1} << 53;

template <typename T>
void Append(char tag, T value, std::string* out) {
  char bytes[1 + sizeof value];
  bytes[0] = tag;
  std::memcpy(bytes + 1, &value, sizeof value);
  out->append(bytes, sizeof bytes);
}

void AppendBytes(char tag, const void* data, size_t size, std::string* out) {
  Append(tag, static_cast<uint32_t>(size), out);
  if (size > 0) out->append(static_cast<const char*>(data), size);
}

template <typename T>
bool Take(std::string_view* in, T* value) {
  if (in->size() < sizeof *value) return false;
  std::memcpy(value, in->data(), sizeof *value);
  in->remove_prefix(sizeof *value);
  return true;
}

bool TakeBytes(std::string_view* in, std::string_view* bytes) {
  uint32_t size;
  if (!Take(in, &size) || in->size() < size) return false;
  *bytes = in->substr(0, size);
  in->remove_prefix(size);
  return true;
}

// A name as written in the statement, or without its sign.
int FindParameter(sqlite3_stmt* s, std::string_view name) {
  int index = sqlite3_bind_parameter_index(s, std::string(name).c_str());
  for (const char sign : {':', '@', '$'}) {
    if (index != 0) break;
    index = sqlite3_bind_parameter_index(s, absl::StrCat(std::string_view(&sign, 1), name).c_str());
  }
  return index;
}

// The caller's buffer outlives the execution: nothing is copied.
bool BindOne(sqlite3_stmt* s, int index, char tag, std::string_view* in, int* rc) {
  std::string_view bytes;
  switch (tag) {
    case 0:
      *rc = sqlite3_bind_null(s, index);
      return true;
    case 1: {
      int32_t value;
      if (!Take(in, &value)) return false;
      *rc = sqlite3_bind_int(s, index, value);
      return true;
    }
    case 2:
    case 4: {
      double value;
      if (!Take(in, &value)) return false;
      *rc = tag == 4 ? sqlite3_bind_double(s, index, value)
                     : sqlite3_bind_int64(s, index, static_cast<int64_t>(value));
      return true;
    }
    case 3: {
      int64_t value;
      if (!Take(in, &value)) return false;
      *rc = sqlite3_bind_int64(s, index, value);
      return true;
    }
    case 5:
      if (!TakeBytes(in, &bytes)) return false;
      *rc = sqlite3_bind_text64(s, index, bytes.data(), bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
      return true;
    case 6:
      if (!TakeBytes(in, &bytes)) return false;
      *rc = sqlite3_bind_blob64(s, index, bytes.data(), bytes.size(), SQLITE_STATIC);
      return true;
    default:
      return false;
  }
}

}  // namespace

void EncodeColumn(sqlite3_stmt* s, int column, std::string* out) {
  switch (sqlite3_column_type(s, column)) {
    case SQLITE_INTEGER: {
      const int64_t value = sqlite3_column_int64(s, column);
      if (value == static_cast<int32_t>(value)) {
        Append(1, static_cast<int32_t>(value), out);
      } else if (value >= -kExactInDouble && value <= kExactInDouble) {
        Append(2, static_cast<double>(value), out);
      } else {
        Append(3, value, out);
      }
      break;
    }
    case SQLITE_FLOAT:
      Append(4, sqlite3_column_double(s, column), out);
      break;
    case SQLITE_TEXT: {
      const void* text = sqlite3_column_text(s, column);
      AppendBytes(5, text, static_cast<size_t>(sqlite3_column_bytes(s, column)), out);
      break;
    }
    case SQLITE_BLOB: {
      const void* data = sqlite3_column_blob(s, column);
      AppendBytes(6, data, static_cast<size_t>(sqlite3_column_bytes(s, column)), out);
      break;
    }
    default:
      out->push_back(0);
  }
}

void EncodeText(std::string_view text, std::string* out) {
  AppendBytes(5, text.data(), text.size(), out);
}

bool BindValues(sqlite3_stmt* s, std::string_view* in, std::string* error) {
  const int wanted = sqlite3_bind_parameter_count(s);
  int given = 0;
  bool named = false;
  for (;;) {
    char tag;
    if (!Take(in, &tag)) break;
    if (tag == kParamsEnd) {
      if (given == wanted || (named && given <= wanted)) return true;
      *error = absl::StrCat("the statement has ", wanted, " parameters, but ", given,
                            " values were passed");
      return false;
    }
    int index = ++given;
    if (tag == 7) {
      named = true;
      std::string_view name;
      if (!TakeBytes(in, &name) || !Take(in, &tag)) break;
      index = FindParameter(s, name);
      if (index == 0) {
        *error = absl::StrCat("the statement has no parameter named ", name);
        return false;
      }
    }
    int rc = SQLITE_OK;
    if (!BindOne(s, index, tag, in, &rc)) break;
    if (rc == SQLITE_RANGE) continue;  // counted, and told when all are
    if (rc != SQLITE_OK) {
      *error = sqlite3_errstr(rc);
      return false;
    }
  }
  *error = "the parameters are malformed";
  return false;
}

}  // namespace tributary
