"""The folders of what people serve instead of a student: BERT's shapes with random weights, and small models that are trained here.

The trained ones learn from what the students learn from: every train text with its label, and every transfer text with the
class that the teacher gives it.
"""

from __future__ import annotations

import importlib.util
import io
import json
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed.peers import MAX_LENGTH, save_head, weigher, words
from distune.models.teacher.teacher import Teacher, timing_twin
from distune.models.teacher.tokenizing import quiet_transformers
from distune.tuning.search.preparation import Prepared

SHAPES = {
    "BERT-base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
    "TinyBERT": {"num_hidden_layers": 4, "hidden_size": 312, "num_attention_heads": 12, "intermediate_size": 1200},
}
"""bert-base-chinese, and TinyBERT of 4 layers; both with its vocabulary of 21,128."""


@dataclass(frozen=True)
class Lesson:
    """What the trained ones learn from: texts as words with a space between them, and their classes."""

    texts: Sequence[str]
    classes: Sequence[int]
    vocabulary: Sequence[str]
    vectors: np.ndarray
    """The word vectors of the vocabulary, as our students start from them."""
    about: dict[str, Any]


def lesson(prepared: Prepared) -> Lesson:
    inputs, corpus = next(iter(prepared.inputs.values())), prepared.corpus
    about = {"tokens": inputs.encoder.settings}
    cut = words(about)
    texts = (*corpus.train.texts, *corpus.transfer.texts)
    answers = prepared.teachers.of(corpus.transfer.texts).argmax(1)
    classes = [*corpus.train.labels.tolist(), *answers.tolist()]
    return Lesson([cut(text) for text in texts], classes, inputs.vocabulary, inputs.data.vectors, about)


def write_about(folder: Path, kind: str, **about: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peer.json").write_text(json.dumps({"kind": kind, **about}, ensure_ascii=False), encoding="utf-8")


def save_berts(shape: str, texts: Sequence[str], n_classes: int, root: Path) -> dict[str, Path]:
    """A shape in torch and in ONNX Runtime, each in float32 and in dynamic INT8."""
    config = {"model_type": "bert", "vocab_size": 21128, "max_position_embeddings": 512, "num_labels": n_classes}
    quiet_transformers()
    torch.manual_seed(0)
    twin = timing_twin({"config": {**config, **SHAPES[shape]}, "members": 1, "max_length": MAX_LENGTH}, texts)
    folders = {kind: root / f"{shape} {kind}" for kind in ("torch", "torch int8", "onnxruntime", "onnxruntime int8")}
    for kind in ("torch", "torch int8"):
        write_about(folders[kind], "bert torch", int8=kind.endswith("int8"))
        twin.models[0].save_pretrained(folders[kind])
        twin.tokenizer.save_pretrained(folders[kind])
    for kind in ("onnxruntime", "onnxruntime int8"):
        write_about(folders[kind], "bert onnx")
        twin.tokenizer.save_pretrained(folders[kind])
    _export(twin, SHAPES[shape], folders["onnxruntime"] / "model.onnx", folders["onnxruntime int8"] / "model.onnx")
    return {f"{shape} {kind}": folder for kind, folder in folders.items()}


class _Logits(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def _export(teacher: Teacher, shape: dict[str, int], path: Path, int8_path: Path) -> None:
    """ONNX Runtime's own way to serve a BERT: exported, its attention fused; and that with weights in 8 bits."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    model = teacher.models[0]
    model.set_attn_implementation("eager")  # The form of attention that the optimizer knows.
    names = ["input_ids", "attention_mask"]
    example = (torch.tensor([[2, 5, 3], [2, 3, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]]))
    axes = {name: {0: "batch", 1: "length"} for name in names} | {"logits": {0: "batch"}}
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Logits(model).eval(),
            example,
            str(path),
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
        )
        heads, width = shape["num_attention_heads"], shape["hidden_size"]
        optimize_model(str(path), model_type="bert", num_heads=heads, hidden_size=width).save_model_to_file(str(path))
        # What follows a fused node has no type that the quantizer could infer.
        given = {"DefaultTensorType": TensorProto.FLOAT}
        quantize_dynamic(str(path), str(int8_path), weight_type=QuantType.QInt8, extra_options=given)


def save_tfidf(given: Lesson, folder: Path) -> None:
    """Words and their pairs, weighed by TF-IDF, under a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    weigh = weigher()
    head = LogisticRegression(C=10.0, max_iter=1000).fit(weigh.fit_transform(given.texts), given.classes)
    write_about(folder, "tfidf", **given.about)
    vocabulary = {term: int(place) for term, place in weigh.vocabulary_.items()}
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    np.save(folder / "idf.npy", weigh.idf_)
    save_head(head, folder)


def save_fasttext(given: Lesson, folder: Path) -> None:
    """fastText's supervised mode: averaged vectors of words and of hashed pairs of words."""
    import fasttext

    write_about(folder, "fasttext", **given.about)
    lines = [f"__label__{y} {text}\n" for text, y in zip(given.texts, given.classes, strict=True)]
    (folder / "train.txt").write_text("".join(lines), encoding="utf-8")
    with redirect_stdout(io.StringIO()):
        model = fasttext.train_supervised(
            str(folder / "train.txt"),
            dim=100,
            epoch=10,
            lr=0.5,
            wordNgrams=2,
            bucket=200_000,
            thread=1,
            verbose=0,
            seed=7,
        )
    (folder / "train.txt").unlink()
    model.save_model(str(folder / "model.bin"))


def save_static(given: Lesson, folder: Path) -> None:
    """model2vec's static vectors, here those that our students start from, under a logistic regression."""
    from model2vec import StaticModel
    from sklearn.linear_model import LogisticRegression
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(given.vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    model = StaticModel(given.vectors, tokenizer)
    write_about(folder, "static", **given.about)
    model.save_pretrained(folder)
    features = model.encode(list(given.texts), use_multiprocessing=False)
    head = LogisticRegression(C=10.0, max_iter=1000).fit(features, given.classes)
    save_head(head, folder)


TRAINED: dict[str, tuple[str, Callable[[Lesson, Path], None]]] = {
    "TF-IDF": ("sklearn", save_tfidf),
    "fastText": ("fasttext", save_fasttext),
    "model2vec": ("model2vec", save_static),
}
"""By name: the package that it needs, and how its folder is made."""


def missing() -> dict[str, str]:
    """The peers that are left out, each with the package that is not installed."""
    return {name: package for name, (package, _) in TRAINED.items() if importlib.util.find_spec(package) is None}
