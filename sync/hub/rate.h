// How often somebody may ask: a bucket of tokens for each.
#ifndef TRIBUTARY_SYNC_HUB_RATE_H_
#define TRIBUTARY_SYNC_HUB_RATE_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <unordered_map>

namespace tributary::hub {

// Not thread-safe.
class RateLimit {
 public:
  // So many a second, and as many at once after a rest; 0: no limit.
  explicit RateLimit(int64_t per_second) : rate_(static_cast<double>(per_second)) {}

  bool Allow(const std::string& who, uint64_t now_ms) {
    if (rate_ == 0) return true;
    Bucket& bucket = buckets_.try_emplace(who, Bucket{rate_, now_ms}).first->second;
    Fill(now_ms, &bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
  // Forgets who has rested.
  void Expire(uint64_t now_ms) {
    for (auto it = buckets_.begin(); it != buckets_.end();) {
      Fill(now_ms, &it->second);
      it = it->second.tokens >= rate_ ? buckets_.erase(it) : std::next(it);
    }
  }

 private:
  struct Bucket {
    double tokens;
    uint64_t filled_ms;
  };
  void Fill(uint64_t now_ms, Bucket* bucket) const {
    const double more = rate_ * static_cast<double>(now_ms - bucket->filled_ms) / 1000;
    bucket->tokens = std::min(rate_, bucket->tokens + more);
    bucket->filled_ms = now_ms;
  }

  const double rate_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_RATE_H_
