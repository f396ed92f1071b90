"""Archives with the same bytes for the same sources: ``python release/archives.py DIST DOCS``.

Packs the sdist in DIST anew and the manual in DOCS into a zip. Times are those of SOURCE_DATE_EPOCH, the last commit's.
"""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
import time
import zipfile
from pathlib import Path

from release import about

_NO_PAGES = ("_sources", ".buildinfo", ".buildinfo.bak", ".doctrees", ".nojekyll")
"""What Sphinx leaves for its own next build, not for readers."""
_FIRST_ZIP = 315_532_800
"""1980-01-01: a zip knows no earlier time."""


def source_time() -> int:
    """Return the time of the sources, in seconds since 1970."""
    return max(int(os.environ.get("SOURCE_DATE_EPOCH", _FIRST_ZIP)), _FIRST_ZIP)


def repack_sdist(path: Path, when: int) -> None:
    """Give all members of an sdist one time, one order and no owner; setuptools takes those of the machine."""
    with tarfile.open(path) as old:
        members = [(m, old.extractfile(m)) for m in sorted(old.getmembers(), key=lambda m: m.name)]
        contents = [(m, held.read() if held else b"") for m, held in members]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member, content in contents:
            entry = tarfile.TarInfo(member.name)
            entry.type, entry.size, entry.mtime = member.type, len(content), when
            entry.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(entry, io.BytesIO(content))
    with path.open("wb") as file, gzip.GzipFile("", "wb", mtime=when, fileobj=file) as zipped:
        zipped.write(packed.getvalue())


def pack_manual(docs: Path, path: Path, when: int) -> None:
    """Write the built manual as a zip that unpacks into one folder."""
    stamp = time.gmtime(when)[:6]
    with zipfile.ZipFile(path, "w") as archive:
        for page in sorted(docs.rglob("*")):
            inside = page.relative_to(docs)
            if page.is_file() and not any(part in _NO_PAGES for part in inside.parts):
                entry = zipfile.ZipInfo(f"{path.stem}/{inside.as_posix()}", stamp)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, page.read_bytes())


def main(dist: Path, docs: Path) -> None:
    """Pack both."""
    stem = f"{about()['name']}-{about()['version']}"
    repack_sdist(dist / f"{stem}.tar.gz", source_time())
    pack_manual(docs, dist / f"{about()['name']}-manual-{about()['version']}.zip", source_time())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
