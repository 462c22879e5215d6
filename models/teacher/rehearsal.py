"""A teacher asked for a few texts, so that what would stop it later stops it now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from distune._pairs import MARK, in_words, sides
from distune.models.errors import ModelError
from distune.models.teacher.checkpoint_faults import in_one_line
from distune.models.teacher.config import HiddenState
from distune.models.teacher.heads import answer, refuse_wrong_pooled
from distune.models.teacher.teacher import Teacher, ask_teacher
from distune.models.teacher.tokenizing import inputs_of, padded

N_ALONE = 2
LONG = 8
"""Characters for each token that a text is to fill, so that it is cut off at the last."""
EXACT, HALF = 1e-3, 0.1
"""How much the logits of one text may differ, as a part of the largest: in float32, and in 16 bits on a GPU."""


def rehearse(teacher: Teacher, texts: Sequence[str], states: Sequence[HiddenState] = ()) -> NDArray[np.float32]:
    """The logits of `texts`, `[texts, classes]`.

    A text as long as the teacher reads is asked as well, and the shortest texts alone: padding must change no answer.

    Raises ModelError for whatever goes wrong, and for hidden states that the teacher does not have.
    """
    name = f"the teacher ({type(teacher.models[0]).__name__})"
    longest = max(texts, key=len)
    n_times = 1 + LONG * teacher.max_length // (len(longest) + 1)
    long = MARK.join(" ".join([side] * n_times) for side in sides(longest))
    short = sorted(range(len(texts)), key=lambda i: len(texts[i]))[:N_ALONE]
    with in_one_line(f"{name} does not answer"):
        logits, _ = ask_teacher(teacher, [*texts, long], states)
        pairs = [ask_teacher(teacher, [texts[i], long], ())[0][0] for i in short]
        alone = [ask_teacher(teacher, [texts[i]], ())[0][0] for i in short]
        if "pooled" in states:
            _check_pooled(name, teacher, texts[short[0]])
    on_gpu = next(teacher.models[0].parameters()).device.type == "cuda"
    apart = np.abs(np.array(pairs) - np.array(alone)).max()
    if apart > (HALF if on_gpu else EXACT) * (1 + np.abs(logits).max()):
        raise ModelError(
            f"{name} gives {in_words(texts[short[0]])[:40]!r} other logits in a batch, in which it is padded, than alone (apart by "
            f"{apart:.3g}); ask it elsewhere, one text at a time, and name its logits by teacher.logits"
        )
    return logits[:-1]


@torch.inference_mode()
def _check_pooled(name: str, teacher: Teacher, text: str) -> None:
    rows = inputs_of(teacher.models[0], teacher.tokenizer, [text], teacher.max_length)
    inputs = padded(teacher.tokenizer, rows)
    for model in teacher.models:
        device = next(model.parameters()).device
        logits, (pooled,) = answer(model, {key: tensor.to(device) for key, tensor in inputs.items()}, ["pooled"])
        refuse_wrong_pooled(name, model, logits, pooled)
