#include "tests/support/crsql_peer.h"

#include <algorithm>

namespace tributary::testing {
namespace {

constexpr char kSentinel[] = "-1";

// Packed as one column: integers below 2^24 and texts below 256 bytes, which is all that tests use.
std::string Pack(const Cell& key) {
  std::string bytes;
  if (key.type == SQLITE_INTEGER) {
    for (int64_t n = key.integer; n != 0; n >>= 8) {
      bytes.insert(bytes.begin(), static_cast<char>(n & 0xff));
    }
    return std::string("\x01", 1) + static_cast<char>(bytes.size() << 3 | 1) + bytes;
  }
  bytes = std::string("\x01\x0b", 2) + static_cast<char>(key.bytes.size());
  return bytes + key.bytes;
}

Cell Unpack(const std::string& pk) {
  if ((pk.at(1) & 7) == 3) return Cell::Text(pk.substr(3));
  int64_t n = 0;
  for (size_t i = 2; i < pk.size(); i++) n = n << 8 | static_cast<unsigned char>(pk[i]);
  return Cell::Integer(n);
}

std::string Blob(const std::string& bytes) { return "x'" + ToHex(bytes) + "'"; }

}  // namespace

void CrsqlPeer::AddTable(const std::string& name, const std::string& key_type,
                         std::vector<std::string> columns) {
  tables_[name] = {key_type, std::move(columns), {}};
}

int64_t CrsqlPeer::CausalLength(const RowState& row) {
  const auto sentinel = row.clocks.find(kSentinel);
  if (sentinel != row.clocks.end()) return sentinel->second.col_version;
  return row.clocks.empty() ? 0 : 1;
}

CrsqlPeer::RowState& CrsqlPeer::Find(const std::string& table, const Cell& key) {
  RowState& row = tables_.at(table).rows[Pack(key)];
  row.key = key;
  return row;
}

int64_t CrsqlPeer::NextVersion() { return pending_ = std::max(pending_, version_ + 1); }

void CrsqlPeer::Touch(RowState* row, const std::string& column) {
  row->clocks[column] = Stamp(row->clocks[column].col_version + 1);
}

void CrsqlPeer::Create(const Table& table, RowState* row) {
  if (row->exists) return;
  row->exists = true;
  row->values.clear();
  for (const std::string& column : table.columns) row->values[column] = Cell::Null();
}

void CrsqlPeer::Insert(const std::string& table, const Cell& key, const Values& values) {
  const Table& t = tables_.at(table);
  RowState& row = Find(table, key);
  if (row.exists) return;
  const int64_t cl = CausalLength(row);
  Create(t, &row);
  for (const auto& [column, value] : values) row.values.at(column) = value;
  if (cl > 0 || t.columns.empty()) row.clocks[kSentinel] = Stamp(cl + 1);
  for (const std::string& column : t.columns) Touch(&row, column);
}

void CrsqlPeer::Update(const std::string& table, const Cell& key, const Values& values) {
  RowState& row = Find(table, key);
  if (!row.exists) return;
  for (const std::string& column : tables_.at(table).columns) {
    const auto value = values.find(column);
    if (value == values.end() || row.values.at(column) == value->second) continue;
    row.values.at(column) = value->second;
    Touch(&row, column);
  }
}

void CrsqlPeer::Delete(const std::string& table, const Cell& key) {
  RowState& row = Find(table, key);
  if (!row.exists) return;
  const Clock sentinel = Stamp(CausalLength(row) + 1);
  row.exists = false;
  row.clocks = {{kSentinel, sentinel}};
}

void CrsqlPeer::Move(const std::string& table, const Cell& from, const Cell& to) {
  RowState& to_row = Find(table, to);
  const RowState old = Find(table, from);
  if (!old.exists || to_row.exists) return;
  Delete(table, from);
  const int64_t cl = CausalLength(to_row);
  to_row.clocks[kSentinel] = Stamp(cl + 1);
  to_row.exists = true;
  to_row.values = old.values;
  for (const std::string& column : tables_.at(table).columns) {
    const auto clock = old.clocks.find(column);
    if (clock == old.clocks.end()) continue;
    to_row.clocks[column] =
        kind_ == kUpstream ? clock->second : Stamp(clock->second.col_version + 1);
  }
}

void CrsqlPeer::Commit() {
  version_ = std::max(version_, pending_);
  pending_ = 0;
  seq_ = 0;
}

void CrsqlPeer::Merge(const std::vector<Change>& changes) {
  const int64_t before = version_;
  for (const Change& change : changes) MergeOne(change);
  Commit();
  if (kind_ == kFork) version_ = before;  // it counts local transactions only
}

void CrsqlPeer::MergeOne(const Change& c) {
  if (std::find(sites_.begin(), sites_.end(), c.site) == sites_.end()) sites_.push_back(c.site);
  if (kind_ == kFork && c.site == site_ && c.db_version > version_) {
    throw TestError("cr-sqlite: Unable to insert db version for site id");
  }
  if (c.site != site_) seen_[c.site] = std::max(seen_[c.site], c.db_version);
  const Table& table = tables_.at(c.table);
  RowState& row = Find(c.table, Unpack(c.pk));
  const int64_t local = CausalLength(row);
  if (c.cl < local) return;
  const auto stamp = [&](int64_t col_version) {
    if (kind_ == kUpstream) pending_ = std::max(NextVersion(), c.db_version);
    return Clock{col_version, kind_ == kUpstream ? pending_ : c.db_version, c.site, c.seq};
  };
  if (c.cl % 2 == 0) {
    if (c.cl == local) return;
    row.exists = false;
    row.clocks = {{kSentinel, stamp(c.col_version)}};
    return;
  }
  if (c.is_sentinel() && c.cl == local) return;
  if (c.cl > local && (c.is_sentinel() || local > 0 || c.cl > 1)) {
    for (auto& [column, clock] : row.clocks) {
      clock.col_version = 0;
      if (kind_ == kUpstream) clock.db_version = NextVersion();
    }
    row.clocks[kSentinel] = stamp(c.cl);
    Create(table, &row);
    if (c.is_sentinel()) return;
  } else if (c.cl == local) {
    const Clock& mine = row.clocks[c.cid];
    if (c.col_version < mine.col_version) return;
    if (c.col_version == mine.col_version && CompareCells(c.value, row.values.at(c.cid)) <= 0) {
      return;
    }
  }
  Create(table, &row);
  row.values.at(c.cid) = c.value;
  row.clocks[c.cid] = stamp(c.col_version);
}

std::vector<Change> CrsqlPeer::Changes() const {
  std::vector<Change> changes;
  for (const auto& [name, table] : tables_) {
    for (const auto& [pk, row] : table.rows) {
      for (const auto& [cid, clock] : row.clocks) {
        changes.push_back({.table = name,
                           .pk = pk,
                           .cid = cid,
                           .value = cid == kSentinel ? Cell::Null() : row.values.at(cid),
                           .col_version = clock.col_version,
                           .db_version = clock.db_version,
                           .site = clock.site,
                           .cl = CausalLength(row),
                           .seq = clock.seq,
                           .ts = Cell::Text("0")});
      }
    }
  }
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::pair(a.db_version, a.seq) < std::pair(b.db_version, b.seq);
  });
  return changes;
}

