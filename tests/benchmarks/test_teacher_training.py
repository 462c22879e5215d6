"""The benchmark of a teacher's fine-tuning: what it counts, and that all contenders learn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from benchmarks.speed import teacher_training
from benchmarks.speed.teacher_training import main, operations
from distune.models.teacher.tokenizing import character_tokenizer


def test_operations_are_six_for_each_weight_and_token_and_those_of_attention(tmp_path: Path) -> None:
    shape = BertConfig(
        vocab_size=9,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
    )
    BertForSequenceClassification(shape).save_pretrained(tmp_path)
    character_tokenizer(["好书"], 1, 8).save_pretrained(tmp_path)
    # Two layers of four matrices of 8 x 8 and two of 8 x 16; texts of three and four tokens, of which two are special.
    assert operations(tmp_path, ["好", "好书"]) == 6 * 1024 * 7 + 12 * 2 * 8 * (9 + 16)


def test_every_contender_learns_and_is_held_against_distune(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for side in ("LEFT", "INNER", "RIGHT"):  # Of what is measured nothing is asserted: the product may be small.
        monkeypatch.setattr(teacher_training, side, 8)
    n_threads = torch.get_num_threads()
    try:
        main(["--texts", "8", "--rounds", "1"])
    finally:
        torch.set_num_threads(n_threads)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    assert {"distune", "transformers' own dropout", "plain loop"} <= set(figures)
    assert figures["distune"]["distune_times"] == 1.0
    assert all(one["matrix_share"] > 0 for one in figures.values())
