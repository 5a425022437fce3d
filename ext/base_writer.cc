#include "ext/base_writer.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ext/column_default.h"

namespace tributary {
namespace {

// While a merge writes one row of a base table: the sync bit is on, so that nothing is captured,
// and comes back to what it was however the write ends. The buffer learns what else was written.
class ScopedMergeWrite {
 public:
  explicit ScopedMergeWrite(Connection* c) : c_(c), bit_(c->sync_bit) {
    MergeBuffer& buffer = c->stores().merge;
    buffer.NoteWrites(sqlite3_total_changes64(c->db()));
    buffer.ForgetReadValues();
    c->sync_bit = 1;
    c->merging = true;
  }
  ~ScopedMergeWrite() {
    c_->sync_bit = bit_;
    c_->merging = false;
    c_->stores().merge.Wrote(sqlite3_total_changes64(c_->db()));
  }
  ScopedMergeWrite(const ScopedMergeWrite&) = delete;
  ScopedMergeWrite& operator=(const ScopedMergeWrite&) = delete;

 private:
  Connection* c_;
  int64_t bit_;
};

}  // namespace

bool MayBeCured(const Status& s) {
  return s.code() == SQLITE_CONSTRAINT_CHECK || s.code() == SQLITE_CONSTRAINT_NOTNULL ||
         s.code() == SQLITE_CONSTRAINT_FOREIGNKEY;
}

namespace {

// Whether deleting a parent would write its children behind our back.
bool Acts(const ForeignKey& key) {
  return key.on_delete == "CASCADE" || key.on_delete == "SET NULL" ||
         key.on_delete == "SET DEFAULT";
}

}  // namespace

Status BaseWriter::Write(MergeRow* row, int column, const Value& value) {
  row->held_delete = false;
  if (!row->is_held()) {
    if (row->in_base && column < 0) return {};
    Status written = WriteNow(row, column, value);
    if (written.ok()) return {};
    if (!MayBeCured(written)) return written;
    row->held_why = written.message();
    row->held_insert = !row->in_base;
  }
  if (column >= 0) row->held_cells.insert_or_assign(column, HeldValue(value));
  TRIBUTARY_RETURN_IF_ERROR(TryHeld(row));
  if (!row->is_held()) return {};
  c_->stores().merge.Held(value.bytes.size() + 64);
  constexpr size_t kMaxHeldBytes = 256 << 20;
  if (c_->stores().merge.held_bytes() > kMaxHeldBytes) {
    return Status::Error(absl::StrCat(
        "crsql_changes: too much of this transaction waits for rows or cells still to come; the "
        "first is in table ",
        row->table->name(), ": ", row->held_why));
  }
  return {};
}

Status BaseWriter::Revive(MergeRow* row) {
  row->held_cells.clear();
  if (!row->in_base) return {};
  const std::vector<OwnedValue>* births;
  TRIBUTARY_RETURN_IF_ERROR(BirthValues(c_->db(), row->table, &births));
  for (size_t i = 0; i < births->size(); i++) {
    if ((*births)[i] == nullptr) continue;
    row->held_cells.insert_or_assign(static_cast<int>(i), HeldValue(ValueOf((*births)[i].get())));
  }
  return {};
}

Status BaseWriter::WriteNow(MergeRow* row, int column, const Value& value) {
  const bool counted = AllWritesCounted(*c_, *row->table);
  const ScopedMergeWrite scope(c_);
  const int64_t epoch = c_->stores().merge.epoch();
  bool at_rowid = counted && row->rowid_epoch == epoch;
  if (row->in_base) {
    TRIBUTARY_RETURN_IF_ERROR(
        row->table->UpdateCell(row->key, row->rowid, &at_rowid, column, value));
  } else {
    TRIBUTARY_RETURN_IF_ERROR(row->table->InsertRow(row->key, column, value, &row->rowid));
    row->in_base = true;
    at_rowid = true;
  }
  row->rowid_epoch = at_rowid ? epoch : -1;
  return {};
}

Status BaseWriter::InsertWhole(Table* table, std::string_view key, absl::Span<const CellView> cells,
                               bool* inserted) {
  const ScopedMergeWrite scope(c_);
  return table->InsertWhole(key, cells, inserted);
}

Status BaseWriter::TryHeld(MergeRow* row) {
  Status written = WriteHeld(row);
  if (written.ok()) {
    row->held_cells.clear();
    row->held_insert = false;
    row->in_base = true;
    return {};
  }
  if (!MayBeCured(written)) return written;
  row->held_why = written.message();
  return {};
}

// All held cells in one statement.
Status BaseWriter::WriteHeld(MergeRow* row) {
  const Table& t = *row->table;
  std::string sql;
  int parameter = static_cast<int>(t.key().size());
  if (row->held_insert) {
    std::vector<std::string> names;
    std::vector<std::string> values;
    for (size_t i = 0; i < t.key().size(); i++) {
      names.push_back(QuoteName(t.key()[i].name));
      values.push_back(absl::StrCat("?", i + 1));
    }
    for (size_t i = 0; i < t.columns().size(); i++) {
      const bool held = row->held_cells.contains(static_cast<int>(i));
      if (!held && t.columns()[i].neutral.empty()) continue;
      names.push_back(QuoteName(t.columns()[i].name));
      values.push_back(held ? absl::StrCat("?", ++parameter) : t.columns()[i].neutral);
    }
    sql = absl::StrCat("INSERT OR ABORT INTO main.", QuoteName(t.name()), "(",
                       absl::StrJoin(names, ", "), ") VALUES (", absl::StrJoin(values, ", "), ")");
  } else {
    std::vector<std::string> sets;
    for (const auto& [column, value] : row->held_cells) {
      sets.push_back(absl::StrCat(QuoteName(t.columns()[column].name), " = ?", ++parameter));
    }
    if (sets.empty()) return {};
    sql = absl::StrCat("UPDATE OR ABORT main.", QuoteName(t.name()), " SET ",
                       absl::StrJoin(sets, ", "), t.WhereKey(1));
  }
  auto& [last_sql, s] = c_->stores().held_write;
  if (sql != last_sql) {
    last_sql.clear();  // what fails below leaves no statement under another's text
    TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c_->db(), sql));
    last_sql = sql;
  }
  KeyDecoder decoder;
  TRIBUTARY_RETURN_IF_ERROR(t.BindKey(&s, row->key, &decoder));
  parameter = static_cast<int>(t.key().size());
  // The map is ordered by column, as the statement is.
  for (const auto& [column, value] : row->held_cells) {
    s.BindValue(++parameter, value.value());
  }
  const ScopedMergeWrite scope(c_);
  TRIBUTARY_RETURN_IF_ERROR(s.Run());
  if (row->held_insert) row->rowid = sqlite3_last_insert_rowid(c_->db());
  return {};
}

