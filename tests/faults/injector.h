// Makes the n-th call of one kind fail: SQLite's allocations, C++'s, and calls into the VFS.
//
// Faults are counted and injected only while an `Active` is alive, that is inside calls into
// SQLite; what the test itself allocates or reads never fails.
#ifndef TRIBUTARY_TESTS_FAULTS_INJECTOR_H_
#define TRIBUTARY_TESTS_FAULTS_INJECTOR_H_

#include <cstdint>

namespace tributary::faults {

enum class Kind : uint8_t {
  kMalloc,  // SQLite's allocator
  kNew,     // operator new
  kRead,
  kWrite,  // half of it is written
  kFull,   // a write, with SQLITE_FULL
  kSync,
  kTruncate,
  kOpen,
  kDelete,
  kAccess,
  kFileSize,
  kLock,
  kBusy,  // a lock, with SQLITE_BUSY; in WAL mode those in shared memory
};
constexpr Kind kKinds[] = {Kind::kMalloc, Kind::kNew,    Kind::kRead,     Kind::kWrite,
                           Kind::kFull,   Kind::kSync,   Kind::kTruncate, Kind::kOpen,
                           Kind::kDelete, Kind::kAccess, Kind::kFileSize, Kind::kLock,
                           Kind::kBusy};
const char* NameOf(Kind kind);
constexpr bool IsMemory(Kind kind) { return kind == Kind::kMalloc || kind == Kind::kNew; }

struct Fault {
  Kind kind = Kind::kMalloc;
  int64_t n = 0;            // the n-th call fails, from 1; 0: none
  bool persistent = false;  // and all that follow
};

// From now on: counts calls of each kind, and fails those that `fault` names.
void Arm(const Fault& fault);
void Disarm();
// Calls since Arm, and how many of them failed.
int64_t CallsSeen(Kind kind);
int64_t FaultsInjected();

// For the hooks: whether this call fails.
bool ShouldFail(Kind kind);

class Active {
 public:
  Active();
  ~Active();
  Active(const Active&) = delete;
  Active& operator=(const Active&) = delete;
};

// Puts the hooks in SQLite's way. Before anything else is called in SQLite.
void InstallHooks();
// The VFS of that name is the default one, with faults.
constexpr char kVfsName[] = "faults";
void RegisterVfs();

}  // namespace tributary::faults

#endif  // TRIBUTARY_TESTS_FAULTS_INJECTOR_H_
