"""A pickle that gensim wrote, read without running anything of it: stand-ins keep what gensim and NumPy would be given.

Python's own unpickler calls whatever a pickle names, with arguments of the pickle. Here each name that gensim's files have stands for
a class of this file, which keeps what it gets; of arrays the numbers are read, and every other name is refused. It is the unpickler
written in Python, as that in C takes gigabytes for a few damaged bytes.
"""

from __future__ import annotations

import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODULES = ("gensim.models.keyedvectors", "gensim.models.word2vec", "gensim.models.fasttext")
"""The modules of gensim's classes."""
_CLASS = re.compile(r"[A-Z]\w*")
_NUMBERS = re.compile(r"[fiu][1248]")


class UnknownNameError(pickle.UnpicklingError):
    """A pickle names what belongs to no word vectors of gensim."""


class Kept:
    """An object of which the attributes are kept, and which never runs; `name` is that of its class in the pickle."""

    name = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        self.attributes = {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}

    def array(self, name: str, place: Path) -> NDArray[Any] | None:
        """An attribute that is an array, also if gensim put it into a file of its own next to `place`; None for any
        other.

        Raises FileNotFoundError if that file is missing.
        """
        if name in (self.attributes.get("__numpys") or ()):
            beside = place.with_name(f"{place.name}.{name}.npy")
            values: NDArray[Any] = np.load(beside, mmap_mode="r", allow_pickle=False)
            return values
        found = self.attributes.get(name)
        return found.values if isinstance(found, _Array) else None


class _Dtype:
    """`numpy.dtype`: the kind and size of plain numbers, "" of all else."""

    def __init__(self, name: Any = "", *arguments: Any) -> None:
        self.spelt = name if isinstance(name, str) and _NUMBERS.fullmatch(name) else ""

    def __setstate__(self, state: Any) -> None:
        if self.spelt and state[1] in ("<", ">"):
            self.spelt = f"{state[1]}{self.spelt[-2:]}"


class _Array:
    """`numpy.ndarray`: its numbers, None if it has other things."""

    def __init__(self, *arguments: Any) -> None:
        self.values: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, content = state
        self._read(content, dtype, shape, "F" if is_fortran else "C")

    def _read(self, content: Any, dtype: Any, shape: Any, order: Any) -> None:
        if not isinstance(dtype, _Dtype) or not dtype.spelt or isinstance(content, list):
            return
        flat = np.frombuffer(content, dtype=dtype.spelt)
        if not all(isinstance(size, int) and size >= 0 for size in shape) or math.prod(shape) != len(flat):
            raise pickle.UnpicklingError(f"it has an array of shape {shape} with {len(flat)} numbers")
        self.values = flat.reshape(shape, order=order)


class _FromBuffer(_Array):
    """`numpy.core.numeric._frombuffer`, of which an array is made from protocol 5 on."""

    def __init__(self, content: Any, dtype: Any, shape: Any, order: Any) -> None:
        super().__init__()
        self._read(content, dtype, shape, order)


class _Bytes:
    """`_codecs.encode`, by which the older protocols write bytes."""

    def __new__(cls, text: Any, encoding: Any = "latin1") -> Any:
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError("it has bytes that are no bytes")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        """Bytes have no state; an unpickler would set attributes of the class."""


class _Mapping(dict[Any, Any]):
    def __init__(self, *arguments: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        """Without attributes."""


class _Bag(set[Any]):
    def __setstate__(self, state: Any) -> None:
        """Without attributes."""


class _Nothing:
    """Parts of a gensim model that word vectors do not need: its random numbers, its functions."""

    def __init__(self, *arguments: Any, **named: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


STAND_INS: dict[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Nothing for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _FromBuffer for core in ("core", "_core")},
    ("numpy.random._pickle", "__randomstate_ctor"): _Nothing,
    ("numpy.random._pickle", "__bit_generator_ctor"): _Nothing,
    ("numpy.random._mt19937", "MT19937"): _Nothing,
    ("collections", "OrderedDict"): _Mapping,
    ("collections", "defaultdict"): _Mapping,
    ("builtins", "set"): _Bag,
    ("builtins", "int"): _Nothing,
    ("builtins", "hash"): _Nothing,
    ("gensim.utils", "call_on_class_only"): _Nothing,
    ("_codecs", "encode"): _Bytes,
}


class GensimAlone(pickle._Unpickler):
    """Reads what gensim saved, into Kept."""

    def find_class(self, module: str, name: str) -> Any:
        if (stand_in := STAND_INS.get((module, name))) is not None:
            return stand_in
        if module in MODULES and _CLASS.fullmatch(name):
            return type(name, (Kept,), {"name": name})
        raise UnknownNameError(f"it names {module}.{name}, which belongs to no word vectors of gensim")
