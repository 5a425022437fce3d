#include "ext/table.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ext/triggers.h"

namespace tributary {
namespace {

std::optional<ValueType> StrictType(std::string_view declared, bool strict) {
  if (!strict) return std::nullopt;
  if (absl::StartsWithIgnoreCase(declared, "INT")) return ValueType::kInteger;
  if (absl::EqualsIgnoreCase(declared, "REAL")) return ValueType::kReal;
  if (absl::EqualsIgnoreCase(declared, "TEXT")) return ValueType::kText;
  if (absl::EqualsIgnoreCase(declared, "BLOB")) return ValueType::kBlob;
  return std::nullopt;  // ANY
}

bool IsIntegral(double d) {
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0 &&
         static_cast<double>(static_cast<int64_t>(d)) == d;
}

}  // namespace

const char* TypeName(const Value& v) {
  switch (v.type) {
    case ValueType::kNull:
      return "NULL";
    case ValueType::kBlob:
      return "a blob";
    case ValueType::kText:
      return "text";
    case ValueType::kReal:
      return "a real number";
    case ValueType::kInteger:
      break;
  }
  return "an integer";
}

int Table::SearchColumn(ColumnId id) const {
  for (size_t i = 0; i < columns_.size(); i++) {
    if (columns_[i].id == id) return static_cast<int>(i);
  }
  return -1;
}

int Table::FindColumn(std::string_view name, int first) const {
  const int size = static_cast<int>(columns_.size());
  for (int n = 0, i = first; n < size; n++, i++) {
    if (i >= size) i = 0;
    if (columns_[i].name == name) return i;
  }
  for (const auto& [former, id] : former_names_) {
    if (former == name) return FindColumn(id);
  }
  return -1;
}

bool NamesNoKey(const std::vector<std::string>& names) {
  return absl::c_all_of(names, [](const std::string& name) { return name.empty(); });
}

bool Table::MayHaveKey(const std::vector<std::string>& names) const {
  return NamesNoKey(names) ||
         absl::c_equal(names, key_,
                       [](const std::string& name, const KeyColumn& k) { return name == k.name; });
}

Status Table::Load(const TableTraits& traits) {
  traits_ = traits;
  TRIBUTARY_RETURN_IF_ERROR(LoadSchema());
  return LoadCatalog();
}

Status Table::LoadSchema() {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_,
                "SELECT c.name, c.type, c.\"notnull\", c.dflt_value, c.pk, c.hidden, l.strict, "
                "l.wr FROM pragma_table_list(?1) l CROSS JOIN pragma_table_xinfo(?1, 'main') c "
                "WHERE l.schema = 'main' ORDER BY c.pk, c.cid"));
  s.BindText(1, name_);
  std::vector<std::string> names;
  bool without_rowid = false;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    names.emplace_back(s.Text(0));
    without_rowid = s.Int(7) != 0;
    if (s.Int(5) != 0) continue;  // generated
    const bool strict = s.Int(6) != 0;
    const Affinity affinity = AffinityOf(s.Text(1), strict);
    if (s.Int(4) > 0) {
      key_.push_back({std::string(s.Text(0)), affinity,
                      s.Int(7) == 0 && absl::EqualsIgnoreCase(s.Text(1), "INTEGER")});
    } else {
      const std::string_view fallback = s.Text(3);
      const bool needs_value = s.Int(2) != 0 && fallback.empty();
      columns_.push_back({.name = std::string(s.Text(0)),
                          .affinity = affinity,
                          .fallback = std::string(fallback),
                          .neutral = needs_value ? NeutralLiteral(affinity) : "",
                          .strict_type = StrictType(s.Text(1), strict)});
    }
  }
  if (names.empty()) return Status::Error(absl::StrCat("table ", name_, " does not exist"));
  if (key_.size() > 1) {
    for (KeyColumn& k : key_) k.is_rowid = false;
  }
  if (!without_rowid) FindRowidName(names);
  return {};
}

void Table::FindRowidName(const std::vector<std::string>& columns) {
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    if (absl::c_none_of(columns,
                        [name](const auto& c) { return absl::EqualsIgnoreCase(c, name); })) {
      rowid_name_ = name;
      return;
    }
  }
}

