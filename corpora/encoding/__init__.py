"""From a raw text to token ids. A copy of this folder travels with every checkpoint: it imports nothing of the project."""

from .encoder import BETWEEN, Encoder, load_encoder
from .forms import normalized, spelt
from .segmenting import (
    AS_SPELT,
    MARK,
    PADDING,
    PAIRS_AS_SPELT,
    RESERVED,
    SEGMENTERS,
    SEPARATOR,
    SEPARATOR_ID,
    UNKNOWN,
    MissingPackageError,
    TokensError,
    is_of_pairs,
    needed_packages,
    refuse_missing_segmenter,
    segmenter,
    word_piece_tokenizer,
)
from .words import keeping_frequency

__all__ = [
    "AS_SPELT",
    "BETWEEN",
    "MARK",
    "PADDING",
    "PAIRS_AS_SPELT",
    "RESERVED",
    "SEGMENTERS",
    "SEPARATOR",
    "SEPARATOR_ID",
    "UNKNOWN",
    "Encoder",
    "MissingPackageError",
    "TokensError",
    "is_of_pairs",
    "keeping_frequency",
    "load_encoder",
    "needed_packages",
    "normalized",
    "refuse_missing_segmenter",
    "segmenter",
    "spelt",
    "word_piece_tokenizer",
]
