// tributary inspect: what is in a file of changesets, or in a shared folder.
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "sync/changeset/frame.h"
#include "sync/changeset/json.h"
#include "sync/cli/commands.h"
#include "sync/cli/folder_sync.h"
#include "sync/cli/json.h"

namespace tributary::cli {
namespace {

using folder::SegmentFile;
using folder::SiteName;

constexpr std::string_view kDetails =
    "For a file (a segment, a marker, a schema, or changesets one after the other): each frame\n"
    "with its sender, what it covers, its counts, sizes and checksum. For a folder: its segments,\n"
    "which are the points in time that tributary restore knows, and its replicas. Says which "
    "files\n"
    "are damaged, where, and ends with 1 then; of a folder, --verify reads all of every segment.\n"
    "--content shows the rows of changesets, as JSON.\n\n"
    "Examples:\n"
    "  tributary inspect /mnt/backup/notes\n"
    "  tributary inspect ~/Dropbox/notes/0a1b...f6/1-1520.trib\n"
    "  tributary inspect --json --content changeset.bin | jq .frames\n";

struct FrameReport {
  uint64_t offset = 0;
  std::string data;
  Frame frame;  // a view of data
  std::string kind;
  ChangesetHeader changeset;
  folder::SegmentHead segment;
  folder::Marker marker;
  folder::Schema schema;
};

bool DecodeContent(FrameReport* r, std::string* error) {
  folder::Checksum checksum;
  switch (r->frame.kind()) {
    case FrameKind::kChangeset: {
      r->kind = "changeset";
      std::string json;
      // The body is looked at, too.
      return r->changeset.Decode(r->frame.header(), error) &&
             ChangesetToJson(r->data, &json, error);
    }
    case FrameKind::kSegment:
      r->kind = "segment";
      return r->segment.Decode(r->data, error);
    case FrameKind::kMarker:
      r->kind = "marker";
      return r->marker.Decode(r->data, error);
    case FrameKind::kSchema:
      r->kind = "schema";
      return r->schema.Decode(r->data, &checksum, error);
    default:
      *error = "a message of a session, which is not kept in files";
      return false;
  }
}

// Reads frame by frame.
class FrameFile {
 public:
  explicit FrameFile(const std::string& path) : file_(std::fopen(path.c_str(), "rb")) {}
  bool open() const { return file_ != nullptr; }
  uint64_t offset() const { return offset_; }

  // False at the end, with *error empty, or where something is wrong.
  bool Next(FrameReport* r, std::string* error) {
    *r = {};
    r->offset = offset_;
    size_t size = 0;
    if (!Read(kFrameFixedSize, &r->data) || r->data.empty()) return false;
    if (!Frame::Size(r->data, &size, error)) return false;
    // In steps, so that a false size needs no memory.
    while (r->data.size() < size) {
      const size_t before = r->data.size();
      if (!Read(std::min<size_t>(size - before, 1 << 20), &r->data)) return false;
      if (r->data.size() == before) break;
    }
    if (!r->frame.OpenAny(r->data, error) || !DecodeContent(r, error)) return false;
    offset_ += r->data.size();
    return true;
  }

