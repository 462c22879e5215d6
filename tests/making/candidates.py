"""A winner that may become champion."""

from dataclasses import replace

from distune.tuning.tracking.promotion import Candidate

FAST = Candidate(
    corpus="corpus",
    answers="answers",
    teacher="teacher",
    rule="the fastest that ...",
    by_speed=True,
    dev_score=0.80,
    p50_ms=0.10,
    speedup=50.0,
)

GOOD = replace(FAST, rule="the most accurate that ...", by_speed=False)
