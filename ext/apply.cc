#include "ext/apply.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "ext/apply_body.h"
#include "ext/knowledge.h"
#include "ext/merge.h"
#include "ext/renew.h"
#include "sync/changeset/frame.h"

namespace tributary {
namespace {

Status Wrong(std::string_view error) {
  return Status::Error(absl::StrCat("crsql_apply: ", std::string(error)));
}

bool HasDanglingReferences(sqlite3* db) {
  int now = 0;
  int most = 0;
  return sqlite3_db_status(db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &most, 0) == SQLITE_OK &&
         now != 0;
}

bool IsAscending(const std::vector<std::string>& names) {
  return std::is_sorted(names.begin(), names.end());
}

class Applier {
 public:
  Applier(Connection* c, std::string_view data) : c_(c), data_(data) {}

  Status Run(int64_t* rows) {
    *rows = 0;
    std::string error;
    if (!frame_.Open(data_, &error)) return Wrong(error);
    if (!header_.Decode(frame_.header(), &error)) return Wrong(error);
    if (!IsAscending(header_.tables) || !IsAscending(header_.dropped)) {
      return Wrong("the changeset's header is malformed");
    }
    own_transaction_ = sqlite3_get_autocommit(c_->db()) != 0;
    Status done = own_transaction_ ? RunAlone() : Work();
    if (!done.ok() && !own_transaction_ && writing_) c_->OnHalfDone();
    if (done.ok()) *rows = rows_;
    return done;
  }

 private:
  Status RunAlone() {
    {
      ScopedSavepoint savepoint(c_->db());
      TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
      Status done = Work();
      if (done.ok()) return savepoint.Release();
      if (!may_be_cured_) return done;
    }
    // All of it was rolled back.
    rows_ = 0;
    keep_only_ = true;
    ScopedSavepoint savepoint(c_->db());
    TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
    TRIBUTARY_RETURN_IF_ERROR(Work());
    return savepoint.Release();
  }

  Status Work() {
    // First: SQLite waits for a lock only where nothing has been read.
    TRIBUTARY_RETURN_IF_ERROR(c_->Join());
    TRIBUTARY_RETURN_IF_ERROR(c_->Refresh());
    if (c_->HasUnflushedWrites()) TRIBUTARY_RETURN_IF_ERROR(c_->Flush());
    TRIBUTARY_RETURN_IF_ERROR(NoticeColumns(c_));
    TRIBUTARY_RETURN_IF_ERROR(Unpark(c_));
    const ScopedQuiet quiet(c_);
    Scope scope;
    TRIBUTARY_RETURN_IF_ERROR(ScopeOf(c_, header_, &scope));
    key_ = TransferKey(std::move(scope), header_);
    TRIBUTARY_RETURN_IF_ERROR(LoadKnown(c_, key_.scope, &known_));
    TRIBUTARY_RETURN_IF_ERROR(CheckSelf());
    TRIBUTARY_RETURN_IF_ERROR(LoadTransfer(c_, key_, &state_));
    stored_ = !state_.until.empty() || !state_.received.empty();
    held_.clear();
    if (stored_) TRIBUTARY_RETURN_IF_ERROR(LoadHeld());
    if (!held_.empty()) TRIBUTARY_RETURN_IF_ERROR(CheckHeld());
    TRIBUTARY_RETURN_IF_ERROR(NoteLatest());
    if (!AllArrived()) TRIBUTARY_RETURN_IF_ERROR(Take());
    writing_ = true;
    return Conclude();
  }

  Status NoteLatest() {
    if (!header_.covers.empty()) state_.loose_pieces = header_.loose_pieces;
    if (!state_.until.MergeMax(header_.until)) return Wrong("the changeset names too many sites");
    return {};
  }

