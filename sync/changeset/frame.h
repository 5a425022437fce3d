// The frame around everything that travels between replicas or lies in a folder.
//
//   offset  bytes
//        0  4   magic "TRIB"
//        4  1   format version, 1
//        5  1   kind (FrameKind)
//        6  1   flags; bit 0: the body is compressed by zstd
//        7  1   0
//        8  4   size of the header
//       12  4   size of the body as it is in the frame
//       16  4   size of the body uncompressed
//       20  16  XXH3-128, in its canonical form, of bytes 0..19, the header and the body
//       36      header, then body
//
// Numbers are little-endian. The checksum finds accidents, not forgery.
#ifndef TRIBUTARY_SYNC_CHANGESET_FRAME_H_
#define TRIBUTARY_SYNC_CHANGESET_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tributary {

enum class FrameKind : uint8_t {
  kChangeset = 1,  // Header and Body of proto/changeset.proto
  // Of a shared folder, proto/folder.proto:
  kSegment = 2,  // Segment; no body
  kMarker = 3,   // Marker; no body
  kSchema = 4,   // no header; Schema
  // Messages of a session (session/README.md): a header of proto/session.proto and no body.
  kHello = 16,
  kSessionSchema = 17,
  kWant = 18,
  kAck = 19,
  kDone = 20,
  kBye = 21,
  kError = 22,
};

inline constexpr uint8_t kFrameFormat = 1;
inline constexpr size_t kFrameFixedSize = 36;
inline constexpr size_t kMaxFrameHeader = 8 << 20;
inline constexpr size_t kMaxFrameBody = 1 << 30;

// The largest body that `stored` compressed bytes may expand to. Who writes frames leaves a body
// uncompressed that would expand further.
constexpr size_t MaxExpansion(size_t stored) { return (1 << 20) + 1000 * stored; }

// Makes a frame. `compress`: where it helps.
// REQUIRES: header and body are within their limits.
std::string EncodeFrame(FrameKind kind, std::string_view header, std::string_view body,
                        bool compress);

// A frame taken apart; header and stored body are views into it.
class Frame {
 public:
  // Checks everything but what is inside header and body. False, with a message for people, where
  // `data` is not exactly one frame, or the frame is no changeset.
  bool Open(std::string_view data, std::string* error);
  // The same for a frame of any kind that this program knows.
  bool OpenAny(std::string_view data, std::string* error);

  // How many bytes the frame that begins with `start` has: 0 if more of the start is needed to
  // tell (kFrameFixedSize bytes are enough). False where no frame begins so.
  static bool Size(std::string_view start, size_t* size, std::string* error);
  // REQUIRES: Size() was found.
  static FrameKind KindOf(std::string_view start) { return static_cast<FrameKind>(start[5]); }

  FrameKind kind() const { return kind_; }
  std::string_view header() const { return header_; }
  size_t body_size() const { return body_size_; }
  bool compressed() const { return compressed_; }
  // The body, uncompressed into *buffer if need be; the view is into that or into the frame.
  bool Body(std::string* buffer, std::string_view* body, std::string* error) const;

 private:
  FrameKind kind_ = FrameKind::kChangeset;
  bool compressed_ = false;
  std::string_view header_;
  std::string_view stored_;
  size_t body_size_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_CHANGESET_FRAME_H_
