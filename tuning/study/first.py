"""`distune init`: a first study for a file of texts and labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.headers import LABEL_NAMES, TEXT_NAMES
from distune.corpora.table_config import TableConfig
from distune.corpora.table_file import Table, read_table
from distune.corpora.texts import CorpusError
from distune.tuning.study.bounded_yaml import parse_yaml
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study

CHINESE = re.compile("[\u4e00-\u9fff]")
CHINESE_SHARE = 0.2
"""Of so many Chinese characters or more among all, texts are cut by jieba."""
CHINESE_TEXT_NAMES = {"文本", "内容", "评论", "句子", "标题"}
CHINESE_LABEL_NAMES = {"标签", "标注", "类别", "分类", "情感"}
MOST_CLASSES = 200
SHAPE = """\
# Written by `distune init`; every key, its default and its bounds: docs/study-file.md, or `distune schema` for an editor.
name: {name}
corpus: {corpus}
# A fine-tuned classifier of the same labels: a hub id, or a folder. Or what any model has answered: {{logits: answers.parquet}}
teacher: {{checkpoint: ./my-finetuned-bert}}
trial:
  tokens: {{kind: {tokens}}}
  student:
    - {{kind: bilstm, hidden_size: {{choice: [64, 128, 256]}}}}
    - {{kind: average, hidden_layer: {{between: [0, 256]}}}}
  loss:
    kd_weight: {{between: [0.5, 1]}}
    teacher_term:
      - {{kind: kl, temperature: {{log: [1, 20]}}}}
      - {{kind: mse}}
  learning_rate: {{log: [1e-4, 1e-2]}}
search: {{trials: 64, patience: 24}}
champion: {{min_teacher_ratio: 0.97}}  # the fastest that keeps 97 % of the teacher's accuracy
tracking: {{register_as: {name}-student}}
"""


def write_first_study(data: str, out: Path) -> list[str]:
    """Write a study that lacks nothing but its teacher; returns what was read, and what was assumed, in lines.

    Raises StudyError for a file that is there already, and CorpusError for data that cannot be read or has no such columns.
    """
    if out.exists():
        raise StudyError(f"{out} is there already, and nothing is overwritten; name another file by -o")
    settings, assumed = _columns(read_table(TableConfig(path=data)))
    corpus = load_corpus(CorpusConfig.model_validate({"source": data, **settings}))
    is_chinese = _share_of_chinese(corpus) >= CHINESE_SHARE
    content = SHAPE.format(
        name=_name(data),
        corpus=yaml.safe_dump(
            {"source": data, **settings}, default_flow_style=True, allow_unicode=True, width=10_000
        ).strip(),
        tokens="words" if is_chinese else "english_words",
    )
    Study(parse_yaml(content))
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise StudyError(f"-o: cannot write {out}: {error.strerror}") from error
    sizes = ", ".join(f"{len(split)} {name}" for name, split in corpus.splits.items() if len(split))
    cut = (
        "Chinese, so jieba cuts them into words"
        if is_chinese
        else "hardly Chinese, so they are cut at spaces and marks"
    )
    return [
        *corpus.notes,
        *assumed,
        f"assumed: the texts are {cut} (trial.tokens)",
        f"assumed: dev and test are drawn from the file: {sizes}",
        f"{out} is written; name your teacher in it, then: distune check {out}",
    ]


def _name(data: str) -> str:
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(data).name.partition(".")[0]).strip("-_")
    return stem or "study"


def _share_of_chinese(corpus: Corpus) -> float:
    text = "".join("".join(one.split()) for one in corpus.dev.texts)
    return len(CHINESE.findall(text)) / max(1, len(text))


def _columns(table: Table) -> tuple[dict[str, Any], list[str]]:
    """What a corpus says of the columns of a file, and what was assumed of them."""
    text, others = _text_column(table)
    label, why = _label_column(table, others)
    assumed = [
        f"assumed: {text!r} is the column of the texts (corpus.text)",
        f"assumed: {label!r} is the column of the labels, {why} (corpus.label)",
    ]
    names = list(table.columns)
    if str(label) in {str(cell) for cell in table.columns[label]} and table.hint:
        given = [
            "text" if name == text else "label" if name == label else f"column_{i}" for i, name in enumerate(names)
        ]
        row = f"assumed: the first line is a row and no header, as its label {label!r} comes again (corpus.columns)"
        return {"columns": given}, [row]
    found = {"text": text, "label": label}
    return {key: name for key, name in found.items() if name != key}, assumed


def _text_column(table: Table) -> tuple[str, list[str]]:
    """The column of the texts: by its name, else that of the longest strings; and the others."""
    strings = {
        name: sum(map(len, cells)) / len(cells)
        for name in table.columns
        if (cells := [cell for cell in table.columns[name] if isinstance(cell, str) and cell.strip()])
    }
    if not strings:
        raise CorpusError(f"{table.name}: has no column of texts; its columns are {', '.join(table.columns)}")
    named = [name for name in strings if name.casefold() in TEXT_NAMES | CHINESE_TEXT_NAMES]
    text = named[0] if named else max(strings, key=lambda name: strings[name])
    return text, [name for name in table.columns if name != text]


def _label_column(table: Table, names: Sequence[str]) -> tuple[str, str]:
    """The column of the labels: by its name, else that of the fewest values that come again; and how it was found."""
    counts = {name: _values(table.columns, name) for name in names}
    named = [name for name in names if name.casefold() in LABEL_NAMES | CHINESE_LABEL_NAMES]
    fitting = [name for name, n in counts.items() if n is not None]
    if named:
        return named[0], "by its name"
    if not fitting:
        raise CorpusError(
            f"{table.name}: no column looks like labels (2 to {MOST_CLASSES} values that come again); its columns are "
            f"{', '.join(table.columns)}"
        )
    label = min(fitting, key=lambda name: counts[name] or 0)
    rest = ", ".join(repr(name) for name in fitting if name != label)
    return label, f"with {counts[label]} values that come again" + (f"; {rest} might be it too" if rest else "")


def _values(columns: Mapping[str, Sequence[Any]], name: str) -> int | None:
    """How many values a column has, None where it cannot be one of labels."""
    cells = [cell for cell in columns[name] if cell is not None and cell != ""]
    if not all(isinstance(cell, str | int | bool) for cell in cells):
        return None
    n_values = len(Counter(map(str, cells)))
    return n_values if 2 <= n_values <= min(MOST_CLASSES, len(cells) // 2) else None
