"""Ways to spoil an input: bytes, lines, cells, trees of JSON or TOML, archives, SQLite files, PBF blocks.

All take a :class:`random.Random` first, so that a seed gives the same case everywhere.
"""

from __future__ import annotations

import copy
import io
import sqlite3
import zipfile
import zlib
from contextlib import closing, suppress

HOSTILE = (
    "{{7*7}}", "{{ self.__init__.__globals__ }}", "{% for x in y %}", "{#", "${7*7}",
    "</script><script>boom=1</script>", "<img src=x onerror=boom=1>", "<!--<script>", "]]>", "a\u2028b\u2029c",
    "\u202eevil\u202c\u2066x", '=HYPERLINK("http://127.0.0.1:9")', "@SUM(A1)", "+1+1",
    "'; DROP TABLE gpkg_contents;--", '"><svg/onload=boom=1>', "javascript:boom=1", "../../etc/passwd",
    "%s%n{0}{x!r}", "\\N{DASH}\\u0000", "\ufffe\uffff", "\x00", "\x01\x02\x1b[31m", "\r\n\t", "A" * 40_000,
    "字" * 9_000, "e\u0301" * 3000, "🙂‍🚒",
)  # fmt: skip
"""Names that a page, a sheet, a database or a terminal might take for something else."""

NUMBERS = (
    "", "0", "-0", "-1", "1e308", "-1e308", "1e309", "1e-320", "nan", "inf", "-inf", "9" * 5000, "0x10", "1_000",
    "9223372036854775808", "-9223372036854775809", "1,5", "1.234,5", "１２", "१२", "½", "10%", "5 km", "1e", "--1", "+",
    "181", "-91", "113.15,27.83", "27.5N", "180", "-180", "90", "1e15", "1e16", "0.000000001", "TRUE", "²",
)  # fmt: skip
WORDS = (
    "yes", "no", "是", "未知", "合计", "注：", "operational", "planned", "dc", "charging", "fuel", "hub", "2024-02-30",
    "99999", "0000-00-00", "2024年13月", "1899-12-30", "9999-12-31", "#REF!", "#N/A", "None", "null", "wgs84", "West",
    "b1", "c1",
)  # fmt: skip


def cell(rng):
    """A cell that somebody might write, or would rather not."""
    return rng.choice(rng.choice((HOSTILE, NUMBERS, NUMBERS, WORDS)))


def spoil_bytes(rng, data: bytes) -> bytes:
    """Flip bits, cut, repeat, insert, overwrite."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        if not out:
            break
        at, n = rng.randrange(len(out)), rng.choice((1, 2, 4, 16, 200))
        what = rng.randrange(7)
        if what == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif what == 2:
            del out[at : at + n]
        elif what == 3:
            out[at:at] = out[at : at + n]
        elif what == 4:
            out[at : at + n] = rng.randbytes(n)
        elif what == 5:
            out[at : at + 4] = rng.choice(
                (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\x80\0\0\0")
            )
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


def spoil_text(rng, text: str) -> str:
    """Spoil a text line by line: drop, repeat, swap, cut; put hostile words at any place."""
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 6))):
        at, what = rng.randrange(len(lines)), rng.randrange(6)
        if what == 0 and len(lines) > 1:
            del lines[at]
        elif what == 1:
            lines.insert(at, lines[rng.randrange(len(lines))])
        elif what == 2:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
        else:
            cut = rng.randrange(len(lines[at]) + 1)
            odd = (
                cell(rng)
                if what < 5
                else rng.choice(('"', "'", ",", ";", "\t", "[", "]]", "{", "=", "\n", "\r"))
            )
            lines[at] = lines[at][:cut] + odd + lines[at][cut + rng.choice((0, 0, 1, 5)) :]
    return "\n".join(lines)


def spoil_rows(rng, rows: list[list[str]]) -> list[list[str]]:
    """Spoil a table: cells, whole columns, rows, headers; leave only the header, or nothing."""
    rows = [list(row) for row in rows]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        what = rng.randrange(12)
        row, column = rng.randrange(len(rows)), rng.randrange(len(rows[0]) or 1)
        if what <= 4 and len(rows) > 1:
            row = rng.randrange(1, len(rows))
            rows[row][column : column + 1] = [cell(rng)]
        elif what == 5:
            odd = cell(rng)
            rows[1:] = [[*r[:column], odd, *r[column + 1 :]] for r in rows[1:]]
        elif what == 6:
            rows[0][column : column + 1] = [rng.choice([cell(rng), rng.choice(rows[0] or [""])])]
        elif what == 7:
            rows = [[*r[:column], *r[column + 1 :]] for r in rows]
        elif what == 8:
            rows.insert(row, rows[rng.randrange(len(rows))][: rng.randrange(1, 30)])
        elif what == 9:
            rows.insert(rng.choice((0, row)), [cell(rng)])
        elif what == 10:
            del rows[rng.choice((0, 1, 1, row)) :]
            rows = rows or [[]]
        else:
            rows[row:row] = [list(rows[row])] * rng.choice((1, 3, 300))
    return rows


ODD_JSON = (
    None, True, False, 0, -1, 2**63, -(2**63) - 1, 2**64, 10**400, 1e308, 5e-324, float("nan"), float("inf"), "", [],
    {}, [[]], [None], {"a": {"b": [1]}}, "Point", "Polygon", [0, 0], [[[0, 0], [1, 1]]], ["x", "y"], [1e308, 1e308],
    [181, 91],
)  # fmt: skip


def odd_value(rng):
    """A JSON value of any type, or a nested one."""
    if rng.random() < 0.05:
        value: object = 1
        for _ in range(rng.choice((50, 400, 900))):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return cell(rng) if rng.random() < 0.4 else copy.deepcopy(rng.choice(ODD_JSON))


def spoil_tree(rng, tree, times=None):
    """Spoil a tree of dicts and lists: replace, delete, repeat, move, rename any of its parts."""
    tree = copy.deepcopy(tree)
    for _ in range(times or rng.choice((1, 1, 1, 2, 4, 10))):
        places = list(_places(tree))
        if not places:
            return odd_value(rng)
        holder, key = rng.choice(places)
        what = rng.randrange(8)
        if what <= 3:
            holder[key] = odd_value(rng)
        elif what == 4:
            del holder[key]
        elif what == 5 and isinstance(holder, list):
            holder[key:key] = [copy.deepcopy(holder[key])] * rng.choice((1, 2, 100))
        elif what == 5:
            holder[cell(rng)] = holder.pop(key)
        elif what == 6:
            other, name = rng.choice(places)
            with suppress(KeyError, IndexError):
                holder[key] = copy.deepcopy(other[name])
        else:
            holder[key] = _nudged(rng, holder[key])
    return tree


def _nudged(rng, value):
    """Nearly the same value."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return rng.choice(
            (
                value + 1,
                -value,
                value * 1e6,
                value / 1e6,
                str(value),
                round(value) if abs(value) < 1e300 else 0,
            )
        )
    if isinstance(value, str):
        return rng.choice((value + rng.choice(HOSTILE), value[:-1], value.upper(), [value]))
    return odd_value(rng)


