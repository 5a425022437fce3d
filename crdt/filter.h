// A Bloom filter over key hashes: "this part of the log has a row entry for that key, perhaps".
//
// 6 probes by double hashing; with 10 bits a key about 1 % false positives, with 16 about 0.1 %;
// never a false negative. The number of bits is only the builder's business. Source: Kirsch and
// Mitzenmacher, "Less Hashing, Same Performance" (2006). The bytes are stored: the layout must not
// change.
#ifndef TRIBUTARY_CRDT_FILTER_H_
#define TRIBUTARY_CRDT_FILTER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace tributary {

std::string BuildFilter(absl::Span<const uint64_t> hashes, uint64_t bits_per_key = 10);

// An empty filter contains nothing.
bool FilterMayContain(std::string_view filter, uint64_t hash);

}  // namespace tributary

#endif  // TRIBUTARY_CRDT_FILTER_H_
