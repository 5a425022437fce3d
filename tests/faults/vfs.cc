// The default VFS, with faults in it.
#include <sqlite3.h>

#include <stdexcept>

#include "tests/faults/injector.h"

namespace tributary::faults {
namespace {

sqlite3_vfs* real_vfs;

struct File : sqlite3_file {
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Real(sqlite3_file* f) { return static_cast<File*>(f)->real(); }
const sqlite3_io_methods* Methods(sqlite3_file* f) { return Real(f)->pMethods; }

int Close(sqlite3_file* f) { return Methods(f)->xClose(Real(f)); }

int Read(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  if (ShouldFail(Kind::kRead)) return SQLITE_IOERR_READ;
  return Methods(f)->xRead(Real(f), to, size, at);
}

int Write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  const bool full = ShouldFail(Kind::kFull);
  if (full || ShouldFail(Kind::kWrite)) {
    (void)Methods(f)->xWrite(Real(f), from, size / 2, at);
    return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  return Methods(f)->xWrite(Real(f), from, size, at);
}

int Truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (ShouldFail(Kind::kTruncate)) return SQLITE_IOERR_TRUNCATE;
  return Methods(f)->xTruncate(Real(f), size);
}

int Sync(sqlite3_file* f, int flags) {
  if (ShouldFail(Kind::kSync)) return SQLITE_IOERR_FSYNC;
  return Methods(f)->xSync(Real(f), flags);
}

int FileSize(sqlite3_file* f, sqlite3_int64* size) {
  if (ShouldFail(Kind::kFileSize)) return SQLITE_IOERR_FSTAT;
  return Methods(f)->xFileSize(Real(f), size);
}

int Lock(sqlite3_file* f, int level) {
  if (ShouldFail(Kind::kLock)) return SQLITE_IOERR_LOCK;
  if (ShouldFail(Kind::kBusy)) return SQLITE_BUSY;
  return Methods(f)->xLock(Real(f), level);
}

int Unlock(sqlite3_file* f, int level) { return Methods(f)->xUnlock(Real(f), level); }
int CheckReserved(sqlite3_file* f, int* out) {
  return Methods(f)->xCheckReservedLock(Real(f), out);
}
int Control(sqlite3_file* f, int op, void* arg) {
  return Methods(f)->xFileControl(Real(f), op, arg);
}
int SectorSize(sqlite3_file* f) { return Methods(f)->xSectorSize(Real(f)); }
int Characteristics(sqlite3_file* f) { return Methods(f)->xDeviceCharacteristics(Real(f)); }
int ShmMap(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return Methods(f)->xShmMap(Real(f), page, size, extend, out);
}
int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
  if ((flags & SQLITE_SHM_LOCK) != 0 && ShouldFail(Kind::kBusy)) return SQLITE_BUSY;
  return Methods(f)->xShmLock(Real(f), offset, n, flags);
}
void ShmBarrier(sqlite3_file* f) { Methods(f)->xShmBarrier(Real(f)); }
int ShmUnmap(sqlite3_file* f, int remove) { return Methods(f)->xShmUnmap(Real(f), remove); }

constexpr sqlite3_io_methods kMethods = {
    2,       Close,         Read,    Write,      Truncate,        Sync,   FileSize, Lock,
    Unlock,  CheckReserved, Control, SectorSize, Characteristics, ShmMap, ShmLock,  ShmBarrier,
    ShmUnmap};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out_flags) {
  f->pMethods = nullptr;
  if (ShouldFail(Kind::kOpen)) return SQLITE_CANTOPEN;
  const int rc = real_vfs->xOpen(real_vfs, name, Real(f), flags, out_flags);
  if (Methods(f) != nullptr) f->pMethods = &kMethods;
  return rc;
}

int Delete(sqlite3_vfs*, const char* name, int sync) {
  if (ShouldFail(Kind::kDelete)) return SQLITE_IOERR_DELETE;
  return real_vfs->xDelete(real_vfs, name, sync);
}

int Access(sqlite3_vfs*, const char* name, int flags, int* out) {
  if (ShouldFail(Kind::kAccess)) return SQLITE_IOERR_ACCESS;
  return real_vfs->xAccess(real_vfs, name, flags, out);
}

}  // namespace

void RegisterVfs() {
  real_vfs = sqlite3_vfs_find(nullptr);
  // The rest takes no file and does not look at the object it is called on.
  static sqlite3_vfs vfs = *real_vfs;
  vfs.zName = kVfsName;
  vfs.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
  vfs.xOpen = Open;
  vfs.xDelete = Delete;
  vfs.xAccess = Access;
  vfs.pNext = nullptr;
  if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) throw std::runtime_error("sqlite3_vfs_register");
}

}  // namespace tributary::faults
