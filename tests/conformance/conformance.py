"""What travels is Protocol Buffers of sync/proto/changeset.proto, and means what its comments say.

A second implementation of the columns, on Google's runtime: messages of our builder are parsed and
decoded here, and messages made here are read by our reader; both sides write what they understood
as text (tests/changeset/sample.h), which must be the same.

    conformance.py WIRE PROTO [N]     WIRE: the program of wire.cc; N messages of each kind
"""

import importlib
import os
import struct
import subprocess
import sys
import tempfile

KINDS = {"header": "Header", "have": "Have", "body": "Body"}


# --- columns --------------------------------------------------------------------------------------
def expand(runs):
    """What (value, count) pairs stand for."""
    assert len(runs) % 2 == 0
    return [v for v, n in zip(runs[::2], runs[1::2]) for _ in range(n)]


def to_runs(values):
    runs = []
    for v in values:
        if runs and runs[-2] == v:
            runs[-1] += 1
        else:
            runs += [v, 1]
    return runs


def varint(data, at):
    shift = value = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def key_end(data, at, width):
    """Where a key of `width` values ends that begins at `at` (crdt/key.h)."""
    for _ in range(width):
        tag = data[at]
        at += 1
        if tag >= 0xC0:
            at += tag - 0xC0
        elif tag >= 0x80:
            at += tag - 0x80
        elif tag in (0x30, 0x31):
            n, at = varint(data, at)
            at += n
        else:
            at += {0x20: 8, 0x32: 16, 0x33: 16}.get(tag, tag - 0x10)
    assert at <= len(data)
    return at


NULL, BLOB, TEXT, REAL, INTEGER = range(5)


class Cells:
    """Takes a Column's cells one after the other."""

    def __init__(self, column):
        self.versions = iter(expand(column.col_version))
        self.types = iter(expand(column.type))
        self.integers = iter(column.integers)
        self.reals = iter(column.reals)
        self.lengths = iter(column.lengths)
        self.data = column.data
        self.at = 0

    def next(self):
        version, kind = next(self.versions), next(self.types)
        value = None
        if kind == INTEGER:
            value = next(self.integers)
        elif kind == REAL:
            value = struct.pack("<d", next(self.reals))
        elif kind in (TEXT, BLOB):
            n = next(self.lengths)
            value = self.data[self.at : self.at + n]
            self.at += n
            assert len(value) == n
        return version, kind, value

    def check_done(self):
        rest = [self.versions, self.types, self.integers, self.reals, self.lengths]
        assert not any(list(i) for i in rest) and self.at == len(self.data)


# --- a body as plain data: (tables, transactions, rows) -------------------------------------------
# A row is (table, transaction, key, cl, records); a record is (column or None, seq, version, type,
# value).
def decode_transactions(body):
    t = body.transactions
    columns = zip(expand(t.site), t.version, t.commit_ms, expand(t.ts), expand(t.backfill))
    assert len(expand(t.site)) == len(t.version) == len(t.commit_ms) == len(expand(t.ts))
    transactions = []
    commit_ms = 0
    for site, version, since, ts, backfill in columns:
        site = body.sites[site]
        if transactions and transactions[-1][0] == site:
            version += transactions[-1][1]
        commit_ms = wrap(commit_ms + since)
        transactions.append((site, version, commit_ms, ts, backfill))
    return transactions


def wrap(n):
    """As a signed 64-bit number."""
    return (n + 2**63) % 2**64 - 2**63


def decode_rows(body, group):
    cells = {c.column: Cells(c) for c in group.columns}
    columns = [expand(c) for c in (group.transaction, group.shape, group.causal_length, group.seq)]
    rows = []
    at = expected = 0
    before = None
    for transaction, shape, cl, gap in zip(*columns):
        begin, at = at, key_end(group.keys, at, len(body.tables[group.table].key))
        if transaction != before:
            before, expected = transaction, 0
        shape = group.shapes[shape]
        offsets = shape.seq_offset or range(len(shape.cell))
        assert len(offsets) == len(shape.cell)
        records = []
        for cell, offset in zip(shape.cell, offsets):
            seq = expected + gap + offset
            if cell == 0:
                records.append((None, seq, 0, NULL, None))
            else:
                records.append((cell - 1, seq, *cells[cell - 1].next()))
        expected = records[-1][1] + 1
        rows.append((group.table, transaction, group.keys[begin:at], cl, records))
    assert at == len(group.keys) and all(len(c) == len(rows) for c in columns)
    for c in cells.values():
        c.check_done()
    return rows


