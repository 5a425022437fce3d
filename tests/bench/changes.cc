#include "tests/bench/changes.h"

#include <cstring>

#include "tests/bench/unit.h"

namespace tributary::bench {
namespace {

constexpr int kSameAsBefore = 0;
constexpr size_t kBufferBytes = 1 << 20;

std::FILE* Open(const std::string& path, const char* mode) {
  std::FILE* file = std::fopen(path.c_str(), mode);
  if (file == nullptr) Fail("cannot open " + path);
  std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  return file;
}

}  // namespace

ChangeWriter::ChangeWriter(const std::string& path) {
  if (!path.empty()) file_ = Open(path, "wb");
}

ChangeWriter::~ChangeWriter() {
  if (file_ != nullptr && std::fclose(file_) != 0) Fail("cannot write the changes (disk full?)");
}

void ChangeWriter::Put(const void* bytes, size_t length) {
  if (length > 0 && std::fwrite(bytes, 1, length, file_) != length) {
    Fail("cannot write the changes (disk full?)");
  }
}

void ChangeWriter::AddRow(sqlite3_stmt* stmt) {
  ++rows_;
  const int columns = sqlite3_column_count(stmt);
  before_.resize(static_cast<size_t>(columns));
  for (int i = 0; i < columns; ++i) {
    const int type = sqlite3_column_type(stmt, i);
    const void* bytes = nullptr;
    uint32_t length = 0;
    int64_t integer = 0;
    double real = 0;
    if (type == SQLITE_INTEGER) {
      integer = sqlite3_column_int64(stmt, i);
      bytes = &integer;
      length = sizeof integer;
    } else if (type == SQLITE_FLOAT) {
      real = sqlite3_column_double(stmt, i);
      bytes = &real;
      length = sizeof real;
    } else if (type != SQLITE_NULL) {
      bytes = type == SQLITE_TEXT ? sqlite3_column_text(stmt, i) : sqlite3_column_blob(stmt, i);
      length = static_cast<uint32_t>(sqlite3_column_bytes(stmt, i));
    }
    sum_ += length;
    if (file_ != nullptr) WriteColumn(static_cast<size_t>(i), type, bytes, length);
  }
}

void ChangeWriter::WriteColumn(size_t column, int type, const void* bytes, uint32_t length) {
  if (type != SQLITE_TEXT && type != SQLITE_BLOB) {
    const char tag = static_cast<char>(type);
    Put(&tag, 1);
    Put(bytes, length);
    return;
  }
  std::string& before = before_[column];
  const char tag = static_cast<char>(type);
  std::string now(1, tag);
  if (length > 0) now.append(static_cast<const char*>(bytes), length);
  if (now == before) {
    const char same = kSameAsBefore;
    Put(&same, 1);
    return;
  }
  before = now;
  Put(&tag, 1);
  Put(&length, sizeof length);
  Put(bytes, length);
}

ChangeReader::ChangeReader(const std::string& path, int columns)
    : file_(Open(path, "rb")), before_(static_cast<size_t>(columns)) {}

ChangeReader::~ChangeReader() { std::fclose(file_); }

void ChangeReader::Get(void* bytes, size_t length) {
  if (length > 0 && std::fread(bytes, 1, length, file_) != length) Fail("change file ends early");
}

bool ChangeReader::BindRow(sqlite3_stmt* stmt) {
  for (size_t i = 0; i < before_.size(); ++i) {
    const int tag = std::getc(file_);
    if (tag == EOF) {
      if (i > 0) Fail("change file ends early");
      return false;
    }
    const int parameter = static_cast<int>(i) + 1;
    Held& held = before_[i];
    if (tag == SQLITE_INTEGER) {
      int64_t value = 0;
      Get(&value, sizeof value);
      sqlite3_bind_int64(stmt, parameter, value);
    } else if (tag == SQLITE_FLOAT) {
      double value = 0;
      Get(&value, sizeof value);
      sqlite3_bind_double(stmt, parameter, value);
    } else if (tag == SQLITE_NULL) {
      sqlite3_bind_null(stmt, parameter);
    } else {
      if (tag != kSameAsBefore) {
        uint32_t length = 0;
        Get(&length, sizeof length);
        held.type = tag;
        held.bytes.resize(length);
        Get(held.bytes.data(), length);
      }
      const int length = static_cast<int>(held.bytes.size());
      if (held.type == SQLITE_TEXT) {
        sqlite3_bind_text(stmt, parameter, held.bytes.data(), length, SQLITE_STATIC);
      } else {
        sqlite3_bind_blob(stmt, parameter, held.bytes.data(), length, SQLITE_STATIC);
      }
    }
  }
  return true;
}

}  // namespace tributary::bench