Status BaseWriter::Delete(MergeRow* row) {
  row->held_cells.clear();
  row->held_insert = false;
  if (!row->in_base) return {};
  if (ForeignKeysEnforced(c_->db())) {
    std::vector<ForeignKey> keys;
    TRIBUTARY_RETURN_IF_ERROR(ForeignKeysTo(c_->db(), row->table->name(), &keys));
    if (std::any_of(keys.begin(), keys.end(), Acts)) {
      row->held_delete = true;
      c_->stores().merge.Held(sizeof *row);
      return {};
    }
  }
  const ScopedMergeWrite scope(c_);
  Status deleted = row->table->DeleteRow(row->key);
  if (deleted.ok()) {
    row->in_base = false;
    return {};
  }
  if (deleted.code() != SQLITE_CONSTRAINT_FOREIGNKEY) return deleted;
  row->held_delete = true;
  c_->stores().merge.Held(sizeof *row);
  return {};
}

Status BaseWriter::SettleWrites() {
  bool progress = true;
  while (progress) {
    progress = false;
    for (MergeRow& row : c_->stores().merge.rows()) {
      if (!row.is_held()) continue;
      TRIBUTARY_RETURN_IF_ERROR(TryHeld(&row));
      progress = progress || !row.is_held();
    }
  }
  return {};
}

