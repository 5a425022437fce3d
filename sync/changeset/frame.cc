#include "sync/changeset/frame.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

#include "absl/strings/str_cat.h"
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zstd.h>

namespace tributary {
namespace {

constexpr std::string_view kMagic = "TRIB";
constexpr uint8_t kCompressed = 1;
constexpr size_t kHashed = 20;      // bytes before the checksum
constexpr size_t kWorthwhile = 64;  // smaller bodies gain nothing
// Fastest first: a level more costs twice the time and gains a twentieth of the bytes (measured on
// rows of text and numbers, README.md).
constexpr int kLevel = 1;

void PutU32(std::string* out, size_t v) {
  for (int i = 0; i < 4; i++) out->push_back(static_cast<char>(v >> (8 * i)));
}

size_t GetU32(std::string_view in, size_t at) {
  size_t v = 0;
  for (size_t i = 0; i < 4; i++) {
    v |= static_cast<size_t>(static_cast<uint8_t>(in[at + i])) << 8 * i;
  }
  return v;
}

struct FreeHash {
  void operator()(XXH3_state_t* s) const { XXH3_freeState(s); }
};

std::array<char, 16> Checksum(std::string_view fixed, std::string_view header,
                              std::string_view body) {
  const std::unique_ptr<XXH3_state_t, FreeHash> state(XXH3_createState());
  if (state == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  XXH3_128bits_update(state.get(), fixed.data(), fixed.size());
  XXH3_128bits_update(state.get(), header.data(), header.size());
  XXH3_128bits_update(state.get(), body.data(), body.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  std::array<char, 16> out;
  std::memcpy(out.data(), canonical.digest, out.size());
  return out;
}

// False where the body is to stay as it is.
bool Compress(std::string_view body, std::string* out) {
  if (body.size() < kWorthwhile) return false;
  out->resize(ZSTD_compressBound(body.size()));
  const size_t n = ZSTD_compress(out->data(), out->size(), body.data(), body.size(), kLevel);
  if (ZSTD_isError(n) != 0 || n >= body.size() || body.size() > MaxExpansion(n)) return false;
  out->resize(n);
  return true;
}

// Sizes and flags of the first kHashed bytes.
struct Fixed {
  uint8_t kind;
  uint8_t flags;
  size_t header;
  size_t stored;
  size_t body;
};

bool ReadFixed(std::string_view data, Fixed* f, std::string* error) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[i]); };
  if (data.substr(0, kMagic.size()) != kMagic) {
    *error = "not a frame of Tributary: it does not begin with TRIB";
    return false;
  }
  if (byte(4) != kFrameFormat) {
    *error =
        absl::StrCat("the frame has format version ", byte(4), ", this program reads ",
                     kFrameFormat, byte(4) > kFrameFormat ? ": a newer Tributary is needed" : "");
    return false;
  }
  *f = {byte(5), byte(6), GetU32(data, 8), GetU32(data, 12), GetU32(data, 16)};
  const bool compressed = (f->flags & kCompressed) != 0;
  const bool sound = (f->flags & ~kCompressed) == 0 && byte(7) == 0 &&
                     f->header <= kMaxFrameHeader && f->body <= kMaxFrameBody &&
                     (compressed ? f->stored < f->body && f->body <= MaxExpansion(f->stored)
                                 : f->stored == f->body);
  if (!sound) *error = "the frame is malformed: its flags or sizes cannot be";
  return sound;
}

}  // namespace

std::string EncodeFrame(FrameKind kind, std::string_view header, std::string_view body,
                        bool compress) {
  std::string packed;
  const bool compressed = compress && Compress(body, &packed);
  const std::string_view stored = compressed ? packed : body;
  std::string out;
  out.reserve(kFrameFixedSize + header.size() + stored.size());
  out.append(kMagic);
  out.push_back(static_cast<char>(kFrameFormat));
  out.push_back(static_cast<char>(kind));
  out.push_back(compressed ? static_cast<char>(kCompressed) : '\0');
  out.push_back('\0');
  PutU32(&out, header.size());
  PutU32(&out, stored.size());
  PutU32(&out, body.size());
  const std::array<char, 16> sum = Checksum(out, header, stored);
  out.append(sum.data(), sum.size());
  out.append(header).append(stored);
  return out;
}

bool Frame::Size(std::string_view start, size_t* size, std::string* error) {
  *size = 0;
  const size_t n = std::min(start.size(), kMagic.size());
  if (start.substr(0, n) != kMagic.substr(0, n)) {
    *error = "not a frame of Tributary: it does not begin with TRIB";
    return false;
  }
  if (start.size() < kFrameFixedSize) return true;
  Fixed f;
  if (!ReadFixed(start, &f, error)) return false;
  *size = kFrameFixedSize + f.header + f.stored;
  return true;
}

bool Frame::OpenAny(std::string_view data, std::string* error) {
  size_t size;
  if (!Size(data, &size, error)) return false;
  if (size == 0 || data.size() < size) {
    *error = absl::StrCat("the frame is cut off: it has ", data.size(), " bytes of ",
                          size == 0 ? "a frame's start" : absl::StrCat(size));
    return false;
  }
  if (data.size() > size) {
    *error = absl::StrCat(data.size() - size, " bytes follow the frame");
    return false;
  }
  Fixed f;
  if (!ReadFixed(data, &f, error)) return false;
  header_ = data.substr(kFrameFixedSize, f.header);
  stored_ = data.substr(kFrameFixedSize + f.header);
  kind_ = static_cast<FrameKind>(f.kind);
  compressed_ = (f.flags & kCompressed) != 0;
  body_size_ = f.body;
  const std::array<char, 16> sum = Checksum(data.substr(0, kHashed), header_, stored_);
  if (std::memcmp(sum.data(), data.data() + kHashed, sum.size()) != 0) {
    *error = "the frame's checksum does not fit: it was damaged on its way";
    return false;
  }
  const bool known = (kind_ >= FrameKind::kChangeset && kind_ <= FrameKind::kSchema) ||
                     (kind_ >= FrameKind::kHello && kind_ <= FrameKind::kError);
  if (!known) {
    *error = absl::StrCat("the frame is of kind ", f.kind, ", which this program does not know");
    return false;
  }
  return true;
}

bool Frame::Open(std::string_view data, std::string* error) {
  if (!OpenAny(data, error)) return false;
  if (kind_ == FrameKind::kChangeset) return true;
  *error = kind_ < FrameKind::kHello
               ? "the frame is no changeset but belongs to a shared folder: use tributary sync "
                 "--folder"
               : "the frame is no changeset but a message of a session";
  return false;
}

bool Frame::Body(std::string* buffer, std::string_view* body, std::string* error) const {
  *body = stored_;
  if (!compressed_) return true;
  if (ZSTD_getFrameContentSize(stored_.data(), stored_.size()) != body_size_) {
    *error = "the frame's body has another size than the frame says";
    return false;
  }
  buffer->resize(body_size_);
  const size_t n = ZSTD_decompress(buffer->data(), buffer->size(), stored_.data(), stored_.size());
  if (ZSTD_isError(n) != 0 || n != body_size_) {
    *error = "the frame's body cannot be uncompressed";
    return false;
  }
  *body = *buffer;
  return true;
}

}  // namespace tributary