Status Table::LoadCatalog() {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(
      s.Prepare(db_, "SELECT id, name, layout FROM crsql_columns WHERE table_id = ?1 ORDER BY id"));
  s.Bind(1, id_);
  std::vector<KnownColumn> known;
  uint32_t last = 0;
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) break;
    const int64_t layout = s.Int(2);
    if (layout < last || layout > UINT16_MAX) {
      return Status::Corrupt(absl::StrCat("crsql_columns: layout ", layout, " of table ", name_,
                                          " does not follow ", last));
    }
    last = static_cast<uint32_t>(layout);
    known.push_back({static_cast<ColumnId>(s.Int(0)), std::string(s.Text(1)), last});
  }
  if (traits_.has_history) TRIBUTARY_RETURN_IF_ERROR(LoadHistory(&known));
  for (const KnownColumn& k : known) last = std::max({last, k.layout, k.gone});
  for (uint32_t number = 0; number <= last; number++) {
    Layout layout;
    for (const KnownColumn& k : known) {
      if (k.layout <= number && (k.gone == 0 || k.gone > number)) layout.push_back(k.id);
    }
    layouts_.Add(std::move(layout));
  }
  next_column_id_ = known.empty() ? 0 : known.back().id + 1;
  std::erase_if(known, [](const KnownColumn& k) { return k.gone != 0; });
  if (traits_.is_altering) TRIBUTARY_RETURN_IF_ERROR(LoadNamesInAlteration(&known));
  TRIBUTARY_RETURN_IF_ERROR(NoteRenames(&known));
  MapColumns(known);
  is_outdated_ = is_outdated_ || traits_.is_renamed || traits_.is_altering ||
                 !new_columns_.empty() || !lost_columns_.empty() || !traits_.has_update_trigger;
  insert_.resize(columns_.size() + 1);
  update_.resize(columns_.size());
  update_at_.resize(columns_.size());
  update_known_.resize(columns_.size());
  return {};
}

Status Table::LoadHistory(std::vector<KnownColumn>* known) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      db_, "SELECT id, name, gone FROM crsql_former WHERE table_id = ?1 AND id >= 0 ORDER BY id"));
  s.Bind(1, id_);
  for (;;) {
    bool row;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&row));
    if (!row) return {};
    const auto id = static_cast<ColumnId>(s.Int(0));
    if (s.Int(2) == 0) {
      former_names_.emplace_back(s.Text(1), id);
      continue;
    }
    for (KnownColumn& k : *known) {
      if (k.id == id) k.gone = static_cast<uint32_t>(std::clamp<int64_t>(s.Int(2), 1, UINT16_MAX));
    }
  }
}

// SQLite keeps the names in our triggers up to date (ext/triggers.h). The columns come in the order
// of the schema.
Status Table::LoadNamesInAlteration(std::vector<KnownColumn>* known) const {
  std::vector<std::pair<ColumnId, std::string>> names;
  TRIBUTARY_RETURN_IF_ERROR(ReadAlterTriggers(db_, name_, &names));
  const auto named = [&names](const KnownColumn& k) {
    return absl::c_find_if(names, [&](const auto& n) { return n.first == k.id; });
  };
  for (KnownColumn& k : *known) {
    if (named(k) != names.end()) k.name = named(k)->second;
  }
  absl::c_sort(*known, [&](const KnownColumn& a, const KnownColumn& b) {
    return std::pair(named(a), a.id) < std::pair(named(b), b.id);
  });
  return {};
}

// What columns have been renamed to since the catalog was written: while our update trigger stands,
// SQLite keeps the names in it up to date, and lets none of these columns be dropped.
Status Table::NoteRenames(std::vector<KnownColumn>* known) {
  const auto has_name = [](const DataColumn& d, const KnownColumn& k) { return d.name == k.name; };
  if (!traits_.has_update_trigger ||
      std::mismatch(columns_.begin(), columns_.end(), known->begin(), known->end(), has_name)
              .second == known->end()) {
    return {};
  }
  std::vector<std::string> names;
  TRIBUTARY_RETURN_IF_ERROR(ReadUpdateTrigger(db_, name_, &names));
  if (names.empty()) return {};  // it is being made
  std::erase_if(names, [this](const std::string& name) {
    return absl::c_any_of(key_, [&](const KeyColumn& k) { return k.name == name; });
  });
  // Of those that the catalog has had since the trigger was made: ALTER TABLE adds at the end.
  for (const DataColumn& d : columns_) {
    if (names.size() < known->size() && !absl::c_linear_search(names, d.name)) {
      names.push_back(d.name);
    }
  }
  if (names.size() != known->size()) return {};
  for (size_t i = 0; i < names.size(); i++) {
    is_outdated_ = is_outdated_ || (*known)[i].name != names[i];
    (*known)[i].name = std::move(names[i]);
  }
  return {};
}

