"""A winner that may become champion."""

from dataclasses import replace

from distune.tuning.tracking.promotion import Candidate

FAST = Candidate("corpus", "answers", "teacher", "the fastest that ...", True, 0.80, 0.10, 50.0)

GOOD = replace(FAST, rule="the most accurate that ...", by_speed=False)