def decode(body):
    tables = [(t.name, list(t.key), list(t.columns)) for t in body.tables]
    rows = [row for group in body.rows for row in decode_rows(body, group)]
    return tables, decode_transactions(body), rows


def encode_transactions(transactions, body):
    sites = list(dict.fromkeys(t[0] for t in transactions))
    body.sites.extend(sites)
    out = body.transactions
    before = (None, 0, 0)
    for t in transactions:
        out.version.append(t[1] - (before[1] if before[0] == t[0] else 0))
        out.commit_ms.append(wrap(t[2] - before[2]))
        before = t
    out.site.extend(to_runs([sites.index(t[0]) for t in transactions]))
    out.ts.extend(to_runs([t[3] for t in transactions]))
    out.backfill.extend(to_runs([t[4] for t in transactions]))


def encode_column(column, number, cells):
    column.column = number
    column.col_version.extend(to_runs([version for version, _, _ in cells]))
    column.type.extend(to_runs([kind for _, kind, _ in cells]))
    for _, kind, value in cells:
        if kind == INTEGER:
            column.integers.append(value)
        elif kind == REAL:
            column.reals.append(struct.unpack("<d", value)[0])
        elif kind in (TEXT, BLOB):
            column.lengths.append(len(value))
            column.data += value


def encode_rows(rows, group):
    group.table = rows[0][0]
    shapes = []
    numbers, gaps = [], []
    cells = {}
    before, expected = None, 0
    for _, transaction, key, _, records in rows:
        first = records[0][1]
        shape = [(0 if c is None else c + 1, seq - first) for c, seq, *_ in records]
        if shape not in shapes:
            shapes.append(shape)
        numbers.append(shapes.index(shape))
        if transaction != before:
            before, expected = transaction, 0
        gaps.append(first - expected)
        expected = records[-1][1] + 1
        group.keys += key
        for column, _, *cell in records:
            if column is not None:
                cells.setdefault(column, []).append(cell)
    for shape in shapes:
        # Offsets are written even where they could be left out: both forms mean the same.
        group.shapes.add(cell=[c for c, _ in shape], seq_offset=[o for _, o in shape])
    group.transaction.extend(to_runs([r[1] for r in rows]))
    group.shape.extend(to_runs(numbers))
    group.causal_length.extend(to_runs([r[3] for r in rows]))
    group.seq.extend(to_runs(gaps))
    for number in reversed(sorted(cells)):  # the order of columns says nothing
        encode_column(group.columns.add(), number, cells[number])


def encode(model, body):
    tables, transactions, rows = model
    for name, key, columns in tables:
        body.tables.add(name=name, key=key, columns=columns)
    encode_transactions(transactions, body)
    for table in dict.fromkeys(row[0] for row in rows):
        encode_rows([row for row in rows if row[0] == table], body.rows.add())


# --- text -----------------------------------------------------------------------------------------
def quoted(s):
    return "x" + (s.encode() if isinstance(s, str) else s).hex()


def value_text(kind, value):
    if kind == NULL:
        return "null"
    if kind == INTEGER:
        return f"i{value}"
    if kind == REAL:
        return f"r{struct.unpack('<Q', value)[0]}"
    return ("t" if kind == TEXT else "b") + value.hex()


def body_text(body):
    tables, transactions, rows = decode(body)
    lines = []
    for name, key, columns in tables:
        names = ["key", *map(quoted, key), "columns", *map(quoted, columns)]
        lines.append(" ".join(["table", quoted(name), *names]))
    for site, version, commit_ms, ts, backfill in transactions:
        suffix = " backfill" if backfill else ""
        lines.append(f"transaction {site.hex()} {version} {commit_ms} {ts}{suffix}")
    for table, transaction, key, cl, records in sorted(rows, key=lambda row: row[0]):
        line = f"row {table} {transaction} {quoted(key)} {cl}"
        for column, seq, version, kind, value in records:
            if column is None:
                line += f" sentinel:{seq}"
            else:
                line += f" {column}:{seq}:{version}:{value_text(kind, value)}"
        lines.append(line)
    return lines