// By name. In an alteration also by their order before it: those that stayed come first, and one
// that was dropped and added again is another one.
void Table::MapColumns(const std::vector<KnownColumn>& known) {
  std::vector<DataColumn> schema = std::exchange(columns_, {});
  std::vector<bool> stayed(known.size());
  size_t next = 0;
  for (size_t i = 0; i < schema.size(); i++) {
    size_t k = traits_.is_altering ? next : 0;
    while (k < known.size() && known[k].name != schema[i].name) k++;
    next = k + 1;
    if (k >= known.size()) {
      new_columns_.push_back(schema[i].name);
      continue;
    }
    stayed[k] = true;
    schema[i].id = known[k].id;
    schema[i].layout = known[k].layout;
    schema[i].place = i;
    columns_.push_back(std::move(schema[i]));
  }
  absl::c_sort(columns_, [](const DataColumn& a, const DataColumn& b) { return a.id < b.id; });
  for (size_t k = 0; k < known.size(); k++) {
    if (!stayed[k]) lost_columns_.push_back(known[k].id);
  }
}

Status Table::CheckKeyValue(const KeyColumn& column, const Value& v) const {
  // A packed key from elsewhere may have a NaN, which SQLite stores as NULL.
  const bool is_nan = v.type == ValueType::kReal && v.real != v.real;
  if (v.type == ValueType::kNull || is_nan) {
    return {SQLITE_CONSTRAINT_NOTNULL,
            absl::StrCat("key column ", column.name, " of replicated table ", name_,
                         " cannot be NULL: a row is known to other replicas by its key")};
  }
  if (v.type == ValueType::kReal && column.affinity == Affinity::kBlob && IsIntegral(v.real)) {
    return {SQLITE_CONSTRAINT_DATATYPE,
            absl::StrCat("untyped key column ", column.name, " of replicated table ", name_,
                         " cannot hold the REAL ", v.real,
                         ", which SQLite takes for the same key as an INTEGER: store the integer")};
  }
  return {};
}

Status Table::EncodeKey(sqlite3_value** values, std::string* out) const {
  for (size_t i = 0; i < key_.size(); i++) {
    if (sqlite3_value_type(values[i]) == SQLITE_INTEGER && key_[i].affinity != Affinity::kText) {
      AppendIntegerKey(sqlite3_value_int64(values[i]), out);
      continue;
    }
    const Value v = ValueOf(values[i]);
    if (v.type == ValueType::kNull || v.type == ValueType::kReal) {
      TRIBUTARY_RETURN_IF_ERROR(CheckKeyValue(key_[i], v));
    }
    if (key_[i].affinity == Affinity::kText &&
        (v.type == ValueType::kInteger || v.type == ValueType::kReal)) {
      // A TEXT column stores no numbers. SQLite before 3.41 applies the affinity of a child's
      // column to the key in place when it looks for children, before a trigger sees it.
      AppendKeyValue(Value::Text(TextOf(values[i])), out);
      continue;
    }
    AppendKeyValue(v, out);
  }
  return {};
}

Status Table::EncodeForeignKey(const std::vector<Value>& values, std::string* out) const {
  if (values.size() != key_.size()) {
    return Status::Error(absl::StrCat("the pk of a change for table ", name_, " holds ",
                                      values.size(), " values, its primary key has ", key_.size(),
                                      " columns"));
  }
  for (size_t i = 0; i < key_.size(); i++) {
    Value v = values[i];
    // A REAL column stores integers as REAL; the peer's own column may have had another type.
    if (v.type == ValueType::kInteger && key_[i].affinity == Affinity::kReal) {
      v = Value::Real(static_cast<double>(v.integer));
    }
    TRIBUTARY_RETURN_IF_ERROR(CheckKeyValue(key_[i], v));
    const bool is_rowid = key_[i].is_rowid && v.type != ValueType::kInteger;
    if (is_rowid || !StoredUnchanged(key_[i].affinity, v)) {
      return Status::Error(absl::StrCat("the pk of a change for table ", name_, " has ",
                                        TypeName(v), " for key column ", key_[i].name,
                                        ", whose declared type would store it differently: the "
                                        "schemas of the two replicas disagree"));
    }
    AppendKeyValue(v, out);
  }
  return {};
}