  // What waited, and came from another sender meanwhile, is not needed any more.
  Status LoadHeld() {
    TRIBUTARY_RETURN_IF_ERROR(ListHeld(c_, key_, &held_));
    for (size_t i = held_.size(); i-- > 0;) {
      const std::vector<SiteSpan>& covers = held_[i].header.covers;
      const bool known = std::all_of(covers.begin(), covers.end(),
                                     [this](const SiteSpan& s) { return IsKnown(s); });
      if (!known || covers.empty()) continue;
      writing_ = true;
      TRIBUTARY_RETURN_IF_ERROR(DropHeld(c_, key_, held_[i].item));
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
  }

  // What waits was checked when it came. If the schema has changed since, such as by a RENAME, and
  // it does not fit any more, the transfer starts over.
  Status CheckHeld() {
    uint64_t schema;
    TRIBUTARY_RETURN_IF_ERROR(SchemaVersion(&schema));
    if (schema == state_.schema) return {};
    writing_ = true;
    state_.schema = schema;
    for (const HeldFrame& h : held_) {
      std::string data;
      TRIBUTARY_RETURN_IF_ERROR(ReadHeld(c_, key_, h.item, &data));
      Frame frame;
      std::string error;
      if (frame.Open(data, &error) && CheckBody(frame).ok()) continue;
      held_.clear();
      state_ = {};
      stored_ = false;
      return DropTransfer(c_, key_);
    }
    return {};
  }
  Status SchemaVersion(uint64_t* version) {
    Statement s;
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c_->db(), "PRAGMA main.schema_version"));
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    *version = static_cast<uint64_t>(s.Int(0));
    return {};
  }

  // Nobody can know more of this site's transactions than it has issued.
  Status CheckSelf() {
    SiteId own;
    TRIBUTARY_RETURN_IF_ERROR(c_->stores().sites.Own(&own));
    if (header_.sender == own && !header_.covers.empty() && !AllKnown()) {
      return Wrong(absl::StrCat(
          "the changeset comes from a replica with this one's own site id and has news: one of the "
          "two files was copied from the other: ",
          kCopyRemedy));
    }
    return CheckOwnVersion(c_, "crsql_apply", header_.until.Of(own));
  }

  bool IsKnown(const SiteSpan& s) const { return s.end <= After(known_.Of(s.site)); }
  bool AllKnown() const {
    return std::all_of(header_.covers.begin(), header_.covers.end(),
                       [this](const SiteSpan& s) { return IsKnown(s); });
  }
  // Whether all that the piece covers is here already. What covers nothing must be looked at.
  bool AllArrived() const {
    if (header_.covers.empty()) return header_.rows == 0;
    return std::all_of(header_.covers.begin(), header_.covers.end(), [this](const SiteSpan& s) {
      return IsKnown(s) || state_.received.Contains(s);
    });
  }

  Status Take() {
    std::vector<int64_t> with;  // held pieces to be applied before this one; 0 is this one
    const bool applicable = Chain(&with);
    // Pieces that cover nothing are counted, unless nothing depends on them.
    const bool counts = header_.covers.empty() && !header_.until.empty();
    const DbVersion number(int64_t{header_.piece} + 1);
    const SiteSpan loose{LoosePieces(), {number, Seq(0)}, After(number)};
    if (!state_.received.AddAll(header_.covers) || (counts && !state_.received.Add(loose))) {
      return Wrong("the changeset covers more spans than a replica keeps of one transfer");
    }
    if (!applicable) TRIBUTARY_RETURN_IF_ERROR(CheckBody(frame_));
    if (!applicable || keep_only_) return Hold();
    // Pieces that a constraint refused are tried again seldom, as each try costs all of them; and
    // in the host's transaction only at the end, as there they could not be put aside again.
    const bool complete = state_.IsComplete(known_);
    if (complete || (own_transaction_ && std::has_single_bit(held_.size()))) {
      for (const HeldFrame& h : held_) {
        const bool there = std::find(with.begin(), with.end(), h.item) != with.end();
        const bool alone = !h.header.continues && !h.header.continued;
        if (!there && (complete || alone)) with.push_back(h.item);
      }
    }
    TRIBUTARY_RETURN_IF_ERROR(Apply(with, !complete));
    for (const int64_t item : with) {
      if (item == 0) continue;
      TRIBUTARY_RETURN_IF_ERROR(DropHeld(c_, key_, item));
      std::erase_if(held_, [&](const HeldFrame& h) { return h.item == item; });
    }
    return {};
  }