Status BaseWriter::Settle(bool final) {
  if (c_->stores().merge.held_bytes() == 0) return {};
  TRIBUTARY_RETURN_IF_ERROR(SettleWrites());
  // First those that nothing refers to (any more), then, at the end, what the keys' actions say.
  for (const bool act : {false, true}) {
    if (act && !final) break;
    bool progress = true;
    while (progress) {
      progress = false;
      for (MergeRow& row : c_->stores().merge.rows()) {
        if (!row.held_delete) continue;
        bool done;
        TRIBUTARY_RETURN_IF_ERROR(SettleDelete(&row, act, &done));
        progress = progress || done;
      }
    }
  }
  if (!final) return {};
  for (bool progress = true; progress;) {
    progress = false;
    for (MergeRow& row : c_->stores().merge.rows()) {
      if (!row.is_held()) continue;
      bool done;
      TRIBUTARY_RETURN_IF_ERROR(Orphan(&row, &done));
      progress = progress || done;
    }
    // What referred to those by another key may fit now.
    if (progress) TRIBUTARY_RETURN_IF_ERROR(SettleWrites());
  }
  for (const MergeRow& row : c_->stores().merge.rows()) {
    if (row.is_held() || row.held_delete) return Refused(row);
  }
  return {};
}

Status BaseWriter::SettleDelete(MergeRow* row, bool final, bool* done) {
  *done = false;
  std::vector<ForeignKey> keys;
  TRIBUTARY_RETURN_IF_ERROR(ForeignKeysTo(c_->db(), row->table->name(), &keys));
  for (const ForeignKey& key : keys) {
    bool any;
    TRIBUTARY_RETURN_IF_ERROR(HasReferences(row, key, &any));
    if (!any) continue;
    if (!final) return {};
    if (!Acts(key)) {
      return {SQLITE_CONSTRAINT_FOREIGNKEY,
              absl::StrCat("crsql_changes: cannot merge the delete of a row of table ",
                           row->table->name(), ": rows of table ", key.child,
                           " still refer to it (foreign key ", Describe(key), ")")};
    }
    TRIBUTARY_RETURN_IF_ERROR(Detach(row, key));
  }
  {
    const ScopedMergeWrite scope(c_);
    TRIBUTARY_RETURN_IF_ERROR(row->table->DeleteRow(row->key));
  }
  row->held_delete = false;
  row->in_base = false;
  *done = true;
  return {};
}

// Binds ?1.. to the values of the parent's columns that the key refers to.
Status BaseWriter::BindParent(Statement* s, MergeRow* row, const ForeignKey& key) {
  const Table& t = *row->table;
  std::vector<std::string> columns;
  for (const std::string& name : key.to) columns.push_back(QuoteName(name));
  Statement parent;
  KeyDecoder decoder;
  TRIBUTARY_RETURN_IF_ERROR(
      parent.Prepare(c_->db(), absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), " FROM main.",
                                            QuoteName(t.name()), t.WhereKey(1))));
  TRIBUTARY_RETURN_IF_ERROR(t.BindKey(&parent, row->key, &decoder));
  bool found;
  TRIBUTARY_RETURN_IF_ERROR(parent.Step(&found));
  for (int i = 0; found && i < static_cast<int>(columns.size()); i++) {
    s->BindValue(i + 1, parent.Column(i));
  }
  return {};
}

namespace {

// " WHERE "f" = ?1 AND ..." over the child's columns.
std::string WhereChild(const ForeignKey& key) {
  std::string where = " WHERE ";
  for (size_t i = 0; i < key.from.size(); i++) {
    absl::StrAppend(&where, i > 0 ? " AND " : "", QuoteName(key.from[i]), " = ?", i + 1);
  }
  return where;
}

}  // namespace