std::string Table::WhereKey(int first) const {
  std::string where = " WHERE ";
  for (size_t i = 0; i < key_.size(); i++) {
    absl::StrAppend(&where, i > 0 ? " AND " : "", QuoteName(key_[i].name), " = ?", first + i);
  }
  return where;
}

Status Table::DecodeKey(std::string_view key, KeyDecoder* decoder) const {
  ByteReader in(key);
  if (decoder->Decode(&in, key_.size()) && in.empty()) return {};
  return Status::Corrupt(absl::StrCat("a stored key of table ", name_, " is malformed"));
}

Status Table::BindKey(Statement* s, std::string_view key, KeyDecoder* decoder, int first) const {
  TRIBUTARY_RETURN_IF_ERROR(DecodeKey(key, decoder));
  BindKey(s, decoder->values(), first);
  return {};
}

void Table::BindKey(Statement* s, const std::vector<Value>& values, int first) {
  for (const Value& v : values) s->BindValue(first++, v);
}

std::string Table::ColumnList() const {
  std::string list;
  for (const DataColumn& c : columns_) absl::StrAppend(&list, QuoteName(c.name), ", ");
  return list;
}

Status Table::PrepareSelect(Statement* s, const std::string& columns) const {
  return s->Prepare(db_, absl::StrCat("SELECT ", columns, rowid_name_.empty() ? "1" : rowid_name_,
                                      " FROM main.", QuoteName(name_), WhereKey(1)));
}

Status Table::PrepareWalk(Statement* s) const {
  if (rowid_name_.empty()) return {};
  std::string sql = absl::StrCat("SELECT ", ColumnList());
  for (const KeyColumn& k : key_) absl::StrAppend(&sql, QuoteName(k.name), ", ");
  absl::StrAppend(&sql, "1 FROM main.", QuoteName(name_), " WHERE ", rowid_name_, " > ?1 ORDER BY ",
                  rowid_name_);
  return s->Prepare(db_, sql);
}

RowStatements Table::TakeRowStatements() {
  if (idle_.empty()) return {};
  RowStatements s = std::move(idle_.back());
  idle_.pop_back();
  return s;
}

Status Table::SelectRow(std::string_view key, Statement** select, bool* found) {
  if (!select_.prepared()) TRIBUTARY_RETURN_IF_ERROR(PrepareSelect(&select_));
  TRIBUTARY_RETURN_IF_ERROR(BindKey(&select_, key, &decoder_));
  *select = &select_;
  TRIBUTARY_RETURN_IF_ERROR(select_.Step(found));
  if (!*found) select_.Reset();
  return {};
}

Status Table::RowExists(std::string_view key, bool* found, int64_t* rowid) {
  if (!exists_.prepared()) {
    TRIBUTARY_RETURN_IF_ERROR(
        exists_.Prepare(db_, absl::StrCat("SELECT ", rowid_name_.empty() ? "1" : rowid_name_,
                                          " FROM main.", QuoteName(name_), WhereKey(1))));
  }
  TRIBUTARY_RETURN_IF_ERROR(BindKey(&exists_, key, &decoder_));
  TRIBUTARY_RETURN_IF_ERROR(exists_.Step(found));
  *rowid = *found ? exists_.Int(0) : 0;
  exists_.Reset();
  return {};
}

Status Table::DeleteRow(std::string_view key) {
  if (!delete_.prepared()) {
    TRIBUTARY_RETURN_IF_ERROR(
        delete_.Prepare(db_, absl::StrCat("DELETE FROM main.", QuoteName(name_), WhereKey(1))));
  }
  TRIBUTARY_RETURN_IF_ERROR(BindKey(&delete_, key, &decoder_));
  return delete_.Run();
}