def _places(tree):
    """(container, key) of every part."""
    stack = [tree]
    while stack:
        holder = stack.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])


DEEPEST = 300


def toml_value(value, depth: int = 0) -> str:
    """A value in TOML; what TOML has no word for is written as text, and so is what lies hundreds of levels deep."""
    if depth > DEEPEST:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return '"' + "".join(_toml_letter(c) for c in value) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v, depth + 1) for v in value) + "]"
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{toml_value(str(k))} = {toml_value(v, depth + 1)}" for k, v in value.items())
            + "}"
        )
    return str(value) if hasattr(value, "isoformat") else '""'


def toml_text_long(tree) -> str:
    """A whole document with a line for every key, below the headers of its tables."""
    lines: list[str] = []
    _toml_lines(tree, (), lines)
    return "\n".join(lines) + "\n"


def _toml_lines(tree, path, lines) -> None:
    inner = {k: v for k, v in tree.items() if isinstance(v, dict)}
    lines += [f"{toml_value(k)} = {toml_value(v)}" for k, v in tree.items() if k not in inner]
    for key, value in inner.items():
        lines.append("[" + ".".join(map(toml_value, (*path, key))) + "]")
        _toml_lines(value, (*path, key), lines)


def _toml_letter(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    return f"\\u{ord(c):04x}" if c < " " or c == "\x7f" or "\ud800" <= c <= "\udfff" else c


def toml_text(tree) -> str:
    """A whole document; every value on a line of its own, tables by their inline form."""
    if not isinstance(tree, dict):
        return toml_value(tree)
    return "".join(f"{toml_value(str(k))} = {toml_value(v)}\n" for k, v in tree.items())


def spoil_archive(rng, data: bytes) -> bytes:
    """Spoil a workbook or Word document: a member's text or bytes, or the list of members."""
    if rng.random() < 0.3:
        return spoil_bytes(rng, data)
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = {name: old.read(name) for name in old.namelist()}
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not members:
            break
        name, what = rng.choice(sorted(members)), rng.randrange(8)
        if what <= 3:
            members[name] = spoil_xml(rng, members[name].decode("utf-8", "replace")).encode(
                "utf-8", "replace"
            )
        elif what == 4:
            members[name] = spoil_bytes(rng, members[name])
        elif what == 5:
            del members[name]
        elif what == 6:
            members[name] = members[rng.choice(sorted(members))]
        else:
            members[rng.choice(("../../evil", "/evil", "word/vbaProject.bin", "xl/externalLinks/1.xml"))] = (
                b"x"
            )
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return raw.getvalue()


DOCTYPE = '<!DOCTYPE a [<!ENTITY x "aaaaaaaaaa"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;"><!ENTITY z SYSTEM "file:///etc/passwd">]>'


def spoil_xml(rng, text: str) -> str:
    """Spoil XML at its marks: values of attributes, elements, a DOCTYPE, or any place."""
    parts = text.split("<")
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, what = rng.randrange(len(parts)), rng.randrange(7)
        if what == 0 and len(parts) > 2:
            del parts[at]
        elif what == 1:
            parts.insert(at, parts[rng.randrange(len(parts))])
        elif what == 2:
            parts[0] = parts[0] + (DOCTYPE if rng.random() < 0.3 else "")
        elif what == 3 and rng.random() < 0.5:
            return spoil_text(rng, text)
        else:
            quoted = parts[at].split('"')
            if len(quoted) > 2:
                value = rng.choice((cell(rng), "&z;", "http://127.0.0.1:9/x", "1", "-1", "4294967296"))
                quoted[1 + 2 * rng.randrange(len(quoted) // 2)] = value.replace('"', "'").replace("<", "&lt;")
            parts[at] = '"'.join(quoted)
    return "<".join(parts)


def spoil_sqlite(rng, path) -> None:
    """Spoil a GeoPackage through SQL: values of any type in any cell, tables and columns gone or renamed, views."""
    with closing(sqlite3.connect(path)) as db, suppress(sqlite3.Error):
        for _ in range(rng.choice((1, 1, 2, 4))):
            with suppress(sqlite3.Error):
                _spoil_table(rng, db)
        db.commit()


def _spoil_table(rng, db) -> None:
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f'DROP TRIGGER "{trigger}"')  # they call functions that only GDAL has
    tables = [
        t
        for (t,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    ]
    table = rng.choice(tables)
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
    column, what = rng.choice(columns), rng.randrange(8)
    if what <= 3:
        rows = [r for (r,) in db.execute(f'SELECT rowid FROM "{table}"')]
        if rows:
            db.execute(
                f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (sql_value(rng), rng.choice(rows))
            )
    elif what == 4:
        db.execute(f'UPDATE "{table}" SET "{column}" = ?', (sql_value(rng),))
    elif what == 5:
        db.execute(rng.choice((f'DROP TABLE "{table}"', f'DELETE FROM "{table}"')))
    elif what == 6:
        db.execute(
            f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{rng.choice(("x", "fid", "geom", "lon"))}"'
        )
    else:
        db.execute(f'ALTER TABLE "{table}" RENAME TO "old"')
        source = rng.choice(
            ('"old"', "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT x FROM c)")
        )
        db.execute(f'CREATE VIEW "{table}" AS SELECT * FROM {source}')


def sql_value(rng):
    """A value of any SQLite type."""
    value = odd_value(rng)
    if isinstance(value, str):
        return value.encode() if rng.random() < 0.2 else value
    if isinstance(value, int) and not isinstance(value, bool):
        return max(min(value, 2**63 - 1), -(2**63))
    return value if isinstance(value, float | None) else rng.randbytes(rng.choice((0, 5, 40)))


# -- PBF -------------------------------------------------------------------------------------------------------


def spoil_pbf(rng, data: bytes) -> bytes:
    """Spoil a PBF file inside its compressed blocks, which bit flips outside would never pass."""
    blobs = list(_blobs(data))
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(blobs))
        kind, raw = blobs[at]
        what = rng.randrange(6)
        if what <= 2:
            blobs[at] = kind, spoil_bytes(rng, raw)
        elif what == 3:
            blobs.insert(rng.randrange(len(blobs) + 1), blobs[at])
        elif what == 4 and len(blobs) > 1:
            del blobs[at]
        else:
            blobs[at] = rng.choice((b"OSMData", b"OSMHeader", b"Odd")), raw
    return b"".join(_blob(rng, kind, raw) for kind, raw in blobs)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _field(number: int, value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _blob(rng, kind: bytes, raw: bytes) -> bytes:
    size = rng.choice((0, 2**31 - 1, 2**40)) if rng.random() < 0.03 else len(raw)
    body = _field(1, raw) if rng.random() < 0.1 else _field(2, size) + _field(3, zlib.compress(raw))
    head = _field(1, kind) + _field(3, len(body))
    return len(head).to_bytes(4, "big") + head + body


def _blobs(data: bytes):
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        head = dict(_fields(data[at + 4 : at + 4 + size]))
        at += 4 + size
        body = dict(_fields(data[at : at + head[3]]))
        at += head[3]
        yield head[1], body[1] if 1 in body else zlib.decompress(body[3])


def _fields(data: bytes):
    at = 0
    while at < len(data):
        key, at = _read(data, at)
        value, at = _read(data, at)
        if key & 7 == 2:
            yield key >> 3, data[at : at + value]
            at += value
        else:
            yield key >> 3, value


def _read(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
