"""The fonts of the PNGs: what this machine lacks is found, and the font of the package is taken for it."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from distune.tuning.report.fonts import FOLDER, SETTING, first_without_font, fonts_for, wide_characters

ROOT = Path(__file__).resolve().parents[3]
MAKING: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "making" / "font.py"))
SETTINGS = '<?xml version="1.0"?>\n<fontconfig><dir>{folder}</dir><cachedir>{cache}</cachedir></fontconfig>\n'
needs_fontconfig = pytest.mark.skipif(shutil.which("fc-list") is None, reason="no fc-list (apt-get install fontconfig)")


@pytest.fixture
def without_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any font."""
    settings = tmp_path / "fonts.conf"
    settings.write_text(SETTINGS.format(folder=tmp_path / "fonts", cache=tmp_path / "cache"), encoding="utf-8")
    monkeypatch.setenv(SETTING, str(settings))
    return settings


def test_wide_characters_are_counted_once_in_their_order() -> None:
    assert wide_characters(["label 好", "差，好"]) == "好差，"
    assert wide_characters(["accuracy", "é"]) == ""


@pytest.mark.parametrize(
    ("known", "characters", "lacking"),
    [("", "好", "好"), ("597d", "好", None), ("597d 5dee", "好差", None), ("597d", "好差", "差"), ("", "", None)],
)
def test_the_first_character_without_a_font_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, characters: str, lacking: str | None
) -> None:
    program = tmp_path / "fc-list"
    # U+597D is 好, U+5DEE is 差. It has one font, with the known characters.
    program.write_text(
        f"#!/bin/sh\nfor c in ${{1#:charset=}}; do case ' {known} ' in *\" $c \"*) ;; *) exit 0; esac; done\necho A\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert first_without_font(characters) == lacking


@needs_fontconfig
def test_a_machine_without_chinese_has_the_font_of_the_package_for_a_while(without_fonts: Path) -> None:
    assert first_without_font("好评") == "好"
    with fonts_for("好评"):
        assert os.environ[SETTING] != str(without_fonts)
        assert first_without_font("好评，") is None
        assert first_without_font("好龘") == "龘"  # No everyday character.
    assert os.environ[SETTING] == str(without_fonts)


@needs_fontconfig
def test_a_machine_with_the_characters_keeps_its_own_fonts(without_fonts: Path) -> None:
    without_fonts.write_text(SETTINGS.format(folder=FOLDER, cache=without_fonts.parent / "cache"), encoding="utf-8")
    with fonts_for("好评"):
        assert os.environ[SETTING] == str(without_fonts)
    with fonts_for(""):
        assert os.environ[SETTING] == str(without_fonts)


@needs_fontconfig
def test_the_font_has_every_character_that_it_was_made_of(without_fonts: Path) -> None:
    without_fonts.write_text(SETTINGS.format(folder=FOLDER, cache=without_fonts.parent / "cache"), encoding="utf-8")
    asked = subprocess.run(["fc-list", ":", "family", "charset"], capture_output=True, text=True, check=True).stdout
    assert asked.startswith("Distune Hans:")
    made = wide_characters([MAKING["characters"]()])
    assert len([c for c in made if "\u4e00" <= c <= "\u9fff"]) == 3755
    assert first_without_font(made) is None


def test_the_licence_lies_beside_the_font_and_names_it() -> None:
    licence = (FOLDER / "OFL.txt").read_text(encoding="utf-8")
    assert licence.startswith(f"{MAKING['TARGET'].name} is a part of Noto Sans CJK SC")
    assert "SIL OPEN FONT LICENSE Version 1.1 - 26 February 2007" in licence
    assert (FOLDER / MAKING["TARGET"].name).stat().st_size < 2_000_000


@pytest.mark.slow
@pytest.mark.skipif(
    not MAKING["is_source"](MAKING["SOURCE"]), reason="not the Noto Sans CJK of fonts-noto-cjk 1:20220127"
)
def test_the_font_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    MAKING["make"](MAKING["SOURCE"], tmp_path / "made.otf")
    assert (tmp_path / "made.otf").read_bytes() == MAKING["TARGET"].read_bytes()
