"""Tables in a bucket are answered into a bucket, as those of a folder are."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from distune.corpora.texts import CorpusError
from distune.tuning.serve.answer_columns import AnswerSettings
from distune.tuning.serve.table import predict_table
from distune.tuning.serve.table_input import InputSettings
from tests.conftest import STUDENTS
from tests.making.buckets import bucket
from tests.making.checkpoints import checkpoint_of, save_student


@pytest.mark.slow
def test_a_bucket_is_read_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_student(checkpoint_of(STUDENTS[0]), tmp_path / "student")
    with bucket(monkeypatch) as (client, options):
        client.put_object(Bucket="bucket", Key="in/a.csv.gz", Body=gzip.compress("text,n\n好,1\n".encode()))
        client.put_object(Bucket="bucket", Key="in/b.csv", Body="text,n\n差,2\n".encode())
        source = InputSettings(paths=(f"s3://bucket/in/*{options}",))
        local = tmp_path / "out.csv"
        for out in (f"s3://bucket/out/all.csv{options}", f"s3://bucket/parts/{options}", str(local)):
            predict_table(folder, source, AnswerSettings(), out, 1)
        keys = ("out/all.csv", "parts/part-00000.csv")
        found = [client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys]
        assert found == [local.read_bytes()] * 2
        assert local.read_text(encoding="utf-8").startswith("text,n,label,has_known_token\n好,1,")
        client.put_object(Bucket="bucket", Key="in/b.csv", Body="text,n\n好,2\n".encode())
        with pytest.raises(CorpusError, match="made with other input"):
            predict_table(folder, source, AnswerSettings(), f"s3://bucket/parts/{options}", 1)
