// Carries the bytes of two sessions in one process.
#ifndef TRIBUTARY_SYNC_TRANSPORT_MEMORY_H_
#define TRIBUTARY_SYNC_TRANSPORT_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "sync/session/session.h"

namespace tributary {

class MemoryLink {
 public:
  struct Options {
    // Of so many waiting bytes (at least 1), how many are carried in one go; null: all.
    std::function<size_t(size_t)> fragment;
    // After so many bytes, both directions together, the connection breaks.
    uint64_t breaks_after = UINT64_MAX;
  };

  // Both sessions must outlive it.
  MemoryLink(Session* a, Session* b) : MemoryLink(a, b, Options()) {}
  MemoryLink(Session* a, Session* b, Options options)
      : a_(a), b_(b), options_(std::move(options)) {}

  // Until both are over, or neither has anything to do before the next local event.
  void Run();
  uint64_t carried() const { return carried_; }

 private:
  bool Carry(Session* from, Session* to);

  Session* a_;
  Session* b_;
  Options options_;
  uint64_t carried_ = 0;
  bool broken_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_SYNC_TRANSPORT_MEMORY_H_
