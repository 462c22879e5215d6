"""A damaged file is answered rightly or refused in a line that names it: never a traceback, a hang, a crash or another answer."""

from __future__ import annotations

import json
import os
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.asking import Reader, Said
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS, logits_table, texts_table

N_MUTATIONS = int(os.environ.get("FUZZ_N", "12"))
"""Of each kind of file; `make fuzz` asks for a thousand."""
REPORT = os.environ.get("FUZZ_REPORT")
"""Where a line of counts is written for each kind, for whoever mends what is found."""


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    one = Reader()
    yield one
    one.close()


def _files(root: Path, names: tuple[str, ...]) -> list[Path]:
    return [next(root.glob(name.replace("JOURNAL", "*"))) for name in names]


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_answered_rightly_or_refused(name: str, reader: Reader, tmp_path: Path) -> None:
    target, rng = TARGETS[name], random.Random(zlib.crc32(name.encode()))
    target.make(tmp_path)
    files = _files(tmp_path, target.files)
    whole = reader.ask(name, tmp_path, files[0])
    assert whole.kind == "answer", whole.text
    others = [texts_table("csv"), logits_table("parquet"), *(path.read_bytes() for path in files)]
    found: list[tuple[str, Said]] = []
    for number in range(N_MUTATIONS):
        path = files[number % len(files)]
        content = path.read_bytes()
        how, damaged = mutated(content, others, rng)
        path.write_bytes(damaged)
        said = reader.ask(name, tmp_path, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if said.kind == "answer" and target.is_exact and said.text != whole.text:
            said = Said("fault", f"another answer:\n{said.text}\nwhere the whole file has\n{whole.text}")
        found.append((f"{number}: {path.name}, {how}", said))
    faults = [f"{what}: {said.kind}: {said.text}" for what, said in found if said.kind not in ("answer", "refusal")]
    if REPORT:
        counts = Counter("other" if said.text.startswith("another answer") else said.kind for _, said in found)
        with Path(REPORT).open("a", encoding="utf-8") as report:
            report.write(
                json.dumps({"kind": name, "n": len(found), **counts, "faults": faults}, ensure_ascii=False) + "\n"
            )
    assert not faults, f"{len(faults)} of {len(found)}\n" + "\n\n".join(faults[:3])
