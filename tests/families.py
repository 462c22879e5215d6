"""Tiny random classifiers of the families that people fine-tune, each with a tokenizer of the kind that its family has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, Unigram
from tokenizers.trainers import BpeTrainer, UnigramTrainer
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    LlamaConfig,
    ModernBertConfig,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from distune.models.teacher.tokenizing import character_tokenizer
from tests.making.reviews import reviews

N_CLASSES, WIDTH, POSITIONS = 3, 16, 32
TEXTS = [text for text, _ in reviews(60)]
SHAPE = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "initializer_range": 0.5,
    "num_labels": N_CLASSES,
}


def word_pieces() -> PreTrainedTokenizerBase:
    return character_tokenizer(TEXTS, 1, POSITIONS)


def byte_pairs(cls: str | None, sep: str | None, **named: str) -> PreTrainedTokenizerBase:
    """A byte-level BPE, which knows every text; `<pad>` has the id 1 where there is one."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = list(dict.fromkeys(named.values()))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(TEXTS, BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet))
    return _finished(tokenizer, cls, sep, named)


def unigram(cls: str | None, sep: str | None, **named: str) -> PreTrainedTokenizerBase:
    """What sentencepiece's model becomes in tokenizer.json."""
    tokenizer = Tokenizer(Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = list(dict.fromkeys(named.values()))
    trainer = UnigramTrainer(vocab_size=120, special_tokens=special, unk_token=named["unk_token"])
    tokenizer.train_from_iterator(TEXTS, trainer)
    # The trainer puts the unknown token first; the families' special tokens stand in the order of their names.
    scores = dict(json.loads(tokenizer.to_str())["model"]["vocab"])
    pieces = [*((token, 0.0) for token in special), *((t, score) for t, score in scores.items() if t not in special)]
    in_order = Tokenizer(Unigram(pieces, unk_id=special.index(named["unk_token"])))
    in_order.normalizer, in_order.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    in_order.add_special_tokens(special)
    tokenizer = in_order
    return _finished(tokenizer, cls, sep, named)


def _finished(tokenizer: Tokenizer, cls: str | None, sep: str | None, named: dict[str, str]) -> PreTrainedTokenizerBase:
    ends = [(token, tokenizer.token_to_id(token)) for token in (cls, sep) if token]
    if ends:
        single = " ".join([*([cls] if cls else []), "$A", *([sep] if sep else [])])
        tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


OF_ROBERTA = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
OF_DEBERTA = {
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}
MORE_POSITIONS = {"max_position_embeddings": POSITIONS + 2, "pad_token_id": 1}
FAMILIES: dict[str, tuple[Callable[[int], PreTrainedConfig], Callable[[], PreTrainedTokenizerBase]]] = {
    "bert": (lambda n: BertConfig(vocab_size=n, max_position_embeddings=POSITIONS, **SHAPE), word_pieces),
    "roberta": (
        lambda n: RobertaConfig(vocab_size=n, bos_token_id=0, eos_token_id=2, **MORE_POSITIONS, **SHAPE),
        lambda: byte_pairs("<s>", "</s>", **OF_ROBERTA),
    ),
    "xlm-roberta": (
        lambda n: XLMRobertaConfig(vocab_size=n, bos_token_id=0, eos_token_id=2, **MORE_POSITIONS, **SHAPE),
        lambda: unigram("<s>", "</s>", **OF_ROBERTA),
    ),
    "distilbert": (
        lambda n: DistilBertConfig(
            vocab_size=n,
            max_position_embeddings=POSITIONS,
            dim=WIDTH,
            n_layers=2,
            n_heads=2,
            hidden_dim=24,
            num_labels=N_CLASSES,
            initializer_range=0.5,
        ),
        word_pieces,
    ),
    "electra": (
        lambda n: ElectraConfig(vocab_size=n, max_position_embeddings=POSITIONS, embedding_size=8, **SHAPE),
        word_pieces,
    ),
    "albert": (
        lambda n: AlbertConfig(
            vocab_size=n,
            max_position_embeddings=POSITIONS,
            embedding_size=8,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            **SHAPE,
        ),
        lambda: unigram("[CLS]", "[SEP]", **OF_DEBERTA),
    ),
    "deberta-v3": (
        lambda n: DebertaV2Config(
            vocab_size=n,
            max_position_embeddings=POSITIONS,
            relative_attention=True,
            position_buckets=8,
            norm_rel_ebd="layer_norm",
            share_att_key=True,
            pos_att_type=["p2c", "c2p"],
            position_biased_input=False,
            type_vocab_size=0,
            **SHAPE,
        ),
        lambda: unigram("[CLS]", "[SEP]", **OF_DEBERTA),
    ),
    "modernbert": (
        lambda n: ModernBertConfig(
            vocab_size=n,
            max_position_embeddings=POSITIONS,
            pad_token_id=0,
            cls_token_id=1,
            sep_token_id=2,
            bos_token_id=1,
            eos_token_id=2,
            **SHAPE,
        ),
        lambda: byte_pairs("[CLS]", "[SEP]", **OF_DEBERTA),
    ),
    "gpt2": (  # Neither its tokenizer nor its config.json names a pad token, as in the original.
        lambda n: GPT2Config(
            vocab_size=n,
            n_positions=POSITIONS,
            n_embd=WIDTH,
            n_layer=2,
            n_head=2,
            num_labels=N_CLASSES,
            initializer_range=0.5,
            bos_token_id=0,
            eos_token_id=0,
        ),
        lambda: byte_pairs(None, None, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>"),
    ),
    "llama": (  # Its tokenizer pads on the left, as decoders that write do.
        lambda n: LlamaConfig(
            vocab_size=n, max_position_embeddings=POSITIONS, pad_token_id=1, bos_token_id=0, eos_token_id=2, **SHAPE
        ),
        lambda: unigram("<s>", None, padding_side="left", **OF_ROBERTA),
    ),
}


def save_family(family: str, folder: Path) -> Path:
    """A random classifier and its tokenizer as a transformers folder; its answers differ from text to text."""
    shape_of, make_tokenizer = FAMILIES[family]
    tokenizer = make_tokenizer()
    torch.manual_seed(0)
    shape = shape_of(len(tokenizer))
    shape.id2label = {0: "a", 1: "b", 2: "c"}
    shape.label2id = {"a": 0, "b": 1, "c": 2}
    AutoModelForSequenceClassification.from_config(shape).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
