"""`distune init`: a first study for a file of texts and labels."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.given_splits import TRAIN, splits_of
from distune.corpora.headers import LABEL_NAMES, TEXT_NAMES
from distune.corpora.label_columns import MOST_CLASSES, annotation_states, answer_columns, label_columns
from distune.corpora.sources import read_source
from distune.corpora.table_config import config_of
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError
from distune.tuning.study.bounded_yaml import dump_yaml, parse_yaml
from distune.tuning.study.config import LONGEST_NAME_BYTES
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study

CHINESE = re.compile("[\u4e00-\u9fff]")
CHINESE_SHARE = 0.2
"""With such a share of Chinese characters or more, texts are cut by jieba."""
CHINESE_TEXT_NAMES = {"文本", "内容", "评论", "句子", "标题"}
CHINESE_LABEL_NAMES = {"标签", "标注", "类别", "分类", "情感"}
PAIRS = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
    ("text1", "text2"),
    ("text", "text_b"),
    ("q1", "q2"),
    ("query", "title"),
)
"""How columns are called whose texts are pairs."""
KEY = re.compile(r"`([a-z_]+):|\b([a-z_]+)=")
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
champion: {{min_teacher_ratio: 0.97}}  # the fastest that keeps 97 % of the teacher's accuracy
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
    name = _name(data)
    try:
        settings, assumed = _columns(read_source(config_of(splits_of(data).get(TRAIN, data))))
        corpus = load_corpus(CorpusConfig.model_validate({"source": data, **settings}))
    except CorpusError as error:
        raise CorpusError(f"{error}{_by_hand(data, str(error))}") from error
    is_chinese = _share_of_chinese(corpus) >= CHINESE_SHARE
    content = SHAPE.format(
        name=dump_yaml({"name": name}, in_one_line=False),
        corpus=dump_yaml({"source": data, **settings}, in_one_line=True),
        tracking=dump_yaml({"register_as": f"{name}-student"}, in_one_line=True),
        tokens="words" if is_chinese else "english_words",
        pair=", pair: {choice: [siamese, joined]}" if "text_b" in settings else "",
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
        f"assumed: {' and '.join(corpus.drawn)} {'are' if len(corpus.drawn) > 1 else 'is'} drawn from the file: {sizes}"
        if corpus.drawn
        else f"dev and test are splits of the data set: {sizes}",
        f"{out} is written; name your teacher in it, then: distune check {out}",
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
    found = dict.fromkeys(match[1] or match[2] for match in KEY.finditer(message))
    keys = [key for key in found if key in CorpusConfig.model_fields]
    if not keys:
        return ""
    shown = " or ".join(f"`{key}:`" for key in keys)
    source = dump_yaml({"source": data}, in_one_line=True).strip("{}")
    return (
        f". `distune init` cannot be given {shown}: change the file, or write the study by hand, with the key beside "
        f"`corpus: {{{source}, ...}}` (a whole one: docs/tutorial.md), then: distune check"
    )


def _share_of_chinese(corpus: Corpus) -> float:
    text = "".join("".join(one.split()) for one in corpus.dev.texts)
    return len(CHINESE.findall(text)) / max(1, len(text))


def _columns(table: Table) -> tuple[dict[str, Any], list[str]]:
    """The columns of a file in the terms of a corpus, and the assumptions about them."""
    pair = _pair_of_columns(table)
    text = pair[0] if pair else _text_column(table)
    label, why = _label_column(table, text)
    assumed = [
        f"assumed: {text!r} and {pair[1]!r} are the columns of pairs of texts (corpus.text, corpus.text_b)"
        if pair
        else f"assumed: {text!r} is the column of the texts (corpus.text)",
        f"assumed: {label!r} is the column of the labels, {why} (corpus.label)",
        *(
            f"assumed: {name!r} is the status of an annotation, as {tool} writes it, and no label"
            for name, tool in annotation_states(table).items()
        ),
    ]
    names = list(table.columns)
    if label in names and label in {str(cell) for cell in table.columns[label]} and table.hint:
        given = [
            "text" if name == text else "label" if name == label else f"column_{i}" for i, name in enumerate(names)
        ]
        row = f"assumed: the first line is a row and no header, as its label {label!r} comes again (corpus.columns)"
        return {"columns": given}, [row]
    found = {"text": text, "label": label}
    second = {"text_b": pair[1]} if pair else {}
    return {key: name for key, name in found.items() if name != key} | second, assumed


def _pair_of_columns(table: Table) -> tuple[str, str] | None:
    """The two columns of a file of pairs, by their names; None for a file of single texts."""
    spelt = {name.casefold(): name for name in table.columns}
    for first, second in PAIRS:
        columns = [table.columns[spelt[name]] for name in (first, second) if name in spelt]
        if len(columns) == 2 and all(any(isinstance(cell, str) and cell.strip() for cell in one) for one in columns):
            return spelt[first], spelt[second]
    return None


def _text_column(table: Table) -> str:
    """The column of the texts: by its name, else that of the longest strings."""
    strings = {
        name: sum(map(len, cells)) / len(cells)
        for name in table.columns
        if (cells := [cell for cell in table.columns[name] if isinstance(cell, str) and cell.strip()])
    }
    if not table.n_rows:
        raise CorpusError(f"{table.name}: has no rows")
    if not strings:
        nested = any(isinstance(cell, dict) for cells in table.columns.values() for cell in cells)
        paths = "; name those within its objects by paths, such as `text: data.text` and `label: meta.label`"
        raise CorpusError(
            f"{table.name}: has no column of texts; its columns are {', '.join(table.columns)}{paths if nested else ''}"
        )
    named = [name for name in strings if name.casefold() in TEXT_NAMES | CHINESE_TEXT_NAMES]
    return named[0] if named else max(strings, key=lambda name: strings[name])


def _label_column(table: Table, text: str) -> tuple[str, str]:
    """The column of the labels, or a path into it, and how it was found: an annotator's answers, else by its name, else that of the
    fewest values that come again."""
    fitting = label_columns(table, text)
    answers = [name for name in answer_columns(table) if name in fitting]
    named = [name for name in table.columns if name != text and name.casefold() in LABEL_NAMES | CHINESE_LABEL_NAMES]
    if answers:
        label = answers[0]
        more = answers[1:]
        why = "the answers of annotators"
    elif named and not (annotation_states(table) and _is_constant(table, named[0])):
        return named[0], "by its name"
    elif fitting:
        label = min(fitting, key=lambda name: fitting[name])
        more = [name for name in fitting if name != label]
        why = f"with {fitting[label]} values that come again"
    else:
        raise CorpusError(_no_labels(table))
    rest = ", ".join(map(repr, more))
    several = any(isinstance(cell, list) and len(cell) > 1 for cell in table.columns[label])
    return (f"{label}.0" if several else label), why + (f"; {rest} might be it too" if rest else "")


def _is_constant(table: Table, name: str) -> bool:
    return len({str(cell) for cell in table.columns[name] if cell is not None}) == 1


def _no_labels(table: Table) -> str:
    states = [
        f"; {name!r} is the status of an annotation, as {tool} writes it, and the label by `label: {name}` alone"
        for name, tool in annotation_states(table).items()
    ]
    return (
        f"{table.name}: no column looks like labels (2 to {MOST_CLASSES} values that come again); its columns are "
        f"{', '.join(table.columns)}{''.join(states)}"
    )