Status BaseWriter::HasReferences(MergeRow* row, const ForeignKey& key, bool* any) {
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(
      c_->db(),
      absl::StrCat("SELECT 1 FROM main.", QuoteName(key.child), WhereChild(key), " LIMIT 1")));
  TRIBUTARY_RETURN_IF_ERROR(BindParent(&s, row, key));
  return s.Step(any);
}

// Does to the children what the key says on delete, as a write of this replica's own.
Status BaseWriter::Detach(MergeRow* row, const ForeignKey& key) {
  std::string sql = absl::StrCat("DELETE FROM main.", QuoteName(key.child));
  if (key.on_delete != "CASCADE") {
    std::vector<std::string> sets;
    for (const std::string& column : key.from) {
      std::string value = "NULL";
      if (key.on_delete == "SET DEFAULT") {
        Statement s;
        TRIBUTARY_RETURN_IF_ERROR(
            s.Prepare(c_->db(),
                      "SELECT coalesce(dflt_value, 'NULL') FROM pragma_table_info(?1, 'main') "
                      "WHERE name = ?2"));
        s.BindText(1, key.child);
        s.BindText(2, column);
        bool found;
        TRIBUTARY_RETURN_IF_ERROR(s.Step(&found));
        value = absl::StrCat("(", std::string(s.Text(0)), ")");
      }
      sets.push_back(absl::StrCat(QuoteName(column), " = ", value));
    }
    sql = absl::StrCat("UPDATE main.", QuoteName(key.child), " SET ", absl::StrJoin(sets, ", "));
  }
  Statement s;
  TRIBUTARY_RETURN_IF_ERROR(s.Prepare(c_->db(), absl::StrCat(sql, WhereChild(key))));
  TRIBUTARY_RETURN_IF_ERROR(BindParent(&s, row, key));
  const int64_t bit = c_->sync_bit;
  c_->sync_bit = 0;
  const absl::Cleanup restore = [this, bit] { c_->sync_bit = bit; };
  return s.Run();
}

// The value that a held row has, or will have, in a column; null where that is not held.
const Value* BaseWriter::HeldCell(const MergeRow& row, const std::vector<Value>& key,
                                  const std::string& name, Value* buffer) {
  const Table& t = *row.table;
  for (size_t k = 0; k < t.key().size(); k++) {
    if (t.key()[k].name == name) return &key[k];
  }
  const auto cell = row.held_cells.find(t.FindColumn(name));
  if (cell == row.held_cells.end()) return nullptr;
  *buffer = cell->second.value();
  return buffer;
}

// The foreign keys of a held row whose parents are missing.
Status BaseWriter::MissingParents(const MergeRow& row, std::vector<MissingParent>* missing) {
  const Table& t = *row.table;
  std::vector<ForeignKey> keys;
  TRIBUTARY_RETURN_IF_ERROR(ForeignKeysOf(c_->db(), t.name(), &keys));
  KeyDecoder decoder;
  ByteReader in(row.key);
  if (!decoder.Decode(&in, t.key().size())) return {};
  for (ForeignKey& key : keys) {
    std::vector<std::string> conditions;
    for (size_t i = 0; i < key.to.size(); i++) {
      conditions.push_back(absl::StrCat(QuoteName(key.to[i]), " = ?", i + 1));
    }
    Statement s;
    if (!s.Prepare(c_->db(), absl::StrCat("SELECT 1 FROM main.", QuoteName(key.parent), " WHERE ",
                                          absl::StrJoin(conditions, " AND ")))
             .ok()) {
      missing->push_back({std::move(key), false});  // there is no such table or column at all
      continue;
    }
    bool held = false;
    std::vector<Value> buffers(key.from.size());
    std::vector<Value> values(key.from.size());
    for (size_t i = 0; i < key.from.size(); i++) {
      const Value* v = HeldCell(row, decoder.values(), key.from[i], &buffers[i]);
      if (v == nullptr) continue;
      values[i] = *v;
      s.BindValue(static_cast<int>(i) + 1, *v);
      held = held || v->type != ValueType::kNull;
    }
    bool exists;
    TRIBUTARY_RETURN_IF_ERROR(s.Step(&exists));
    if (!held || exists) continue;
    bool deleted;
    TRIBUTARY_RETURN_IF_ERROR(IsDeleted(key, values, &deleted));
    missing->push_back({std::move(key), deleted});
  }
  return {};
}