 private:
  bool Read(size_t size, std::string* data) {
    const size_t before = data->size();
    data->resize(before + size);
    data->resize(before + std::fread(data->data() + before, 1, size, file_.get()));
    return std::ferror(file_.get()) == 0;
  }
  struct Closer {
    void operator()(FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<FILE, Closer> file_;
  uint64_t offset_ = 0;
};

std::string ShortName(const SiteId& site) { return SiteName(site).substr(0, 8); }

std::string ShowVector(const VersionVector& v) {
  std::string text;
  for (const VersionVector::Entry& e : v.entries()) {
    if (!text.empty()) text += ' ';
    text += ShortName(e.site) + ':' + std::to_string(e.version.value);
  }
  return text.empty() ? "nothing" : text;
}

std::string ShowSpan(const SiteSpan& s) {
  const auto point = [](const LogPoint& p) {
    return std::to_string(p.version.value) +
           (p.seq > Seq(0) ? "." + std::to_string(p.seq.value) : "");
  };
  const bool whole = s.end.seq == Seq(0);
  return ShortName(s.site) + ':' + point(s.begin) + ".." +
         (whole ? std::to_string(s.end.version.value - 1) : "<" + point(s.end));
}

std::string ChecksumText(std::string_view frame) { return Hex(frame.substr(20, 16)); }

void PrintFrame(const FrameReport& r) {
  std::printf(
      "%10llu  %-9s  %s%s  checksum %s\n", static_cast<unsigned long long>(r.offset),
      r.kind.c_str(), Bytes(static_cast<int64_t>(r.data.size())).c_str(),
      r.frame.compressed()
          ? (" (" + Bytes(static_cast<int64_t>(r.frame.body_size())) + " uncompressed)").c_str()
          : "",
      ChecksumText(r.data).c_str());
  const auto line = [](const std::string& text) {
    std::printf("%s\n", Wrap(text, "            ", 100).c_str());
  };
  const auto count = [](uint64_t n, const char* noun) {
    return Count(static_cast<int64_t>(n), noun);
  };
  if (r.kind == "changeset") {
    const ChangesetHeader& h = r.changeset;
    std::string covers;
    for (const SiteSpan& s : h.covers) covers += " " + ShowSpan(s);
    line("from " + ShortName(h.sender) + ", piece " + std::to_string(h.piece) +
         (h.last ? " (last)" : "") + ": " + count(h.transactions, "transaction") + ", " +
         count(h.rows, "row") + ", " + count(h.cells, "cell"));
    line("covers" + (covers.empty() ? " nothing" : covers) + ", until " + ShowVector(h.until));
  } else if (r.kind == "segment") {
    const folder::SegmentHead& h = r.segment;
    line("of " + SiteName(h.site) + ", " + ShowTime(h.time_ms) + ": " +
         count(h.frames, "changeset") + ", " + count(h.transactions, "transaction") + ", " +
         count(h.rows, "row") + ", " + count(h.size, "byte"));
    line("from " + ShowVector(h.base) + " to " + ShowVector(h.until));
  } else if (r.kind == "marker") {
    line("of " + SiteName(r.marker.site) + ", " + ShowTime(r.marker.time_ms) + ": knows " +
         ShowVector(r.marker.known));
  } else {
    for (const std::string& sql : r.schema.setup) std::printf("%s;\n", sql.c_str());
    for (const std::string& name : r.schema.replicated) {
      std::printf("-- replicated: %s\n", OneLine(name, 100).c_str());
    }
    for (const std::string& sql : r.schema.finish) std::printf("%s;\n", sql.c_str());
  }
}

void WriteVector(JsonWriter* json, std::string_view key, const VersionVector& v) {
  json->Key(key).BeginObject();
  for (const VersionVector::Entry& e : v.entries()) {
    json->Key(SiteName(e.site)).Int(e.version.value);
  }
  json->EndObject();
}

void WriteSegment(JsonWriter* json, const folder::SegmentHead& h) {
  json->Key("site").String(SiteName(h.site));
  json->Key("time").String(ShowTime(h.time_ms));
  json->Key("time_ms").Int(h.time_ms);
  WriteVector(json, "base", h.base);
  WriteVector(json, "until", h.until);
  json->Key("frames").Int(static_cast<int64_t>(h.frames));
  json->Key("bytes").Int(static_cast<int64_t>(h.size));
  json->Key("transactions").Int(static_cast<int64_t>(h.transactions));
  json->Key("rows").Int(static_cast<int64_t>(h.rows));
  json->Key("cells").Int(static_cast<int64_t>(h.cells));
  json->Key("schema").String(Hex({h.schema.data(), h.schema.size()}));
}

void WriteFrame(JsonWriter* json, const FrameReport& r, bool content) {
  json->BeginObject();
  json->Key("offset").Int(static_cast<int64_t>(r.offset));
  json->Key("size").Int(static_cast<int64_t>(r.data.size()));
  json->Key("kind").String(r.kind);
  json->Key("checksum").String(ChecksumText(r.data));
  json->Key("compressed").Bool(r.frame.compressed());
  json->Key("body_bytes").Int(static_cast<int64_t>(r.frame.body_size()));
  if (r.kind == "segment") {
    json->Key("segment").BeginObject();
    WriteSegment(json, r.segment);
    json->EndObject();
  } else if (r.kind == "marker") {
    json->Key("site").String(SiteName(r.marker.site));
    WriteVector(json, "known", r.marker.known);
  } else if (r.kind == "changeset") {
    const ChangesetHeader& h = r.changeset;
    json->Key("sender").String(SiteName(h.sender));
    json->Key("piece").Int(h.piece);
    json->Key("last").Bool(h.last);
    json->Key("transactions").Int(static_cast<int64_t>(h.transactions));
    json->Key("rows").Int(static_cast<int64_t>(h.rows));
    json->Key("cells").Int(static_cast<int64_t>(h.cells));
    json->Key("covers").BeginArray();
    for (const SiteSpan& s : h.covers) json->String(ShowSpan(s));
    json->EndArray();
    WriteVector(json, "until", h.until);
    std::string text;
    std::string error;
    if (content && ChangesetToJson(r.data, &text, &error)) {
      json->Key("content").Raw(text);
    }
  } else {
    json->Key("sql").BeginArray();
    for (const std::string& sql : r.schema.setup) json->String(sql);
    for (const std::string& sql : r.schema.finish) json->String(sql);
    json->EndArray();
    json->Key("replicated").BeginArray();
    for (const std::string& name : r.schema.replicated) json->String(name);
    json->EndArray();
  }
  json->EndObject();
}

Status InspectFile(const Context& context, const std::string& path) {
  FrameFile file(path);
  if (!file.open()) return {ExitCode::kCannotOpen, path + ": cannot be opened"};
  const bool content = context.args.Has("--content");
  JsonWriter json(stdout);
  if (context.json) {
    json.BeginObject();
    json.Key("file").String(path);
    json.Key("frames").BeginArray();
  }
  FrameReport r;
  std::string error;
  folder::FrameSum sum;
  folder::SegmentHead head;
  int64_t frames = 0;
  while (file.Next(&r, &error)) {
    if (frames++ == 0 && r.kind == "segment") head = r.segment;
    if (r.kind == "changeset") sum.Add(r.data);
    if (context.human()) PrintFrame(r);
    if (context.json) WriteFrame(&json, r, content);
    std::string text;
    if (content && context.human() && ChangesetToJson(r.data, &text, &error)) {
      std::printf("%s\n", text.c_str());
    }
    error.clear();
  }
  const bool is_segment = head.site != SiteId();
  if (error.empty() && frames == 0) error = "the file is empty";
  if (error.empty() && is_segment &&
      (head.size != file.offset() || sum.Finish() != head.checksum)) {
    error = "the segment's frames do not belong together, or some are missing: it has " +
            WithCommas(static_cast<int64_t>(file.offset())) + " of " +
            WithCommas(static_cast<int64_t>(head.size)) + " bytes";
  }
  if (!error.empty()) {
    error = "frame " + std::to_string(frames + 1) + " at byte " + std::to_string(file.offset()) +
            ": " + error;
  }
  if (context.json) {
    json.EndArray();
    if (!error.empty()) json.Key("problem").String(error);
    json.EndObject();
  }
  if (error.empty()) return {};
  return {ExitCode::kDifferent, path + ": " + error};
}

void PrintFolder(const Context& context, const folder::Listing& listing) {
  TextTable table({"time", "file", "from", "to", "rows", "size"});
  table.AlignRight(4);
  table.AlignRight(5);
  std::vector<const SegmentFile*> sorted = listing.Segments();
  std::stable_sort(sorted.begin(), sorted.end(), [](const SegmentFile* a, const SegmentFile* b) {
    return a->head.time_ms < b->head.time_ms;
  });
  for (const SegmentFile* s : sorted) {
    table.Add({ShowTime(s->head.time_ms),
               s->path.substr(0, 8) + "…" + s->path.substr(s->path.rfind('/')),
               OneLine(ShowVector(s->head.base), 40), OneLine(ShowVector(s->head.until), 40),
               WithCommas(static_cast<int64_t>(s->head.rows)),
               Bytes(static_cast<int64_t>(s->head.size))});
  }
  table.Print(stdout, context.style);
  for (const folder::Marker& m : listing.markers) {
    std::printf("%s has read up to %s\n", SiteName(m.site).c_str(), ShowVector(m.known).c_str());
  }
  std::printf("together they know %s\n", ShowVector(folder::Reach(listing.Segments())).c_str());
}

void WriteFolder(const std::string& path, const folder::Listing& listing,
                 const std::vector<folder::Problem>& problems) {
  JsonWriter json(stdout);
  json.BeginObject();
  json.Key("folder").String(path);
  json.Key("segments").BeginArray();
  for (const SegmentFile* s : listing.Segments()) {
    json.BeginObject();
    json.Key("file").String(s->path);
    WriteSegment(&json, s->head);
    json.EndObject();
  }
  json.EndArray();
  json.Key("markers").BeginArray();
  for (const folder::Marker& m : listing.markers) {
    json.BeginObject();
    json.Key("site").String(SiteName(m.site));
    WriteVector(&json, "known", m.known);
    json.EndObject();
  }
  json.EndArray();
  WriteVector(&json, "reach", folder::Reach(listing.Segments()));
  json.Key("problems").BeginArray();
  for (const folder::Problem& p : problems) {
    json.BeginObject();
    json.Key("file").String(p.path);
    json.Key("problem").String(p.text);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

Status InspectFolder(const Context& context, const std::string& path) {
  folder::Folder folder(path);
  folder::Listing listing;
  TRIBUTARY_RETURN_IF_ERROR(FromAbsl(folder.Scan(&listing)));
  std::vector<folder::Problem> problems = listing.problems;
  if (context.args.Has("--verify")) {
    for (SegmentFile& s : listing.segments) {
      const absl::Status read = folder.ReadSegment(s, nullptr);
      s.damaged = !read.ok();
      if (!read.ok()) problems.push_back({s.path, std::string(read.message())});
    }
  }
  if (context.json) WriteFolder(path, listing, problems);
  if (context.human()) {
    PrintFolder(context, listing);
    for (const folder::Problem& p : problems) {
      std::printf("%s %s: %s\n", context.style.Red("✗").c_str(), OneLine(p.path, 200).c_str(),
                  OneLine(p.text, 400).c_str());
    }
  }
  return problems.empty() ? Status() : Different();
}

bool IsDatabase(const std::string& path) {
  char magic[15] = {};
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  return file != nullptr && std::fread(magic, 1, sizeof magic, file.get()) == sizeof magic &&
         std::string_view(magic, sizeof magic) == "SQLite format 3";
}

Status RunInspect(const Context& context) {
  const std::string& path = context.arg(0);
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {ExitCode::kCannotOpen, path + ": no such file"};
  if (S_ISDIR(info.st_mode)) return InspectFolder(context, path);
  Status status = InspectFile(context, path);
  if (!status.ok() && IsDatabase(path)) {
    return {status.code(), status.message() + "; it is a database: see tributary status"};
  }
  return status;
}

}  // namespace

Command InspectCommand() {
  return {"inspect",
          "FILE|DIR",
          "what is in a changeset, segment or shared folder",
          kDetails,
          {{"--content", "", "", "show the rows of changesets, too"},
           {"--verify", "", "", "of a folder: read all of every segment"}},
          1,
          1,
          RunInspect};
}

}  // namespace tributary::cli