std::string CrsqlPeer::TableText(const std::string& table) const {
  std::vector<const RowState*> rows;
  for (const auto& [pk, row] : tables_.at(table).rows) {
    if (row.exists) rows.push_back(&row);
  }
  std::sort(rows.begin(), rows.end(),
            [](const RowState* a, const RowState* b) { return CompareCells(a->key, b->key) < 0; });
  std::string text;
  for (const RowState* row : rows) {
    if (!text.empty()) text += '\n';
    text += row->key.ToSql();
    for (const std::string& c : tables_.at(table).columns) text += '|' + row->values.at(c).ToSql();
  }
  return text;
}

int64_t CrsqlPeer::Ordinal(const std::string& site) const {
  return std::find(sites_.begin(), sites_.end(), site) - sites_.begin();
}

std::string CrsqlPeer::TableSql(const std::string& name, const Table& table) const {
  const bool fork = kind_ == kFork;
  std::string columns;
  for (const std::string& c : table.columns) columns += ", " + c;
  std::string sql =
      "CREATE TABLE " + name + "(k " + table.key_type + " PRIMARY KEY NOT NULL" + columns + ");";
  sql += "CREATE TABLE " + name +
         "__crsql_clock(key INTEGER NOT NULL, col_name TEXT NOT NULL, col_version INTEGER NOT "
         "NULL, db_version INTEGER NOT NULL, site_id INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT "
         "NULL, " +
         (fork ? "ts TEXT NOT NULL DEFAULT '0', " : "") +
         "PRIMARY KEY(key, col_name)) WITHOUT ROWID, STRICT;";
  sql += "CREATE INDEX " + name + "__crsql_clock_dbv_idx ON " + name + "__crsql_clock(" +
         (fork ? "site_id, " : "") + "db_version);";
  sql += "CREATE TABLE " + name + "__crsql_pks(__crsql_key INTEGER PRIMARY KEY, k);" +
         "CREATE UNIQUE INDEX " + name + "__crsql_pks_pks ON " + name + "__crsql_pks(k);";
  int64_t number = 0;
  for (const auto& [pk, row] : table.rows) {
    const std::string key = std::to_string(++number);
    if (row.exists) {
      sql += "INSERT INTO " + name + " VALUES(" + row.key.ToSql();
      for (const std::string& c : table.columns) sql += ", " + row.values.at(c).ToSql();
      sql += ");";
    }
    sql += "INSERT INTO " + name + "__crsql_pks VALUES(" + key + ", " + row.key.ToSql() + ");";
    for (const auto& [cid, clock] : row.clocks) {
      sql += "INSERT INTO " + name +
             "__crsql_clock(key, col_name, col_version, db_version, site_id, seq) VALUES(" + key +
             ", '" + cid + "'";
      for (const int64_t n :
           {clock.col_version, clock.db_version, Ordinal(clock.site), clock.seq}) {
        sql += ", " + std::to_string(n);
      }
      sql += ");";
    }
  }
  const auto trigger = [&](const std::string& suffix, const std::string& event,
                           const std::string& call) {
    sql += "CREATE TRIGGER " + name + "__crsql_" + suffix + " AFTER " + event + " ON " + name +
           " WHEN crsql_internal_sync_bit() = 0 BEGIN VALUES (" + call + "); END;";
  };
  trigger("itrig", "INSERT", "crsql_after_insert('" + name + "', NEW.k)");
  trigger("utrig", "UPDATE", "crsql_after_update('" + name + "', NEW.k, OLD.k)");
  trigger("dtrig", "DELETE", "crsql_after_delete('" + name + "', OLD.k)");
  return sql;
}