// Whether these are the key of a parent that was deleted, rather than one that nobody has.
Status BaseWriter::IsDeleted(const ForeignKey& key, const std::vector<Value>& values,
                             bool* deleted) {
  *deleted = false;
  Stores& stores = c_->stores();
  Table* parent;
  TRIBUTARY_RETURN_IF_ERROR(stores.catalog.Find(key.parent, &parent));
  if (parent == nullptr || parent->key().size() != key.to.size()) return {};
  std::vector<Value> ordered;
  for (const KeyColumn& k : parent->key()) {
    const auto at = std::find(key.to.begin(), key.to.end(), k.name);
    if (at == key.to.end()) return {};
    ordered.push_back(values[static_cast<size_t>(at - key.to.begin())]);
  }
  std::string encoded;
  if (!parent->EncodeForeignKey(ordered, &encoded).ok()) return {};
  if (const int64_t row = stores.merge.Find(*parent, encoded); row >= 0) {
    *deleted = !IsAlive(stores.merge.rows()[static_cast<size_t>(row)].clock.cl());
    return {};
  }
  RowClock clock;
  bool stored;
  TRIBUTARY_RETURN_IF_ERROR(stores.rows.Get(parent, encoded, &clock, &stored));
  *deleted = stored && !IsAlive(clock.cl());
  return {};
}

// A held row whose parent was deleted here meanwhile: what its foreign key says on delete is done
// to it, as a write of this replica's own. Else a transfer with such a row could never end, and nor
// could the other way, in which the parent's delete is, if that has such a row as well.
Status BaseWriter::Orphan(MergeRow* row, bool* done) {
  *done = false;
  std::vector<MissingParent> missing;
  TRIBUTARY_RETURN_IF_ERROR(MissingParents(*row, &missing));
  std::vector<ColumnId> nulls;
  bool cascades = false;
  for (const auto& [key, deleted] : missing) {
    if (!deleted) return {};
    cascades = cascades || key.on_delete == "CASCADE";
    if (key.on_delete == "CASCADE") continue;
    if (key.on_delete != "SET NULL") return {};
    for (const std::string& name : key.from) {
      const int column = row->table->FindColumn(name);
      if (column < 0) return {};
      row->held_cells.insert_or_assign(column, HeldValue(Value::Null()));
      nulls.push_back(row->table->columns()[column].id);
    }
  }
  if (missing.empty()) return {};
  OpKind kind = OpKind::kUpdate;
  if (cascades) {
    row->held_cells.clear();
    row->held_insert = false;
    kind = OpKind::kDelete;
    nulls.clear();
    if (row->in_base) {
      const ScopedMergeWrite scope(c_);
      TRIBUTARY_RETURN_IF_ERROR(row->table->DeleteRow(row->key));
      row->in_base = false;
    }
  } else {
    TRIBUTARY_RETURN_IF_ERROR(TryHeld(row));
    if (row->is_held()) return {};
  }
  OpList& list = c_->capture.list;
  const size_t start = list.arena_size();
  list.arena()->append(row->key);
  list.Add(kind, row->table->id(), start, row->key.size(), 0, nulls);
  *done = true;
  return {};
}

Status BaseWriter::Refused(const MergeRow& row) {
  std::vector<MissingParent> missing;
  TRIBUTARY_RETURN_IF_ERROR(MissingParents(row, &missing));
  if (!missing.empty()) {
    return {SQLITE_CONSTRAINT_FOREIGNKEY,
            absl::StrCat("crsql_changes: cannot merge a row of table ", row.table->name(),
                         ": the row that it refers to does not exist (foreign key ",
                         Describe(missing.front().key), ")")};
  }
  return {SQLITE_CONSTRAINT, absl::StrCat("crsql_changes: cannot merge a row of table ",
                                          row.table->name(), ": ", row.held_why)};
}

}  // namespace tributary
