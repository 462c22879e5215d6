"""Fonts for the Chinese in PNGs: the browser that draws them takes its fonts from fontconfig, and this package brings one along."""

from __future__ import annotations

import os
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).with_name("cjk")
"""Has the 3,755 most frequent characters of Chinese, under a licence of its own; docs/making/font.py makes it."""
SETTING = "FONTCONFIG_FILE"
SETTINGS_OF_MACHINE = "/etc/fonts/fonts.conf"
ASK_TIMEOUT_S = 30


def wide_characters(texts: Iterable[str]) -> str:
    """The Chinese, Japanese and Korean characters of texts, each once."""
    return "".join(dict.fromkeys(c for text in texts for c in text if unicodedata.east_asian_width(c) in "WF"))


def first_without_font(characters: str) -> str | None:
    """The first character that no font has; None if each has one, or fontconfig cannot be asked."""
    program = shutil.which("fc-list")
    if program is None or not characters:
        return None
    try:
        return _first_lacking(program, characters)
    except (OSError, subprocess.SubprocessError):
        return None


def _first_lacking(program: str, characters: str) -> str | None:
    """Asks for one font with all of them first, and for the halves only if there is none."""
    pattern = f":charset={' '.join(f'{ord(c):x}' for c in characters)}"
    asked = subprocess.run(  # noqa: S603  (our own arguments)
        [program, pattern, "family"], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=True
    )
    if asked.stdout.strip():
        return None
    if len(characters) == 1:
        return characters
    middle = len(characters) // 2
    return _first_lacking(program, characters[:middle]) or _first_lacking(program, characters[middle:])


@contextmanager
def fonts_for(characters: str) -> Iterator[None]:
    """Programs that start in its `with` have the font of this package too, if the machine has none for these characters."""
    before = os.environ.get(SETTING)
    machine = Path(before or SETTINGS_OF_MACHINE)
    is_unknown = shutil.which("fc-list") is None
    if not characters or not machine.is_file() or not (is_unknown or first_without_font(characters)):
        yield
        return
    with TemporaryDirectory() as folder:
        settings = Path(folder) / "fonts.conf"
        settings.write_text(_with_folder(machine, FOLDER), encoding="utf-8")
        os.environ[SETTING] = str(settings)
        try:
            yield
        finally:
            if before is None:
                del os.environ[SETTING]
            else:
                os.environ[SETTING] = before


def _with_folder(machine: Path, folder: Path) -> str:
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
        f"<include>{escape(str(machine.absolute()))}</include>\n<dir>{escape(str(folder))}</dir>\n</fontconfig>\n"
    )
