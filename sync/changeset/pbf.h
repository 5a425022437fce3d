// The bricks for reading and writing our Protocol Buffers messages with protozero, which reads
// fields in place. A field of an unexpected wire type is treated as unknown, as protobuf does.
#ifndef TRIBUTARY_SYNC_CHANGESET_PBF_H_
#define TRIBUTARY_SYNC_CHANGESET_PBF_H_

#include <cstdint>
#include <cstring>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string_view>

#include "crdt/ids.h"

namespace tributary::pbf {

using protozero::pbf_reader;
using protozero::pbf_writer;

// What pbf_reader::tag_and_type() gives for a field of that number and kind.
constexpr uint32_t Bytes(uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::length_delimited);
}
constexpr uint32_t Varint(uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::varint);
}
constexpr uint32_t Fixed64(uint32_t field) {
  return protozero::tag_and_type(field, protozero::pbf_wire_type::fixed64);
}

inline std::string_view View(pbf_reader* in) {
  const protozero::data_view v = in->get_view();
  return {v.data(), v.size()};
}

// Numbers of ours are signed and not negative; what is larger becomes -1, which everybody refuses.
inline int64_t Number(pbf_reader* in) {
  const uint64_t v = in->get_uint64();
  return v <= INT64_MAX ? static_cast<int64_t>(v) : -1;
}

inline void AddBytes(pbf_writer* out, uint32_t field, std::string_view bytes) {
  out->add_bytes(field, bytes.data(), bytes.size());
}

inline void AddSite(pbf_writer* out, uint32_t field, const SiteId& site) {
  AddBytes(out, field, {reinterpret_cast<const char*>(site.bytes.data()), site.bytes.size()});
}

// False where the bytes are no site id.
inline bool ToSite(std::string_view bytes, SiteId* site) {
  if (bytes.size() != site->bytes.size()) return false;
  std::memcpy(site->bytes.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace tributary::pbf

#endif  // TRIBUTARY_SYNC_CHANGESET_PBF_H_
