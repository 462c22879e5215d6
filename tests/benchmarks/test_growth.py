"""The benchmark of growth: what it computes by hand, and its form on tiny sizes; never its speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.cluster import growth
from benchmarks.cluster.growth_corpus import instant_teacher, memory_mb, processes, texts_of, watched
from benchmarks.speed.performance import PARTS


def test_an_exponent_is_one_where_a_cost_grows_as_its_size() -> None:
    figures = [
        {"n": 10, "linear": 2.0, "constant": 5.0, "square": 1.0, "none": 0.0},
        {"n": 1000, "linear": 200.0, "constant": 5.0, "square": 10_000.0, "none": 0.0},
    ]
    found = growth.exponents(figures, "n", ("linear", "constant", "square", "none"))
    assert found == {"linear": 1.0, "constant": 0.0, "square": 2.0}
    assert growth.exponents(figures[:1], "n", ("linear",)) == {}


def test_texts_differ_and_the_teacher_answers_each() -> None:
    texts = texts_of(100)
    assert len(set(texts)) == 100
    logits = instant_teacher()(["一二三", "一"]).logits
    np.testing.assert_array_equal(logits, [[3, -3], [1, -1]])


def test_what_is_watched_are_processes_of_our_own() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in processes(sys.executable)
        child.communicate(b"\n")
    assert memory_mb(os.getpid())["own"] > 1
    with watched(lambda: 1) as seen:
        pass
    assert set(seen) == {1}


@pytest.mark.long
def test_the_whole_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    growth.main(["--trials", "4", "--samplers", "random", "--texts", "100", "--at-once", "1"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [one["trials"] for one in found["trials"]] == [4]
    assert all(one["driver_s"] > 0 and one["journal_mb"] > 0 and one["mlflow_mb"] > 0 for one in found["trials"])
    assert [one["texts"] for one in found["texts"]] == [one["rows"] for one in found["rows"]] == [100]
    assert "| 4 trials, random | " in PARTS["growth"].shown(found)
