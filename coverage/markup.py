"""XML from elsewhere, and the packages (.xlsx, .docx) that are made of it: as streams, within limits. Texts for XML."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import IO, Any
from xml.parsers import expat

from .errors import Fault, InputError

MOST_ELEMENTS = 20_000_000
"""Elements of one document, some 20 s."""
MOST_LETTERS = 10_000_000
"""Letters of one element: the longest geometry of a road has about a million."""
MOST_PART_MB = 300
"""A package's part when unpacked; the table of :data:`~plugspan.files.MOST_CELLS` cells is smaller."""

_BROKEN = re.compile("[\x00\ud800-\udfff]")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff\ud800-\udfff]")


def read_xml(
    file: str,
    stream: IO[bytes],
    *,
    start: Callable[[str, Mapping[str, str]], None] | None = None,
    end: Callable[[str, str], None] | None = None,
    keep: Collection[str] = (),
) -> None:
    """Read an XML document and call back for its elements, by their names without prefix.

    A document type is refused: entities that stand for other entities grow without limit, and external ones read
    other files. No format that is read here has one.

    Parameters
    ----------
    file : str
        Name for faults.
    stream : binary file
    start : callable, optional
        Gets name and attributes of each element that begins; attributes keep their prefix.
    end : callable, optional
        Gets the name of each element that ends, and its text if the name is in ``keep``.
    keep : collection of str

    Raises
    ------
    InputError
        If it is not well-formed, has a document type, or holds too much.

    Examples
    --------
    >>> read_xml("a.xml", io.BytesIO(b"<a><b>hello</b></a>"), end=lambda *found: print(*found), keep={"b"})
    b hello
    a
    """
    words: list[str] = []
    count = letters = 0

    def begins(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count, letters
        count += 1
        if count > MOST_ELEMENTS:
            raise InputError(Fault("xml-too-large", file=file, values={"most": f"{MOST_ELEMENTS:,}"}))
        words.clear()
        letters = 0
        if start is not None:
            start(tag.rpartition(":")[2], attributes)

    def says(found: str) -> None:
        nonlocal letters
        letters += len(found)
        if letters > MOST_LETTERS:
            raise InputError(Fault("xml-too-large", file=file, values={"most": f"{MOST_LETTERS:,}"}))
        words.append(found)

    def ends(tag: str) -> None:
        name = tag.rpartition(":")[2]
        if end is not None:
            end(name, "".join(words) if name in keep else "")
        words.clear()

    def has_type(*_: object) -> None:
        raise InputError(Fault("xml-doctype", file=file))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = has_type
    parser.StartElementHandler = begins
    if end is not None:
        parser.EndElementHandler = ends
    if keep:
        parser.CharacterDataHandler = says
    try:
        parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise InputError(Fault("xml-broken", file=file, row=error.lineno)) from error


class Package:
    """Parts of an Office package, by their name, each within a limit when it is unpacked."""

    def __init__(self, file: str, content: bytes, most_mb: int | None = None) -> None:
        """Open the archive; :data:`MOST_PART_MB` is the limit unless another is given.

        Raises
        ------
        InputError
            If it is no zip archive.
        """
        self.file, self.most_mb = file, MOST_PART_MB if most_mb is None else most_mb
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise InputError(Fault("package-broken", file=file)) from error
        self.names = frozenset(self._archive.namelist())

    def part(self, name: str) -> bytes:
        """Return an unpacked part.

        Raises
        ------
        InputError
            If it is missing, damaged, encrypted or too large.
        """
        try:
            entry = self._archive.getinfo(name)
            # Others than these two methods may ask for gigabytes before they give a byte.
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError(Fault("package-broken", file=self.file))
            if entry.file_size > self.most_mb * 1_000_000:
                values = {"most": self.most_mb, "n": round(entry.file_size / 1e6)}
                raise InputError(Fault("package-too-large", file=self.file, values=values))
            return self._archive.read(entry)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise InputError(Fault("package-broken", file=self.file)) from error

    def read(
        self,
        name: str,
        *,
        start: Callable[[str, Mapping[str, str]], None] | None = None,
        end: Callable[[str, str], None] | None = None,
        keep: Collection[str] = (),
    ) -> None:
        """Read a part as :func:`read_xml` does.

        Raises
        ------
        InputError
            As there and in :meth:`part`.
        """
        read_xml(self.file, io.BytesIO(self.part(name)), start=start, end=end, keep=keep)


def clean_text(value: Any) -> str:
    """Return a value as text that any file can hold: NUL and lone surrogates become U+FFFD."""
    if isinstance(value, dict | list | tuple):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return _BROKEN.sub("\ufffd", str(value))


def clean_xml(value: Any) -> str:
    """Return a value as text that XML 1.0 can hold: other control characters become U+FFFD."""
    return _NOT_XML.sub("\ufffd", str(value))