  // What will not do later is refused now.
  Status CheckBody(const Frame& frame) {
    std::string error;
    std::string buffer;
    std::string_view body;
    if (!frame.Body(&buffer, &body, &error)) return Wrong(error);
    return BodyMerger(c_).Open(body, BodyMerger::Rows::kCheckNow);
  }

  Status Hold() {
    writing_ = true;
    if (held_.empty()) TRIBUTARY_RETURN_IF_ERROR(SchemaVersion(&state_.schema));
    held_.push_back({0, header_});
    return HoldFrame(c_, key_, frame_.header(), data_);
  }

  // The pieces that must become visible together with this one, in order; false where one of them
  // is not here yet. What is here and does not wait was applied: parts of a back-fill. Pieces of
  // two snapshots may overlap.
  bool Chain(std::vector<int64_t>* with) const {
    with->assign(1, 0);
    if (header_.covers.empty()) return true;
    for (const ChangesetHeader* first = &header_; first->continues;) {
      const SiteSpan& at = first->covers.front();
      const HeldFrame* before = Waiting([&](const ChangesetHeader& h) {
        const SiteSpan& s = h.covers.back();
        return h.continued && s.site == at.site && s.begin < at.begin && s.end >= at.begin;
      });
      if (before == nullptr) {
        if (!EndsAt(at)) return false;
        break;
      }
      with->insert(with->begin(), before->item);
      first = &before->header;
    }
    for (const ChangesetHeader* last = &header_; last->continued;) {
      const SiteSpan& at = last->covers.back();
      const HeldFrame* behind = Waiting([&](const ChangesetHeader& h) {
        const SiteSpan& s = h.covers.front();
        return h.continues && s.site == at.site && s.begin <= at.end && s.end > at.end;
      });
      if (behind == nullptr) return state_.received.End(at.site, at.end) > at.end;
      with->push_back(behind->item);
      last = &behind->header;
    }
    return true;
  }
  template <typename F>
  const HeldFrame* Waiting(F fits) const {
    const auto at = std::find_if(held_.begin(), held_.end(), [&](const HeldFrame& h) {
      return !h.header.covers.empty() && fits(h.header);
    });
    return at == held_.end() ? nullptr : &*at;
  }
  // Whether something that arrived ends where the span begins.
  bool EndsAt(const SiteSpan& s) const {
    const auto spans = state_.received.spans();
    return std::any_of(spans.begin(), spans.end(), [&](const SiteSpan& r) {
      return r.site == s.site && r.begin < s.begin && r.end >= s.begin;
    });
  }

  // Applies them as one. `curable`: what a constraint refuses the rest of the transfer may cure.
  Status Apply(const std::vector<int64_t>& items, bool curable) {
    for (const int64_t item : items) {
      std::string stored;
      if (item != 0) {
        TRIBUTARY_RETURN_IF_ERROR(ReadHeld(c_, key_, item, &stored));
      }
      std::string_view data = data_;
      if (item != 0) data = stored;
      Status applied = ApplyOne(
          data, item == 0 ? BodyMerger::Rows::kCheckNow : BodyMerger::Rows::kCheckAsTheyMerge);
      if (!applied.ok()) return Refused(std::move(applied), curable);
    }
    if (!own_transaction_) return {};
    Status settled = c_->Flush(true);
    if (settled.ok() && HasDanglingReferences(c_->db())) {
      settled = {SQLITE_CONSTRAINT_FOREIGNKEY,
                 "crsql_apply: FOREIGN KEY constraint failed: a deferred reference to a row that "
                 "none of the replicas has"};
    }
    return settled.ok() ? Status() : Refused(std::move(settled), curable);
  }

