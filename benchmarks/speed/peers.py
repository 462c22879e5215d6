"""What people serve instead of a student, each a folder that is opened here; and what opening one costs.

    python -m benchmarks.speed.peers FOLDER < texts.txt

This process imports nothing but what the folder needs, answers the texts (one a line), and prints one JSON object:
`load_ms` from before those imports until the folder is ready, `first_ms` of the first answer, and `rss_mb`, its resident
memory after the last one. A folder without `peer.json` is a student's, and is opened by its own programs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distune.corpora.encoding import segmenter

MAX_LENGTH = 128
"""Of what a BERT reads, in tokens."""
Classes = NDArray[np.int64]
Answer = Callable[[Sequence[str]], Classes]
"""The classes of texts, answered as one batch."""


def opened(folder: Path) -> Answer:
    """A peer's folder, ready to answer."""
    about = json.loads((folder / "peer.json").read_text(encoding="utf-8"))
    return OPENERS[about["kind"]](folder, about)


def _student(folder: Path) -> Answer:
    sys.path.insert(0, str(folder))
    from distune_student import load  # type: ignore[import-not-found]

    predictor = load(folder)
    return lambda texts: predictor.logits(texts).argmax(1)


def _bert_torch(folder: Path, about: dict[str, Any]) -> Answer:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    if about["int8"]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It says that torchao, another package, will take its place.
            model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)

    @torch.inference_mode()
    def answer(texts: Sequence[str]) -> Classes:
        inputs = tokenizer(list(texts), truncation=True, max_length=MAX_LENGTH, padding=True, return_tensors="pt")
        found: Classes = model(**inputs).logits.argmax(1).numpy()
        return found

    return answer


def _bert_onnx(folder: Path, about: dict[str, Any]) -> Answer:
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_LENGTH)
    tokenizer.enable_padding()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def answer(texts: Sequence[str]) -> Classes:
        found = tokenizer.encode_batch(list(texts))
        inputs = {
            "input_ids": np.array([one.ids for one in found]),
            "attention_mask": np.array([one.attention_mask for one in found]),
        }
        classes: Classes = session.run(None, inputs)[0].argmax(1)
        return classes

    return answer


def words(about: dict[str, Any]) -> Callable[[str], str]:
    """Cuts a text as our students do, and puts a space between its words."""
    cut = segmenter(about["tokens"])
    return lambda text: " ".join(cut(text))


def weigher(vocabulary: dict[str, int] | None = None) -> Any:
    """Words and their pairs weighed by TF-IDF, of texts that are cut already."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        tokenizer=str.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
        sublinear_tf=True,
        vocabulary=vocabulary,
    )


def save_head(head: Any, folder: Path) -> None:
    """A logistic regression as its numbers."""
    np.savez(folder / "head.npz", coef_=head.coef_, intercept_=head.intercept_, classes_=head.classes_)


def _head(folder: Path) -> Any:
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression()
    with np.load(folder / "head.npz", allow_pickle=False) as numbers:
        for name in numbers.files:
            setattr(head, name, numbers[name])
    return head


def _tfidf(folder: Path, about: dict[str, Any]) -> Answer:
    cut, head = words(about), _head(folder)
    weigh = weigher(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))
    weigh.idf_ = np.load(folder / "idf.npy", allow_pickle=False)
    return lambda texts: head.predict(weigh.transform([cut(text) for text in texts]))


def _fasttext(folder: Path, about: dict[str, Any]) -> Answer:
    import fasttext

    # It warns on stderr, of itself, whenever a model is loaded.
    fasttext.FastText.eprint = lambda text: None
    cut, model = words(about), fasttext.load_model(str(folder / "model.bin"))

    def answer(texts: Sequence[str]) -> Classes:
        # A list: for one text it makes an array in a way that NumPy 2 refuses.
        labels, _ = model.predict([cut(text) for text in texts])
        return np.array([int(one[0].removeprefix("__label__")) for one in labels])

    return answer


def _static(folder: Path, about: dict[str, Any]) -> Answer:
    from model2vec import StaticModel

    cut, head = words(about), _head(folder)
    model = StaticModel.from_pretrained(folder, force_download=False)
    return lambda texts: head.predict(model.encode([cut(text) for text in texts], use_multiprocessing=False))


OPENERS: dict[str, Callable[[Path, dict[str, Any]], Answer]] = {
    "bert torch": _bert_torch,
    "bert onnx": _bert_onnx,
    "tfidf": _tfidf,
    "fasttext": _fasttext,
    "static": _static,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    texts = [line for line in sys.stdin.read().split("\n") if line]
    start = time.perf_counter()
    answer = opened(folder) if (folder / "peer.json").is_file() else _student(folder)
    ready = time.perf_counter()
    answer(texts[:1])
    first = time.perf_counter()
    for text in texts:
        answer([text])
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    rss_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    print(json.dumps({"load_ms": 1000 * (ready - start), "first_ms": 1000 * (first - ready), "rss_mb": rss_kb / 1024}))


if __name__ == "__main__":
    main()