std::string CrsqlPeer::ToSql() const {
  const bool fork = kind_ == kFork;
  std::string sql =
      "BEGIN; CREATE TABLE crsql_master(\"key\" TEXT PRIMARY KEY, \"value\" ANY);"
      "INSERT INTO crsql_master VALUES('crsqlite_version', " +
      std::string(fork ? "170000" : "160300") +
      ");"
      "CREATE TABLE crsql_site_id(site_id BLOB NOT NULL, ordinal INTEGER PRIMARY KEY);"
      "CREATE UNIQUE INDEX crsql_site_id_site_id ON crsql_site_id(site_id);"
      "CREATE TABLE crsql_tracked_peers(site_id BLOB NOT NULL, version INTEGER NOT NULL, seq "
      "INTEGER DEFAULT 0, tag INTEGER, event INTEGER, PRIMARY KEY(site_id, tag, event)) STRICT;";
  for (size_t i = 0; i < sites_.size(); i++) {
    sql += "INSERT INTO crsql_site_id VALUES(" + Blob(sites_[i]) + ", " + std::to_string(i) + ");";
  }
  if (fork) {
    sql +=
        "CREATE TABLE crsql_db_versions(site_id BLOB NOT NULL PRIMARY KEY, db_version INTEGER NOT "
        "NULL) STRICT; INSERT INTO crsql_db_versions VALUES(" +
        Blob(site_) + ", " + std::to_string(version_) + ");";
    for (const auto& [site, version] : seen_) {
      sql += "INSERT INTO crsql_db_versions VALUES(" + Blob(site) + ", " + std::to_string(version) +
             ");";
    }
  }
  for (const auto& [name, table] : tables_) sql += TableSql(name, table);
  if (fork) {
    sql +=
        "CREATE TRIGGER crsql_site_id_insert_trig AFTER INSERT ON crsql_site_id WHEN NEW.ordinal "
        "<> 0 BEGIN VALUES (crsql_update_site_id(NEW.site_id, NEW.ordinal)); END;"
        "CREATE TRIGGER crsql_site_id_update_trig AFTER UPDATE ON crsql_site_id WHEN NEW.ordinal "
        "<> 0 BEGIN VALUES (crsql_update_site_id(NEW.site_id, NEW.ordinal)); END;"
        "CREATE TRIGGER crsql_site_id_delete_trig AFTER DELETE ON crsql_site_id WHEN OLD.ordinal "
        "<> 0 BEGIN VALUES (crsql_update_site_id(OLD.site_id, -1)); END;";
  }
  return sql + "COMMIT;";
}

}  // namespace tributary::testing
