from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distune.corpora.logits_file import read_logits_file
from distune.corpora.texts import CorpusError, text_hash
from tests.making.logits_files import LABELS, csv, parquet

GOOD, BAD = text_hash("好"), text_hash("差")


def test_logits_of_a_parquet_are_joined_by_hash(tmp_path: Path) -> None:
    file = read_logits_file(
        parquet(tmp_path, text_hash=[GOOD.hex(), BAD.hex()], logits=[[1.0, 2.0], [4.0, 3.0]]), LABELS
    )
    np.testing.assert_array_equal(file.of(["差", "好"]).logits, [[4, 3], [1, 2]])


@pytest.mark.parametrize(
    "hashes",
    [
        pytest.param(["0" * 32, "17"], id="of another program"),
        pytest.param([GOOD.hex().upper(), BAD.hex()], id="of the texts"),
        pytest.param([GOOD, BAD], id="of the texts, in bytes"),
        pytest.param([None, BAD.hex()], id="of one text, and none of the other"),
    ],
)
def test_hashes_beside_the_texts_change_nothing(tmp_path: Path, hashes: list[str | bytes | None]) -> None:
    path = parquet(tmp_path, text=["好", "差"], text_hash=hashes, logits=[[1.0, 2.0], [4.0, 3.0]])
    np.testing.assert_array_equal(read_logits_file(path, LABELS).of(["差", "好"]).logits, [[4, 3], [1, 2]])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["review,logit_bad,logit_good", "好,1,2"], "needs a column text or text_hash"),
        (["text_hash,logit_bad,logit_good", "xyz,1,2"], "the text_hash of line 2 is not hexadecimal: xyz"),
        (["text_hash,logit_bad,logit_good", "abcd,1,2"], "the text_hash of line 2 has 2 bytes; it must have 16"),
        (
            ["text,text_hash,logit_bad,logit_good", f"好,{BAD.hex()},1,2", f"差,{GOOD.hex()},2,1"],
            "the text_hash of line 2 is not that of its text",
        ),
    ],
)
def test_what_is_no_hash_of_the_rows_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_logits_file(csv(tmp_path, *lines), LABELS)
