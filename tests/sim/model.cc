#include "tests/sim/model.h"

namespace tributary::sim {
namespace {

// The larger site, then the larger version; inside a transaction the earlier seq is the greater.
bool Greater(const ModelStamp& a, const ModelStamp& b) {
  if (a.site != b.site) return a.site > b.site;
  if (a.version != b.version) return a.version > b.version;
  return a.seq < b.seq;
}

Change MakeChange(const std::string& table, const std::string& pk, const ModelRow& row,
                  const ModelStamp& stamp) {
  return {.table = table,
          .pk = pk,
          .cid = "-1",
          .col_version = row.cl,
          .db_version = stamp.version,
          .site = stamp.site,
          .cl = row.cl,
          .seq = stamp.seq};
}

}  // namespace

std::vector<std::string> Model::LivingKeys(const std::string& table) const {
  std::vector<std::string> keys;
  for (const auto& [name, row] : rows_) {
    if (name.first == table && row.alive()) keys.push_back(name.second);
  }
  return keys;
}

void Model::Touch(ModelRow* row, const std::string& column) {
  ModelClock& clock = row->clocks[column];
  clock.version++;
  clock.stamp = Stamp();
}

void Model::GiveDefaults(const std::string& table, ModelRow* row) const {
  const ModelTable& t = tables_.at(table);
  for (const std::string& column : t.columns) row->values[column] = t.defaults.at(column);
}

bool Model::Insert(const std::string& table, const std::string& pk, const Values& values,
                   bool replace) {
  ModelRow& r = row(table, pk);
  if (r.alive() && !replace) return false;
  const ModelTable& t = tables_.at(table);
  if (r.alive()) {
    const ModelStamp first = Stamp();  // burnt where the row has no sentinel
    if (r.sentinel || r.cl > 1) {
      r.cl += 2;
      r.sentinel = first;
    }
  } else if (r.cl == 0) {
    r.cl = 1;
    if (t.columns.empty()) r.sentinel = Stamp();
  } else {
    r.cl++;
    r.sentinel = Stamp();
    r.clocks.clear();
  }
  GiveDefaults(table, &r);
  for (const std::string& column : t.columns) {
    const auto value = values.find(column);
    if (value != values.end()) r.values[column] = value->second;
    Touch(&r, column);
  }
  return true;
}

void Model::Update(const std::string& table, const std::string& pk, const Values& values) {
  ModelRow& r = row(table, pk);
  if (!r.alive()) return;
  for (const std::string& column : tables_.at(table).columns) {
    const auto value = values.find(column);
    if (value == values.end() || r.values[column] == value->second) continue;
    r.values[column] = value->second;
    Touch(&r, column);
  }
}

void Model::Delete(const std::string& table, const std::string& pk) {
  ModelRow& r = row(table, pk);
  if (!r.alive()) return;
  r.cl++;
  r.sentinel = Stamp();
  r.clocks.clear();
  r.values.clear();
}

bool Model::Move(const std::string& table, const std::string& from, const std::string& to,
                 const Values& values, bool replace) {
  if (!row(table, from).alive()) return true;  // WHERE finds nothing
  if (from == to) {
    Update(table, from, values);
    return true;
  }
  ModelRow& target = row(table, to);
  if (target.alive() && !replace) return false;
  const ModelRow source = row(table, from);
  Delete(table, from);
  target.cl += target.alive() ? 2 : 1;
  target.sentinel = Stamp();
  target.clocks = source.clocks;
  target.values = source.values;
  for (const std::string& column : tables_.at(table).columns) Touch(&target, column);
  Update(table, to, values);
  return true;
}

void Model::Commit() {
  if (seq_ > 0) db_version_++;
  seq_ = 0;
}

int Model::Merge(const Change& c) {
  if (c.cl == 0) return 0;
  ModelRow& r = row(c.table, c.pk);
  const ModelStamp stamp{c.site, c.db_version, c.seq};
  const bool about_the_row = c.is_sentinel() || c.cl % 2 == 0;
  if (c.cl < r.cl) return 0;
  if (c.cl == r.cl && about_the_row) {  // the same state: only a stamp to agree on (T18)
    if (!r.sentinel || Greater(stamp, *r.sentinel)) r.sentinel = stamp;
    return 0;
  }
  int impacted = 0;
  if (c.cl > r.cl) {
    const bool first_life = r.cl == 0 && c.cl == 1 && !about_the_row;
    GiveDefaults(c.table, &r);  // what it was in an earlier life is gone, even if none saw it die
    r.cl = c.cl;
    r.clocks.clear();
    if (!first_life) {
      // A cell revives the row, but is no sentinel: that stays missing until its own record comes.
      r.sentinel.reset();
      if (about_the_row) r.sentinel = stamp;
      impacted++;
    }
    if (!r.alive()) r.values.clear();
    if (about_the_row) return impacted;
  }
  if (c.col_version == 0) return impacted;
  ModelClock& clock = r.clocks[c.cid];
  if (c.col_version < clock.version) return impacted;
  if (c.col_version == clock.version) {
    const int order = testing::CompareCells(c.value, r.values[c.cid]);
    if (order < 0) return impacted;
    if (order == 0) {
      if (Greater(stamp, clock.stamp)) clock.stamp = stamp;
      return impacted;
    }
  }
  clock = {c.col_version, stamp};
  r.values[c.cid] = c.value;
  return impacted + 1;
}

std::vector<Change> Model::Changes() const {
  std::vector<Change> changes;
  for (const auto& [name, row] : rows_) {
    if (row.sentinel) changes.push_back(MakeChange(name.first, name.second, row, *row.sentinel));
    for (const auto& [column, clock] : row.clocks) {
      if (clock.version == 0) continue;
      Change c = MakeChange(name.first, name.second, row, clock.stamp);
      c.cid = column;
      c.value = row.values.at(column);
      c.col_version = clock.version;
      changes.push_back(std::move(c));
    }
  }
  return changes;
}

}  // namespace tributary::sim
