"""The start of a teacher's training: a checkpoint or the shape of a fresh model, pretrained if the study says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transformers import (
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from distune.models.errors import ModelError
from distune.models.teacher.config import FromScratchConfig, TeacherConfig
from distune.models.teacher.loading import load_trunk, refuse_adapter
from distune.models.teacher.new_head import fit
from distune.models.teacher.on_cpu import cheap_dropout
from distune.models.teacher.pretraining import MaskIds, PretrainingPlan, pretrain
from distune.models.teacher.tokenizing import character_tokenizer, load_tokenizer, padded, tokenize
from distune.models.teacher.unknown_text import refuse_unknown
from distune.models.training.loop import pick_device

SCRATCH_RATE, CHECKPOINT_RATE = 5e-4, 5e-5
"""The learning rate of pretraining: weights that have learnt a language already are not to be shaken."""


def start_of(
    config: TeacherConfig, texts: Sequence[str], labelled: Sequence[str], folder: Path
) -> tuple[str | BertConfig, PreTrainedTokenizerBase]:
    """The start of the members: a checkpoint to load, or the shape of a fresh model, with its tokenizer.

    Pretraining reads `texts`, and the pretrained model is saved within `folder`. `labelled` are the texts of the fine-tuning.
    """
    start: str | BertConfig
    if config.from_scratch is None:
        start = str(config.checkpoint)
        refuse_adapter(start)
        tokenizer = load_tokenizer(start, config.revision)
    else:
        tokenizer = character_tokenizer(texts, config.from_scratch.min_count, config.max_length)
        refuse_unknown("a teacher from scratch", tokenizer, labelled)
        start = _shape(config.from_scratch, len(tokenizer), config.max_length)
    if config.pretrain is None:
        return start, tokenizer
    model, max_length = masked_model(config, start, tokenizer)
    rate = config.pretrain.learning_rate or (SCRATCH_RATE if config.from_scratch else CHECKPOINT_RATE)
    plan = PretrainingPlan(
        epochs=config.pretrain.epochs,
        learning_rate=rate,
        batch_size=config.batch_size,
        mask_probability=config.pretrain.mask_probability,
        seed=config.seed,
    )
    ids = MaskIds(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer))
    token_ids = tokenize(tokenizer, texts, max_length)
    with cheap_dropout(model.to(pick_device())):
        pretrain(model, token_ids, lambda rows: padded(tokenizer, rows), ids, plan)
    pretrained = folder / "pretrained"
    model.save_pretrained(pretrained)
    tokenizer.save_pretrained(pretrained)
    return str(pretrained), tokenizer


def masked_model(
    config: TeacherConfig, start: str | BertConfig, tokenizer: PreTrainedTokenizerBase
) -> tuple[PreTrainedModel, int]:
    """The masked language model that is pretrained, and the number of tokens that it reads."""
    if tokenizer.mask_token_id is None:
        raise ModelError(
            f"teacher.pretrain: the tokenizer of {start} has no mask token, as those of BERT's kin have; "
            "leave pretrain out"
        )
    if isinstance(start, BertConfig):
        return BertForMaskedLM(start), config.max_length
    try:
        model = load_trunk(AutoModelForMaskedLM, start, config.revision)
        max_length, _, _ = fit(config, start, model, tokenizer)
    except ModelError as error:
        raise ModelError(f"teacher.pretrain: {error}; leave pretrain out, or name another checkpoint") from error
    return model, max_length


def _shape(scratch: FromScratchConfig, n_pieces: int, max_length: int) -> BertConfig:
    return BertConfig(
        vocab_size=n_pieces,
        hidden_size=scratch.hidden_size,
        num_hidden_layers=scratch.layers,
        num_attention_heads=scratch.heads,
        intermediate_size=4 * scratch.hidden_size,
        max_position_embeddings=max_length,
    )
