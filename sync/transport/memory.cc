#include "sync/transport/memory.h"

#include <algorithm>

namespace tributary {

bool MemoryLink::Carry(Session* from, Session* to) {
  if (broken_ || from->output().empty() || !to->wants_input()) return false;
  size_t n = from->output().size();
  if (options_.fragment) n = std::clamp<size_t>(options_.fragment(n), 1, n);
  n = static_cast<size_t>(std::min<uint64_t>(n, options_.breaks_after - carried_));
  to->Receive(from->output().substr(0, n));
  from->ConsumeOutput(n);
  carried_ += n;
  return true;
}

void MemoryLink::Run() {
  for (bool busy = true; busy;) {
    busy = a_->Work();
    busy = b_->Work() || busy;
    busy = Carry(a_, b_) || busy;
    busy = Carry(b_, a_) || busy;
    const bool breaks = !broken_ && carried_ >= options_.breaks_after;
    // Who is over closes its end, once its last words are out.
    if (breaks || (a_->closed() && a_->output().empty())) b_->ReceiveEnd();
    if (breaks || (b_->closed() && b_->output().empty())) a_->ReceiveEnd();
    broken_ = broken_ || breaks;
    busy = busy || breaks;
  }
}

}  // namespace tributary
