// What the module exports of the session protocol (sync/session/session.h); src/session.ts calls
// them. A session uses the connection by itself: it may only be called between transactions.
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sync/session/session.h"
#include "sync/session/sqlite_replica.h"
#include "wasm/glue/database.h"

namespace tributary {
namespace {

struct Peer {
  Peer(Database* d, const SessionOptions& options)
      : database(d), replica(d->db, 0), session(&replica, options) {}
  Database* database;
  SqliteReplica replica;
  Session session;
};

}  // namespace
}  // namespace tributary

using tributary::Database;
using tributary::Guarded;
using tributary::Peer;

extern "C" {

// Null for want of memory. To be freed before the connection is closed.
TRIBUTARY_EXPORT(trib_session_new) Peer* trib_session_new(Database* database, int32_t live) {
  Peer* peer = nullptr;
  Guarded(database, [&] {
    tributary::SessionOptions options;
    options.live = live != 0;
    options.piece_bytes = 256 << 10;  // the page waits for a piece at most
    peer = new Peer(database, options);
    return SQLITE_OK;
  });
  return peer;
}
TRIBUTARY_EXPORT(trib_session_free) void trib_session_free(Peer* peer) { delete peer; }

TRIBUTARY_EXPORT(trib_session_receive)
int trib_session_receive(Peer* peer, const char* data, size_t size) {
  return Guarded(peer->database, [&] {
    peer->session.Receive(std::string_view(data, size));
    return SQLITE_OK;
  });
}
TRIBUTARY_EXPORT(trib_session_end) void trib_session_end(Peer* peer) { peer->session.ReceiveEnd(); }
TRIBUTARY_EXPORT(trib_session_changed) void trib_session_changed(Peer* peer) {
  peer->session.LocalChanges();
}
TRIBUTARY_EXPORT(trib_session_finish) void trib_session_finish(Peer* peer) {
  peer->session.Finish();
}
TRIBUTARY_EXPORT(trib_session_rest) void trib_session_rest(Peer* peer) {
  Guarded(peer->database, [&] {
    peer->session.Rest();
    return SQLITE_OK;
  });
}

// One step: 1 if there was something to do, 0 if not, -1 for want of memory.
TRIBUTARY_EXPORT(trib_session_work) int trib_session_work(Peer* peer) {
  bool worked = false;
  const int rc = Guarded(peer->database, [&] {
    worked = peer->session.Work();
    return SQLITE_OK;
  });
  if (rc != SQLITE_OK) return -1;
  return worked ? 1 : 0;
}

TRIBUTARY_EXPORT(trib_session_output) const char* trib_session_output(Peer* peer) {
  return peer->session.output().data();
}
TRIBUTARY_EXPORT(trib_session_output_size) size_t trib_session_output_size(Peer* peer) {
  return peer->session.output().size();
}
TRIBUTARY_EXPORT(trib_session_consume) void trib_session_consume(Peer* peer, size_t size) {
  peer->session.ConsumeOutput(size);
}

// Bits: 1 closed, 2 finished, 4 the peer has greeted, 8 caught up, 16 equal at the end, 32 wants
// input.
TRIBUTARY_EXPORT(trib_session_state) int trib_session_state(Peer* peer) {
  const tributary::Session& s = peer->session;
  return (s.closed() ? 1 : 0) | (s.finished() ? 2 : 0) | (s.greeted() ? 4 : 0) |
         (s.caught_up() ? 8 : 0) | (s.equal() ? 16 : 0) | (s.wants_input() ? 32 : 0);
}

// Why it failed, in trib_out(); result: absl's code, 0 if it did not.
TRIBUTARY_EXPORT(trib_session_status) int trib_session_status(Peer* peer) {
  Guarded(peer->database, [&] {
    peer->database->out = peer->session.status().message();
    return SQLITE_OK;
  });
  return static_cast<int>(peer->session.status().code());
}

// {"sent":{...},"received":{...},"rowsChanged":n} in trib_out().
TRIBUTARY_EXPORT(trib_session_stats) int trib_session_stats(Peer* peer) {
  return Guarded(peer->database, [&] {
    const tributary::SessionStats& stats = peer->session.stats();
    const auto direction = [](const tributary::SessionStats::Direction& d) {
      return absl::StrCat("{\"changesets\":", d.changesets, ",\"transactions\":", d.transactions,
                          ",\"rows\":", d.rows, ",\"bytes\":", d.bytes,
                          ",\"committed\":", d.committed, "}");
    };
    peer->database->out = absl::StrCat("{\"sent\":", direction(stats.sent),
                                       ",\"received\":", direction(stats.received),
                                       ",\"rowsChanged\":", stats.rows_changed, "}");
    return SQLITE_OK;
  });
}

}  // extern "C"
