#include "sync/cli/folder_sync.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sync/cli/knowledge.h"
#include "sync/cli/new_file.h"
#include "sync/cli/replica.h"

namespace tributary::cli {
namespace {

using folder::SegmentFile;
using folder::SegmentHead;

// Larger pieces compress better and are merged in fewer transactions; each is held in memory.
constexpr int64_t kPieceBytes = 4 << 20;

Status LoadSite(const Database& db, SiteId* site) {
  std::string bytes;
  TRIBUTARY_RETURN_IF_ERROR(OwnSiteId(db, &bytes));
  if (bytes.size() != site->bytes.size()) return {ExitCode::kFailed, db.path() + ": no site id"};
  std::memcpy(site->bytes.data(), bytes.data(), bytes.size());
  return {};
}

// The highest versions seen of the sites of which something is loose.
Status LoadBeyond(const Database& db, const Have& mine, VersionVector* beyond) {
  Statement s = db.Prepare("SELECT db_version FROM crsql_db_versions WHERE site_id = ?");
  for (const Have::Loose& l : mine.loose) {
    s.Reset();
    s.BindBlob(1, {reinterpret_cast<const char*>(l.site.bytes.data()), l.site.bytes.size()});
    if (s.Step()) beyond->Raise(l.site, DbVersion(s.Int(0)));
  }
  return s.status();
}

bool HasAll(const std::vector<Have::Loose>& some, const std::vector<Have::Loose>& all) {
  return std::all_of(some.begin(), some.end(), [&](const Have::Loose& l) {
    return std::find(all.begin(), all.end(), l) != all.end();
  });
}

bool Contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

Status LoadHave(const Database& db, Have* have) {
  Statement s = db.Prepare("SELECT crsql_version_vector()");
  std::string error;
  if (s.Step() && !have->Decode(s.Bytes(0), &error)) return {ExitCode::kFailed, error};
  return s.status();
}

Status FolderSync::Start() {
  TRIBUTARY_RETURN_IF_ERROR(LoadSite(db_, &site_));
  const std::string& path = folder_.path();
  bool made = access(path.c_str(), F_OK) == 0;
  if (!made) made = options_.dry_run ? CouldBeMade(path) : mkdir(path.c_str(), 0777) == 0;
  made |= errno == EEXIST;  // by somebody else, just now
  if (!made) {
    const std::string why = std::strerror(errno);
    return {ExitCode::kCannotOpen, path + ": cannot make the folder: " + why +
                                       (errno == ENOENT ? "; make the one it is to lie in" : "")};
  }
  TRIBUTARY_RETURN_IF_ERROR(Rescan());
  folder_.CleanUp(site_);
  return {};
}

Status FolderSync::Rescan() {
  TRIBUTARY_RETURN_IF_ERROR(FromAbsl(folder_.Scan(&listing_)));
  for (SegmentFile& s : listing_.segments) s.damaged = Contains(damaged_, s.path);
  return {};
}

// What the folder is taken to have. A backup must be whole without anybody else's files.
std::vector<const SegmentFile*> FolderSync::Basis() const {
  return listing_.Segments(options_.backup ? &site_ : nullptr);
}

Status FolderSync::Round(Progress* progress, FolderReport* report) {
  *report = {};
  progress_ = progress;
  damaged_.clear();  // a file may have been mended since
  TRIBUTARY_RETURN_IF_ERROR(Rescan());
  if (options_.verify) TRIBUTARY_RETURN_IF_ERROR(Verify(report));
  if (!options_.backup) TRIBUTARY_RETURN_IF_ERROR(Pull(report));
  TRIBUTARY_RETURN_IF_ERROR(Push(report));
  TRIBUTARY_RETURN_IF_ERROR(RemoveDamaged());
  for (const folder::Problem& p : listing_.problems) report->problems.push_back(p);
  return {};
}

Status FolderSync::Verify(FolderReport* report) {
  options_.verify = false;  // once, if this goes on
  int64_t total = 0;
  int64_t done = 0;
  for (const SegmentFile* s : listing_.Segments(&site_)) {
    total += static_cast<int64_t>(s->head.size);
  }
  progress_->Part("verifying", Progress::Unit::kBytes, total);
  const std::string own = folder::SiteName(site_) + "/";
  for (SegmentFile& s : listing_.segments) {
    if (s.head.site != site_) continue;
    const absl::Status status = folder_.ReadSegment(s, nullptr);
    done += static_cast<int64_t>(s.head.size);
    progress_->Set(done);
    if (status.ok()) continue;
    s.damaged = true;
    damaged_.push_back(s.path);
    report->problems.push_back({s.path, std::string(status.message())});
    if (absl::IsDataLoss(status) && s.path.starts_with(own)) to_remove_.push_back(s.path);
  }
  for (const folder::Problem& p : listing_.problems) {
    if (p.path.starts_with(own)) to_remove_.push_back(p.path);
  }
  return {};
}

Status FolderSync::RemoveDamaged() {
  for (const std::string& path : to_remove_) {
    TRIBUTARY_RETURN_IF_ERROR(FromAbsl(folder_.Remove(path)));
  }
  to_remove_.clear();
  return {};
}

Status FolderSync::Pull(FolderReport* report) {
  std::vector<std::string> refused;
  folder::Schema schema;
  uint64_t tables = 0;
  TRIBUTARY_RETURN_IF_ERROR(LoadSchema(db_, &schema, &tables));
  TRIBUTARY_RETURN_IF_ERROR(RefuseStrangers(schema));
  for (;;) {
    Have mine;
    TRIBUTARY_RETURN_IF_ERROR(LoadHave(db_, &mine));
    std::vector<const SegmentFile*> usable;
    for (const SegmentFile* s : listing_.Segments()) {
      if (!Contains(refused, s->path)) usable.push_back(s);
    }
    const folder::Plan plan = folder::MakePlan(usable, mine, tables);
    // What a broken attempt has read counts, too.
    progress_->Part("reading", Progress::Unit::kBytes,
                    report->bytes_read + static_cast<int64_t>(plan.bytes));
    report->waiting = std::count_if(usable.begin(), usable.end(), [&](const SegmentFile* s) {
      return !plan.reached.Covers(s->head.base);
    });
    bool again = false;
    for (const SegmentFile* step : plan.steps) {
      Status applied = Apply(*step, report);
      if (applied.code() == ExitCode::kBusy) return applied;
      if (applied.ok()) continue;
      // Go on with what does not build on it; in another order, perhaps over a snapshot.
      const auto bad = std::find_if(listing_.segments.begin(), listing_.segments.end(),
                                    [&](const SegmentFile& s) { return s.path == step->path; });
      if (!bad->damaged) {
        report->refused.push_back(step->path + ": " + applied.message());
        refused.push_back(step->path);
      }
      again = true;
      break;
    }
    if (!again) return {};
  }
}

// Somebody else's folder would only fill the database with what it has no place for.
Status FolderSync::RefuseStrangers(const folder::Schema& own) const {
  Have mine;
  TRIBUTARY_RETURN_IF_ERROR(LoadHave(db_, &mine));
  for (const SegmentFile* s : listing_.Segments()) {
    for (const VersionVector::Entry& e : s->head.until.entries()) {
      if (mine.known.Of(e.site) > DbVersion(0)) return {};
    }
  }
  bool others = false;
  for (const auto& [checksum, path] : listing_.schemas) {
    folder::Schema schema;
    if (!folder_.ReadSchema(listing_, checksum, &schema).ok()) return {};
    others = others || !schema.replicated.empty();
    for (const std::string& table : schema.replicated) {
      if (Contains(own.replicated, table)) return {};
    }
  }
  if (!others) return {};
  return {ExitCode::kDifferent,
          folder_.path() + ": " + db_.path() +
              " has no table in common with the replicas of this folder, and nothing of them; "
              "is it the right folder?"};
}

Status FolderSync::Apply(const SegmentFile& segment, FolderReport* report) {
  Statement apply = db_.PreparePersistent("SELECT crsql_apply(?1)");
  TRIBUTARY_RETURN_IF_ERROR(apply.status());
  Status failed;
  const absl::Status status = folder_.ReadSegment(segment, [&](std::string_view frame) {
    apply.Reset();
    apply.BindBlobView(1, frame);
    if (apply.Step()) report->rows_changed += apply.Int(0);
    failed = apply.status();
    report->bytes_read += static_cast<int64_t>(frame.size());
    progress_->Set(report->bytes_read, Count(report->rows_changed, "row") + " changed");
    return failed.ok() ? absl::OkStatus() : absl::AbortedError("");
  });
  if (!failed.ok()) return failed;
  if (status.ok()) {
    ++report->segments_read;
    return {};
  }
  // Damaged, or gone by now; the next round looks again.
  report->problems.push_back({segment.path, std::string(status.message())});
  for (SegmentFile& s : listing_.segments) s.damaged |= s.path == segment.path;
  if (absl::IsDataLoss(status)) damaged_.push_back(segment.path);
  return FromAbsl(status);
}

Status FolderSync::Push(FolderReport* report) {
  Transaction snapshot(db_);
  TRIBUTARY_RETURN_IF_ERROR(snapshot.BeginRead());
  Have mine;
  TRIBUTARY_RETURN_IF_ERROR(LoadHave(db_, &mine));
  const DbVersion published = folder::Reach(Basis()).Of(site_);
  if (published > mine.known.Of(site_)) {
    return {
        ExitCode::kDifferent,
        db_.path() + ": this replica has published its transaction " +
            std::to_string(published.value) + ", but the file ends at " +
            std::to_string(mine.known.Of(site_).value) +
            ": it was put back from an older copy; make a new replica with: tributary restore " +
            folder_.path() + " --to NEW.db"};
  }
  TRIBUTARY_RETURN_IF_ERROR(Publish(mine, report));
  return options_.backup ? Status() : Mark(mine);
}

Status FolderSync::Publish(const Have& mine, FolderReport* report) {
  SegmentHead common;
  common.site = site_;
  common.keep = options_.backup;
  common.until = mine.known;
  common.loose = mine.loose;
  common.time_ms = NowMilliseconds();
  TRIBUTARY_RETURN_IF_ERROR(LoadBeyond(db_, mine, &common.beyond));
  folder::Schema schema;
  TRIBUTARY_RETURN_IF_ERROR(LoadSchema(db_, &schema, &common.tables));
  schema.Encode(&common.schema);

  const std::vector<const SegmentFile*> basis = Basis();
  const VersionVector base = folder::Minimum(folder::Reach(basis), mine.known);
  std::vector<Have::Loose> loose;
  bool starts_same_tables = false;
  const SegmentFile* last = nullptr;
  for (const SegmentFile* s : basis) {
    loose.insert(loose.end(), s->head.loose.begin(), s->head.loose.end());
    starts_same_tables |= s->head.base.empty() && s->head.tables == common.tables;
    const bool later = last == nullptr || (s->head.until.Covers(last->head.until) &&
                                           s->head.time_ms >= last->head.time_ms);
    if (s->head.site == site_ && later) last = s;
  }
  const bool news = !base.Covers(mine.known) || !HasAll(mine.loose, loose);
  const bool other_schema = last != nullptr && last->head.schema != common.schema;
  // What is restored from a backup is to have nothing of what was dropped. In a shared folder
  // nothing older is to be needed that has names from before something was renamed.
  bool renamed = false;
  TRIBUTARY_RETURN_IF_ERROR(HasFormerNames(db_, &renamed));
  const bool other_tables = last != nullptr && last->head.tables != common.tables;
  const bool restart =
      options_.backup ? !starts_same_tables : renamed && (!starts_same_tables || other_tables);
  const bool snapshot = restart || options_.snapshot;
  options_.snapshot = false;  // once, if this goes on
  if (news || other_schema || snapshot) {
    TRIBUTARY_RETURN_IF_ERROR(FromAbsl(folder_.WriteSchema(site_, schema, &common.schema)));
  }
  if ((news && !(snapshot && base.empty())) || (other_schema && !snapshot)) {
    TRIBUTARY_RETURN_IF_ERROR(Write(common, base, loose, other_schema, report));
  }
  if (snapshot) TRIBUTARY_RETURN_IF_ERROR(Write(common, {}, {}, true, report));
  return options_.backup ? Status() : Compact(common, report);
}

// Writes what lies above `base`; nothing where that is nothing, unless `always`.
Status FolderSync::Write(const SegmentHead& common, const VersionVector& base,
                         const std::vector<Have::Loose>& loose, bool always, FolderReport* report) {
  SegmentHead head = common;
  head.base = base;
  Have have;
  have.known = base;
  have.loose = loose;
  folder::SegmentWriter writer;
  TRIBUTARY_RETURN_IF_ERROR(FromAbsl(writer.Begin(folder_, head)));
  const std::string have_bytes = have.Encode();
  int64_t total = 0;  // known only of everything
  if (progress_->enabled() && base.empty()) TRIBUTARY_RETURN_IF_ERROR(CountRows(db_, &total));
  progress_->Part("writing", Progress::Unit::kRows, total);
  Statement s = db_.Prepare("SELECT changeset FROM crsql_changesets(?1, ?2)");
  s.BindBlob(1, have_bytes).Bind(2, kPieceBytes);
  while (s.Step()) {
    ChangesetHeader header;
    TRIBUTARY_RETURN_IF_ERROR(ReadHeader(s.Bytes(0), &header));
    TRIBUTARY_RETURN_IF_ERROR(FromAbsl(writer.Add(s.Bytes(0), header)));
    progress_->Set(static_cast<int64_t>(writer.head().rows),
                   Bytes(static_cast<int64_t>(writer.head().size)));
  }
  TRIBUTARY_RETURN_IF_ERROR(s.status());
  if (writer.head().frames == 0 && !always) return {};
  FolderReport::Written& written = report->written.emplace_back();
  const absl::Status status = writer.Commit(&written.path);
  written.head = writer.head();
  if (options_.dry_run) folder_.Pretend({.path = written.path, .head = written.head});
  return FromAbsl(status);
}

Status FolderSync::Compact(const SegmentHead& common, FolderReport* report) {
  TRIBUTARY_RETURN_IF_ERROR(Rescan());
  std::vector<const SegmentFile*> all = listing_.Segments();
  VersionVector base;
  // Only who has just written, or all would do it at once. Not while something is missing here:
  // what replaces others must have all that they have.
  const bool whole = !report->written.empty() && report->refused.empty() && report->waiting == 0 &&
                     report->problems.empty() && listing_.problems.empty() &&
                     common.until.Covers(folder::Reach(all));
  if (whole && folder::DueForMerge(all, site_, &base)) {
    TRIBUTARY_RETURN_IF_ERROR(Write(common, base, {}, true, report));
    TRIBUTARY_RETURN_IF_ERROR(Rescan());
    all = listing_.Segments();
  }
  return RemoveReplaced(report);
}

// What replaces others is read first: its size alone does not tell that it is sound.
Status FolderSync::RemoveReplaced(FolderReport* report) {
  const std::vector<VersionVector> readers = listing_.Readers(site_);
  for (;;) {
    const std::vector<const SegmentFile*> all = listing_.Segments();
    const std::vector<const SegmentFile*> old = folder::Removable(all, site_, readers);
    bool again = false;
    for (SegmentFile& s : listing_.segments) {
      const bool replaces = std::any_of(old.begin(), old.end(), [&s](const SegmentFile* o) {
        return folder::Dominates(s.head, o->head);
      });
      const bool stays = std::find(old.begin(), old.end(), &s) == old.end();
      if (s.damaged || !replaces || !stays || folder_.ReadSegment(s, nullptr).ok()) continue;
      s.damaged = again = true;
    }
    if (again) continue;
    for (const SegmentFile* s : old) {
      TRIBUTARY_RETURN_IF_ERROR(FromAbsl(folder_.Remove(s->path)));
      ++report->removed;
    }
    return {};
  }
}

// The marker is written only where this replica's segments do not say as much.
Status FolderSync::Mark(const Have& mine) const {
  VersionVector told;
  for (const folder::Marker& m : listing_.markers) {
    if (m.site == site_) told.MergeMax(m.known);
  }
  for (const SegmentFile* s : listing_.Segments(&site_)) told.MergeMax(s->head.until);
  if (told.Covers(mine.known)) return {};
  folder::Marker marker;
  marker.site = site_;
  marker.known = mine.known;
  marker.time_ms = NowMilliseconds();
  return FromAbsl(folder_.WriteMarker(marker));
}

}  // namespace tributary::cli