Status Table::InsertRow(std::string_view key, int column, const Value& value, int64_t* rowid) {
  Statement& s = insert_[column + 1];
  if (!s.prepared()) {
    std::string names;
    std::string values;
    for (size_t i = 0; i < key_.size(); i++) {
      absl::StrAppend(&names, i > 0 ? ", " : "", QuoteName(key_[i].name));
      absl::StrAppend(&values, i > 0 ? ", ?" : "?", i + 2);
    }
    for (size_t i = 0; i < columns_.size(); i++) {
      if (static_cast<int>(i) == column) {
        absl::StrAppend(&names, ", ", QuoteName(columns_[i].name));
        absl::StrAppend(&values, ", ?1");
      } else if (!columns_[i].neutral.empty()) {
        absl::StrAppend(&names, ", ", QuoteName(columns_[i].name));
        absl::StrAppend(&values, ", ", columns_[i].neutral);
      }
    }
    // Whatever the table's own conflict clauses say: a merge never removes another row.
    TRIBUTARY_RETURN_IF_ERROR(
        s.Prepare(db_, absl::StrCat("INSERT", Conflict(), "INTO main.", QuoteName(name_), "(",
                                    names, ") VALUES (", values, ")")));
  }
  TRIBUTARY_RETURN_IF_ERROR(BindKey(&s, key, &decoder_, 2));
  if (column >= 0) s.BindValue(1, value);
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  *rowid = rowid_name_.empty() ? 0 : sqlite3_last_insert_rowid(db_);
  return {};
}

Status Table::InsertWhole(std::string_view key, absl::Span<const CellView> cells, bool* inserted) {
  if (!insert_whole_.prepared()) {
    std::string keys;
    std::string columns;
    std::string values;
    for (const KeyColumn& k : key_) {
      absl::StrAppend(&keys, keys.empty() ? "" : ", ", QuoteName(k.name));
      absl::StrAppend(&values, values.empty() ? "?" : ", ?");
    }
    for (const DataColumn& d : columns_) {
      absl::StrAppend(&columns, ", ", QuoteName(d.name));
      absl::StrAppend(&values, ", ?");
    }
    TRIBUTARY_RETURN_IF_ERROR(insert_whole_.Prepare(
        db_, absl::StrCat("INSERT", Conflict(), "INTO main.", QuoteName(name_), "(", keys, columns,
                          ") VALUES (", values, ") ON CONFLICT(", keys, ") DO NOTHING")));
  }
  TRIBUTARY_RETURN_IF_ERROR(BindKey(&insert_whole_, key, &decoder_));
  int parameter = static_cast<int>(key_.size());
  for (const CellView& cell : cells) insert_whole_.BindValue(++parameter, cell.value);
  const int64_t before = sqlite3_total_changes64(db_);
  TRIBUTARY_RETURN_IF_ERROR(insert_whole_.Run());
  *inserted = sqlite3_total_changes64(db_) > before;
  return {};
}

Status Table::PrepareUpdate(Statement* s, int column, const std::string& where) {
  return s->Prepare(db_, absl::StrCat("UPDATE", Conflict(), "main.", QuoteName(name_), " SET ",
                                      QuoteName(columns_[column].name), " = ?1", where));
}

Status Table::UpdateCell(std::string_view key, int64_t rowid, bool* at_rowid, int column,
                         const Value& value) {
  const int behind_key = static_cast<int>(key_.size()) + 2;
  Statement* s = &update_[column];
  if (rowid_name_.empty()) {
    *at_rowid = false;
  } else if (*at_rowid) {
    s = &update_known_[column];
    if (!s->prepared()) {
      TRIBUTARY_RETURN_IF_ERROR(
          PrepareUpdate(s, column, absl::StrCat(" WHERE ", rowid_name_, " = ?2")));
    }
    s->Bind(2, rowid);
    s->BindValue(1, value);
    return s->Run();
  } else {
    Statement& at = update_at_[column];
    if (!at.prepared()) {
      TRIBUTARY_RETURN_IF_ERROR(PrepareUpdate(
          &at, column, absl::StrCat(WhereKey(2), " AND ", rowid_name_, " = ?", behind_key)));
    }
    TRIBUTARY_RETURN_IF_ERROR(BindKey(&at, key, &decoder_, 2));
    at.Bind(behind_key, rowid);
    at.BindValue(1, value);
    TRIBUTARY_RETURN_IF_ERROR(at.Run());
    *at_rowid = sqlite3_changes64(db_) > 0;
    if (*at_rowid) return {};
  }
  if (!s->prepared()) TRIBUTARY_RETURN_IF_ERROR(PrepareUpdate(s, column, WhereKey(2)));
  TRIBUTARY_RETURN_IF_ERROR(BindKey(s, key, &decoder_, 2));
  s->BindValue(1, value);
  return s->Run();
}

}  // namespace tributary
