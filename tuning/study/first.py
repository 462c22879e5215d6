"""`distune init`: a first study for a file of texts and labels."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.given_splits import TRAIN, splits_of
from distune.corpora.sources import read_source
from distune.corpora.table_config import config_of
from distune.corpora.texts import CorpusError
from distune.tuning.metric.task import task_of
from distune.tuning.study.bounded_yaml import dump_yaml, parse_yaml
from distune.tuning.study.config import LONGEST_NAME_BYTES
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.study.first_columns import corpus_columns

CHINESE = re.compile("[\u4e00-\u9fff]")
CHINESE_SHARE = 0.2
"""With such a share of Chinese characters or more, texts are cut by jieba."""
KEY = re.compile(r"`([a-z_]+):|\b([a-z_]+)=|\bcorpus\.([a-z_]+)")
"""A key of a study, as messages name it."""
SHAPE = """\
# Written by `distune init`; every key, its default and its bounds: docs/study-file.md, or `distune schema` for an editor.
{name}
corpus: {corpus}
# A fine-tuned classifier of the same labels: a hub id, or a folder. Or what any model has answered: {{logits: answers.parquet}}
# Without a classifier, students that learn from the labels first: {{students: {{trials: 16, members: 8}}}}
teacher: {{checkpoint: ./my-finetuned-bert}}
trial:
  tokens: {{kind: {tokens}}}
  student:
    - {{kind: bilstm, hidden_size: {{choice: [64, 128, 256]}}{pair}}}
    - {{kind: average, hidden_layer: {{between: [0, 256]}}{pair}}}
  loss:
    kd_weight: {{between: [0.5, 1]}}
    teacher_term:
      - {{kind: kl, temperature: {{log: [1, 20]}}}}
      - {{kind: mse}}
  learning_rate: {{log: [1e-4, 1e-2]}}
search: {{trials: 64, patience: 24}}
champion: {{min_teacher_ratio: 0.97}}  # the fastest that keeps 97 % of the teacher's {metric}
tracking: {tracking}
"""


def write_first_study(data: str, out: Path) -> list[str]:
    """Write a study that lacks nothing but its teacher; returns what was read, and what was assumed, in lines.

    Raises StudyError for a file that is there already, and CorpusError for data that cannot be read or has no such columns.
    """
    if out.exists():
        raise StudyError(f"{out} is there already, and nothing is overwritten; name another file by -o")
    try:
        config_of(data)
    except CorpusError as error:
        raise StudyError(str(error).replace("the name of a file", "the path of the data")) from error
    try:
        settings, assumed = corpus_columns(read_source(config_of(splits_of(data).get(TRAIN, data))))
        corpus = load_corpus(CorpusConfig.model_validate({"source": data, **settings}))
    except CorpusError as error:
        raise CorpusError(f"{error}{_by_hand(data, str(error))}") from error
    is_chinese = _share_of_chinese(corpus) >= CHINESE_SHARE
    content = _content(_name(data), {"source": data, **settings}, is_chinese, corpus.is_multi_label)
    Study(parse_yaml(content))
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise StudyError(f"-o: cannot write {out}: {error.strerror}") from error
    return [
        *corpus.notes,
        *assumed,
        *_assumptions(corpus, is_chinese),
        f"{out} is written; name your teacher in it, then: distune check {out}",
    ]


def _content(name: str, corpus: dict[str, Any], is_chinese: bool, is_multi_label: bool) -> str:
    """The study file."""
    return SHAPE.format(
        name=dump_yaml({"name": name}, in_one_line=False),
        corpus=dump_yaml(corpus, in_one_line=True),
        tracking=dump_yaml({"register_as": f"{name}-student"}, in_one_line=True),
        tokens="words" if is_chinese else "english_words",
        metric=task_of(is_multi_label).usual_metric.title,
        pair=", pair: {choice: [siamese, joined]}" if "text_b" in corpus else "",
    )


def _assumptions(corpus: Corpus, is_chinese: bool) -> list[str]:
    """The lines about what the study assumes of the texts and the splits."""
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in corpus.splits.items() if len(split))
    cut = (
        "Chinese, so jieba cuts them into words"
        if is_chinese
        else "hardly Chinese, so they are cut at spaces and marks"
    )
    return [
        f"assumed: the texts are {cut} (trial.tokens)",
        f"assumed: {' and '.join(corpus.drawn)} {'are' if len(corpus.drawn) > 1 else 'is'} drawn from the file: {sizes}"
        if corpus.drawn
        else f"dev and test are splits of the data set: {sizes}",
    ]


def _name(data: str) -> str:
    """The name of a study of a file: the file's name, as far as it is a valid one."""
    stem = unicodedata.normalize("NFC", Path(data).name.partition(".")[0])
    letters = "".join(sign if sign in "_-" or unicodedata.category(sign)[0] in "LMN" else "-" for sign in stem)
    while len(letters.encode()) > LONGEST_NAME_BYTES:
        letters = letters[:-1]
    return re.sub("-+", "-", letters).strip("-_") or "study"


def _by_hand(data: str, message: str) -> str:
    """The advice for a message that names keys of a corpus, which `distune init` does not take."""
    found = dict.fromkeys(match[1] or match[2] or match[3] for match in KEY.finditer(message))
    keys = [key for key in found if key in CorpusConfig.model_fields]
    if not keys:
        return ""
    shown = " or ".join(f"`{key}:`" for key in keys)
    source = dump_yaml({"source": data}, in_one_line=True).strip("{}")
    return (
        f". `distune init` cannot be given {shown}: change the file, or write the study by hand, with the key next to "
        f"`corpus: {{{source}, ...}}` (a whole one: docs/tutorial.md), then: distune check"
    )


def _share_of_chinese(corpus: Corpus) -> float:
    text = "".join("".join(one.split()) for one in corpus.dev.texts)
    return len(CHINESE.findall(text)) / max(1, len(text))
