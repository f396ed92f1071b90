"""Make PlugspanSansSC-Regular.otf: the characters a Chinese map needs, out of Noto Sans CJK SC.

    apt install fonts-noto-cjk unicode-data; python build.py

Kept are GB 2312 (7445 characters), the 8105 characters of the General Standard Chinese Characters (通用规范汉字表,
2013; names of places such as 洣水 and 舲舫 are only there), Latin letters, and signs. Left out are hints and layout
tables: pictures are drawn at 150 dpi and more, and nothing is set vertically. The family has a name of its own, so
that an installed Noto font is never taken for it. The same sources give the same bytes.
"""

from __future__ import annotations

import bz2
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, save_font

SOURCE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SOURCE_FACE = 2  # Noto Sans CJK SC
UNIHAN = Path("/usr/share/unicode/Unihan_OtherMappings.txt.bz2")
SIGNS = (
    range(0x20, 0x7F), range(0xA0, 0x180), range(0x2000, 0x20D0), range(0x2100, 0x2150), range(0x2190, 0x2300),
    range(0x2460, 0x2700), range(0x3000, 0x3040), range(0x3380, 0x33E0), range(0xFF00, 0xFFF0),
)  # fmt: skip
FAMILY = "Plugspan Sans SC"
NAMES = {1: FAMILY, 2: "Regular", 3: f"{FAMILY} Regular", 4: FAMILY, 6: "PlugspanSansSC-Regular"}


def gb2312() -> set[int]:
    """Return the code points of GB 2312."""
    rows = (bytes([0xA0 + row, 0xA0 + cell]) for row in range(1, 95) for cell in range(1, 95))
    return {ord(c) for pair in rows if (c := pair.decode("gb2312", "ignore"))}


def standard_characters() -> set[int]:
    """Return the code points of the General Standard Chinese Characters, by Unihan's kTGH."""
    with bz2.open(UNIHAN, "rt", encoding="utf-8") as lines:
        fields = (line.split("\t") for line in lines if line.startswith("U+"))
        return {int(field[0][2:], 16) for field in fields if field[1] == "kTGH"}


def main() -> None:
    """Write the font beside this file."""
    options = Options(
        font_number=SOURCE_FACE, hinting=False, layout_features=[], notdef_outline=True, name_IDs=[0, *NAMES, 5, 13, 14],
    )  # fmt: skip
    options.drop_tables += ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    font = load_font(str(SOURCE), options)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=gb2312() | standard_characters() | {u for signs in SIGNS for u in signs})
    subsetter.subset(font)
    for key, name in NAMES.items():
        font["name"].setName(name, key, 3, 1, 0x409)
    top = font["CFF "].cff
    top.fontNames = [NAMES[6]]
    top.topDictIndex[0].FamilyName, top.topDictIndex[0].FullName = FAMILY, NAMES[3]
    save_font(font, str(Path(__file__).with_name("PlugspanSansSC-Regular.otf")), options)


if __name__ == "__main__":
    main()