  Status Refused(Status s, bool curable) {
    may_be_cured_ = curable && (s.code() & 0xff) == SQLITE_CONSTRAINT;
    return s;
  }

  Status ApplyOne(std::string_view data, BodyMerger::Rows rows) {
    Frame frame;
    std::string error;
    std::string buffer;
    std::string_view body;
    if (!frame.Open(data, &error) || !frame.Body(&buffer, &body, &error)) return Wrong(error);
    BodyMerger merger(c_);
    TRIBUTARY_RETURN_IF_ERROR(merger.Open(body, rows));
    writing_ = true;
    c_->NoteLogWrite();
    TRIBUTARY_RETURN_IF_ERROR(merger.Merge());
    rows_ += merger.rows_changed();
    return {};
  }

  // A piece that comes again where all of its transfer is known opens none anew.
  Status Conclude() {
    // Pieces of one transfer may be of several snapshots: each tells what it lacks.
    if (key_.scope.empty()) TRIBUTARY_RETURN_IF_ERROR(AddDropped(c_, header_.dropped));
    if ((known_.Covers(state_.until) || state_.IsComplete(known_)) && held_.empty()) {
      TRIBUTARY_RETURN_IF_ERROR(RaiseKnown(c_, key_.scope, state_.until));
      TRIBUTARY_RETURN_IF_ERROR(EndTransfers(c_, key_.scope));
      return ApplyWaiting();
    }
    if (!stored_) TRIBUTARY_RETURN_IF_ERROR(DropSuperseded(c_, key_));
    return SaveTransfer(c_, key_, state_);
  }

  // What is known now may be the rest of other transfers, whose senders have nothing more to send.
  Status ApplyWaiting() {
    for (;;) {
      TransferKey key;
      TRIBUTARY_RETURN_IF_ERROR(FindComplete(c_, key_.scope, &key, &state_));
      if (key.name.empty()) return {};
      key_ = std::move(key);
      stored_ = true;
      TRIBUTARY_RETURN_IF_ERROR(ListHeld(c_, key_, &held_));
      TRIBUTARY_RETURN_IF_ERROR(CheckHeld());
      if (held_.empty()) continue;  // it starts over
      std::vector<int64_t> items;
      for (const HeldFrame& h : held_) items.push_back(h.item);
      ScopedSavepoint savepoint(c_->db());
      TRIBUTARY_RETURN_IF_ERROR(savepoint.Begin());
      Status applied = Apply(items, false);
      // What a constraint refuses is tried again with that sender's next piece.
      if ((applied.code() & 0xff) == SQLITE_CONSTRAINT) return {};
      TRIBUTARY_RETURN_IF_ERROR(std::move(applied));
      TRIBUTARY_RETURN_IF_ERROR(DropTransfer(c_, key_));
      TRIBUTARY_RETURN_IF_ERROR(RaiseKnown(c_, key_.scope, state_.until));
      TRIBUTARY_RETURN_IF_ERROR(EndTransfers(c_, key_.scope));
      TRIBUTARY_RETURN_IF_ERROR(savepoint.Release());
    }
  }

  Connection* c_;
  std::string_view data_;
  Frame frame_;
  ChangesetHeader header_;
  TransferKey key_;
  VersionVector known_;
  TransferState state_;
  bool own_transaction_ = false;
  bool writing_ = false;       // something may have been written
  bool may_be_cured_ = false;  // the failure is a constraint's that the rest may satisfy
  bool keep_only_ = false;     // do not try, only keep it for later
  bool stored_ = false;        // the transfer's state is in the file
  std::vector<HeldFrame> held_;
  int64_t rows_ = 0;
};

}  // namespace

Status ApplyChangeset(Connection* c, std::string_view frame, int64_t* rows) {
  if (c->merging) {
    return Wrong("a trigger that runs because of a merge cannot apply changesets itself");
  }
  const ScopedHostCounters counters(c);
  return Applier(c, frame).Run(rows);
}

}  // namespace tributary
