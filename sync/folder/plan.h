// Which segments of a folder to read, and which may go: vectors only, no files.
//
// A segment may be applied where its `base` is known; then its `until` is known, too. The folder
// as a whole is a replica of its own: it knows what somebody who knows nothing can reach (Reach).
// Whoever publishes gives the folder what it lacks, so that each change lies there once.
#ifndef TRIBUTARY_SYNC_FOLDER_PLAN_H_
#define TRIBUTARY_SYNC_FOLDER_PLAN_H_

#include <optional>
#include <string>
#include <vector>

#include "sync/folder/format.h"

namespace tributary::folder {

// A segment that is there in full length.
struct SegmentFile {
  std::string path;  // below the folder
  SegmentHead head;
  bool damaged = false;  // found so by reading it: never used
};

// What to apply, in order, to come from what `have` knows as far as the segments allow, and for
// records that came to a writer without the promise that nothing is missing (loose); of two ways
// there the one with fewer bytes. Who knows nobody yet starts from a snapshot of a replica with its
// own tables (SegmentHead::tables), if it can: others may have names of columns from before these
// were renamed, which a newcomer has never had.
struct Plan {
  std::vector<const SegmentFile*> steps;
  VersionVector reached;
  uint64_t bytes = 0;
};
Plan MakePlan(const std::vector<const SegmentFile*>& segments, const Have& have,
              std::optional<uint64_t> tables = std::nullopt);

// What who knows nothing knows in the end.
VersionVector Reach(const std::vector<const SegmentFile*>& segments);

// Whether who can use `small` could use `large` instead. Not that of a replica that has dropped
// something: what others still have of it is not in there. A segment without content tells of its
// schema, and is not replaced by one of another.
bool Dominates(const SegmentHead& large, const SegmentHead& small);

// Of the segments of `site`: those that others of the folder replace and every reader has passed.
std::vector<const SegmentFile*> Removable(const std::vector<const SegmentFile*>& segments,
                                          const SiteId& site,
                                          const std::vector<VersionVector>& readers);

// Whether a segment that replaces older ones is due, and where it should begin. A snapshot (empty
// base) once a newcomer would read more besides the last one than that has; a shorter one once a
// site has left many small segments.
bool DueForMerge(const std::vector<const SegmentFile*>& segments, const SiteId& site,
                 VersionVector* base);

}  // namespace tributary::folder

#endif  // TRIBUTARY_SYNC_FOLDER_PLAN_H_
