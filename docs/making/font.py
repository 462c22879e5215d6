"""The font with which PNGs show Chinese on a machine without one: `python docs/making/font.py NotoSansCJK-Regular.ttc`.

It is Noto Sans CJK SC, reduced to the 3,755 characters of level 1 of GB 2312, which is what everyday Chinese is written with, to its
punctuation and to Latin letters. The source is the file of Debian's package fonts-noto-cjk 1:20220127. It and what is made of it are
under the SIL Open Font License, which lies next to the result. With the source of SOURCE_SHA256 and the pinned fontTools the result is the
committed file, byte for byte.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

TARGET = Path(__file__).resolve().parents[2] / "tuning" / "report" / "cjk" / "DistuneHans.otf"
SOURCE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SOURCE_SHA256 = "b76b0433203017ca80401b2ee0dd69350349871c4b19d504c34dbdd80541690a"
SIMPLIFIED_CHINESE = 2
"""The font's number in the collection."""
FAMILY = "Distune Hans"
NAMES = {1: FAMILY, 4: FAMILY, 6: "DistuneHans-Regular"}
KEPT_NAMES = [0, 1, 2, 4, 5, 6, 13, 14]
"""Copyright, names, version and licence."""
UNUSED_TABLES = ["BASE", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
"""Tables for vertical lines and for variants of characters."""
SYMBOLS = ((0x20, 0x7F), (0xA0, 0x100), (0x2010, 0x2027), (0x3000, 0x3020), (0xFF01, 0xFF5F))


def characters() -> str:
    """Level 1 of GB 2312 (its rows 16 to 55), and the symbols."""
    level_1 = [bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    return "".join(code.decode("gb2312", "ignore") for code in level_1) + "".join(
        chr(code) for first, end in SYMBOLS for code in range(first, end)
    )


def is_source(path: Path) -> bool:
    """Whether a file is the font of which the committed one was made."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SOURCE_SHA256


def make(source: Path, target: Path) -> None:
    """Write the reduced font; ends the program for another source."""
    if not is_source(source):
        sys.exit(f"{source} must be the file of fonts-noto-cjk 1:20220127, of the SHA-256 {SOURCE_SHA256}, but is not")
    font = TTFont(source, fontNumber=SIMPLIFIED_CHINESE, recalcTimestamp=False)
    options = Options(layout_features=[], hinting=False, desubroutinize=True, name_IDs=KEPT_NAMES, notdef_outline=True)
    options.drop_tables += UNUSED_TABLES
    reducing = Subsetter(options)
    reducing.populate(text=characters())
    reducing.subset(font)
    for record in font["name"].names:
        record.string = NAMES.get(record.nameID, record.toUnicode())
    top = font["CFF "].cff
    top.fontNames = [NAMES[6]]
    top[0].FullName = top[0].FamilyName = FAMILY
    font.save(target)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE, TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e6:.2f} MB")
