#include "tests/faults/injector.h"

#include <sqlite3.h>

#include <cstdlib>
#include <iterator>
#include <new>
#include <stdexcept>

namespace tributary::faults {
namespace {

Fault armed;
bool is_armed = false;
int64_t calls[std::size(kKinds)] = {};
int64_t injected = 0;
int active = 0;
sqlite3_mem_methods real;

void* Malloc(int size) { return ShouldFail(Kind::kMalloc) ? nullptr : real.xMalloc(size); }
void* Realloc(void* p, int size) {
  return ShouldFail(Kind::kMalloc) ? nullptr : real.xRealloc(p, size);
}

}  // namespace

const char* NameOf(Kind kind) {
  static constexpr const char* kNames[] = {"malloc",   "new",      "read", "write",  "full",
                                           "sync",     "truncate", "open", "delete", "access",
                                           "filesize", "lock",     "busy"};
  return kNames[static_cast<int>(kind)];
}

void Arm(const Fault& fault) {
  armed = fault;
  is_armed = true;
  for (int64_t& n : calls) n = 0;
  injected = 0;
}

void Disarm() { is_armed = false; }
int64_t CallsSeen(Kind kind) { return calls[static_cast<int>(kind)]; }
int64_t FaultsInjected() { return injected; }

bool ShouldFail(Kind kind) {
  if (!is_armed || active == 0) return false;
  const int64_t call = ++calls[static_cast<int>(kind)];
  if (kind != armed.kind || armed.n == 0 || call < armed.n) return false;
  if (call > armed.n && !armed.persistent) return false;
  injected++;
  return true;
}

Active::Active() { active++; }
Active::~Active() { active--; }

void InstallHooks() {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  sqlite3_mem_methods hooked = real;
  hooked.xMalloc = Malloc;
  hooked.xRealloc = Realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &hooked);
  // Every allocation is to come by, none out of SQLite's own pools.
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
  if (sqlite3_initialize() != SQLITE_OK) throw std::runtime_error("sqlite3_initialize");
  RegisterVfs();
}

}  // namespace tributary::faults

// All forms but the aligned ones. libstdc++ would lead the others to the first, but ASan has its
// own of each, which do not go with this `delete`.
void* operator new(size_t size) {
  if (tributary::faults::ShouldFail(tributary::faults::Kind::kNew)) throw std::bad_alloc();
  void* p = std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](size_t size) { return operator new(size); }
void* operator new[](size_t size, const std::nothrow_t& t) noexcept {
  return operator new(size, t);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
