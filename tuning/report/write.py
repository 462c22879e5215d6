"""The page and the pictures of a search, written into its folder."""

from __future__ import annotations

import logging
from pathlib import Path

from distune.tuning.champion.answers import read_texts
from distune.tuning.report.findings import read_findings
from distune.tuning.report.page import page
from distune.tuning.report.pictures import draw, write_html, write_pngs
from distune.tuning.storage.paths import Folder
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study

_log = logging.getLogger(__name__)


def write_report(study: Study, folder: Folder) -> dict[str, bytes]:
    """Write `report.html` and `pictures/` of a search, as far as it has come; returns the page and the PNGs by name."""
    findings = read_findings(study, folder)
    pictures, missing = draw(findings)
    content = page(findings, _texts(folder), pictures, missing)
    folder.report.write_text(content)
    files = {"report.html": content.encode()}
    with folder.pictures.to_write() as path:
        write_html(pictures, path)
        files |= {f"pictures/{file.name}": file.read_bytes() for file in write_pngs(pictures, path)}
    return files


def write_page(study: Study, folder: Folder, file: Path) -> None:
    """Write the page of a search to a file, and nothing else; raises StudyError if it cannot be written."""
    findings = read_findings(study, folder)
    try:
        file.write_text(page(findings, _texts(folder), *draw(findings)), encoding="utf-8")
    except OSError as error:
        raise StudyError(f"--out: cannot write {file}: {error.strerror}") from error


def _texts(folder: Folder) -> tuple[str, ...]:
    """The test texts that the champion has answered; none of a search that has not come to them."""
    return read_texts(folder.answers) if folder.answers.is_file() else ()


def publish(study: Study, folder: Folder) -> dict[str, bytes]:
    """The same at the end of a search, whose champion must not be lost to a fault in a picture: that is said, and no more."""
    try:
        return write_report(study, folder)
    except Exception as error:  # noqa: BLE001  (see above)
        _log.info(
            f"the page of this search could not be written ({type(error).__name__}: {error}); `distune report` tries again"
        )
        return {}
