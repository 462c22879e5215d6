"""Whether this machine can draw the characters of a picture: the browser that draws PNGs takes its fonts from fontconfig."""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Iterable


def first_without_font(texts: Iterable[str]) -> str | None:
    """The first wide character (Chinese, Japanese, Korean) that no font has; None if all is well, or fontconfig
    cannot be asked."""
    program = shutil.which("fc-list")
    wide = next((c for text in texts for c in text if unicodedata.east_asian_width(c) in "WF"), None)
    if program is None or wide is None:
        return None
    try:
        asked = subprocess.run(  # noqa: S603  (our own arguments)
            [program, f":charset={ord(wide):x}", "family"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return None if asked.stdout.strip() else wide