def span_text(s):
    return f"{s.site.hex()} {s.from_version} {s.from_seq} {s.to_version} {s.to_seq}"


def header_text(h):
    flags = "".join(f" {f}" for f in ("last", "continues", "continued") if getattr(h, f))
    counts = f"{h.transfer} {h.piece} {h.transactions} {h.rows} {h.cells} {h.loose_pieces}"
    return [
        f"sender {h.sender.hex()} {counts}{flags}",
        *(f"known {e.site.hex()} {e.version}" for e in h.until),
        *("covers " + span_text(s) for s in h.covers),
        *("table " + quoted(t) for t in h.tables),
        *("dropped " + quoted(t) for t in h.dropped),
    ]


def have_text(have):
    lines = [f"known {e.site.hex()} {e.version}" for e in have.known]
    if have.everything:
        lines.append("everything")
    for u in have.unfinished:
        lines.append(f"unfinished {u.sender.hex()}")
        lines += ["received " + span_text(s) for s in u.received]
    return lines + [f"loose {l.site.hex()} {l.records} {l.hash}" for l in have.loose]


TEXTS = {"header": header_text, "have": have_text, "body": body_text}


# --- the test -------------------------------------------------------------------------------------
def compile_proto(proto, out):
    folder, name = os.path.split(os.path.abspath(proto))
    subprocess.run(["protoc", f"-I{folder}", f"--python_out={out}", name], check=True)
    sys.path.insert(0, out)
    return importlib.import_module(name.replace(".proto", "_pb2"))


def has_unknown_fields(message):
    if len(message.UnknownFields()) > 0:
        return True
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            several = field.label == field.LABEL_REPEATED
            if any(has_unknown_fields(m) for m in (value if several else [value])):
                return True
    return False



def main(wire, proto, n=150):
    with tempfile.TemporaryDirectory() as dir:
        ours, theirs, compiled = (os.path.join(dir, d) for d in ("ours", "theirs", "compiled"))
        for d in (ours, theirs, compiled):
            os.mkdir(d)
        pb = compile_proto(proto, compiled)
        subprocess.run([wire, "write", ours, str(n)], check=True)
        wrong = 0
        sizes = dict.fromkeys(KINDS, 0)
        expected = {}
        for name in sorted(f for f in os.listdir(ours) if not f.endswith(".txt")):
            kind = name.split(".")[1]
            with open(os.path.join(ours, name), "rb") as f:
                data = f.read()
            message = getattr(pb, KINDS[kind]).FromString(data)
            with open(os.path.join(ours, name + ".txt"), encoding="ascii") as f:
                expected[name] = f.read().splitlines()
            sizes[kind] += len(data)
            if has_unknown_fields(message):
                print(f"FAIL {name}: has fields that are not in {proto}, or of another type")
                wrong += 1
            # Our builder makes nothing of a changeset without transactions.
            elif data and TEXTS[kind](message) != expected[name]:
                print(f"FAIL {name}: our message is understood as", *TEXTS[kind](message), sep="\n")
                wrong += 1
            made = message
            if kind == "body":
                made = pb.Body()
                encode(decode(message), made)
                expected[name] = expected[name] if data else []
            with open(os.path.join(theirs, name), "wb") as f:
                f.write(made.SerializeToString())
        if subprocess.run([wire, "read", theirs], check=False).returncode != 0:
            print("FAIL: our reader refuses what Protocol Buffers wrote")
            wrong += 1
        for name, lines in expected.items():
            with open(os.path.join(theirs, name + ".txt"), encoding="ascii") as f:
                if f.read().splitlines() != lines:
                    print(f"FAIL {name}: our reader understands another message")
                    wrong += 1
        told = ", ".join(f"{n} of {kind} ({size} bytes)" for kind, size in sizes.items())
        print(f"{told}; {wrong} wrong")
        return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
