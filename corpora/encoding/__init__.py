"""From a raw text to token ids. A copy of this folder travels with every checkpoint: it imports nothing of the project."""

from .encoder import BETWEEN, Encoder, load_encoder
from .forms import normalized, spelt
from .segmenting import (
    AS_SPELT,
    PADDING,
    RESERVED,
    SEGMENTERS,
    UNKNOWN,
    MissingPackageError,
    TokensError,
    needed_packages,
    segmenter,
)
from .words import keeping_frequency

__all__ = [
    "AS_SPELT",
    "BETWEEN",
    "PADDING",
    "RESERVED",
    "SEGMENTERS",
    "UNKNOWN",
    "Encoder",
    "MissingPackageError",
    "TokensError",
    "keeping_frequency",
    "load_encoder",
    "needed_packages",
    "normalized",
    "segmenter",
    "spelt",
]
