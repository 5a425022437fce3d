// A few threads for what may wait for a disk.
#ifndef TRIBUTARY_SYNC_HUB_POOL_H_
#define TRIBUTARY_SYNC_HUB_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tributary::hub {

class Pool {
 public:
  explicit Pool(size_t threads);
  // Does what was asked for, then ends the threads.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Thread-safe; in order of the calls, on any of the threads.
  void Run(std::function<void()> task);

 private:
  void Serve();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tributary::hub

#endif  // TRIBUTARY_SYNC_HUB_POOL_H_
