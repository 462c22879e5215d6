"""The columns of a file for `distune init`: which hold texts, and which hold labels, one a text or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from distune.corpora.cells import is_nothing, spelling_of
from distune.corpora.doubtful_labels import joining_sign
from distune.corpora.headers import LABEL_NAMES, TEXT_NAMES
from distune.corpora.label_columns import MOST_CLASSES, annotation_states, answer_columns, label_columns
from distune.corpora.label_lists import spelt_list
from distune.corpora.label_truths import HAS
from distune.corpora.structured_cells import CHOICES
from distune.corpora.table_file import Table
from distune.corpora.texts import CorpusError

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
CHOSEN = "accept"
"""The column in which Prodigy keeps the labels that an annotator chose."""
FEWEST_COLUMNS = 3
"""With at least this many columns of 0 and 1, they are labels; one or two may be anything."""


def corpus_columns(table: Table) -> tuple[dict[str, Any], list[str]]:
    """The columns of a file in the terms of a corpus, and the assumptions about them."""
    pair = _pair_of_columns(table)
    text = pair[0] if pair else _text_column(table)
    if (of_zeros := _columns_of_zeros_and_ones(table, text)) and not _named_columns(table, text):
        label, why, several = "", "", {"label_columns": of_zeros}
    else:
        label, why = _label_column(table, text)
        several = _several_labels(table, label)
    assumed = [
        f"assumed: {text!r} and {pair[1]!r} are the columns of pairs of texts (corpus.text, corpus.text_b)"
        if pair
        else f"assumed: {text!r} is the column of the texts (corpus.text)",
        f"assumed: the columns {', '.join(map(repr, of_zeros))} of 0 and 1 are labels, several a text (corpus.label_columns)"
        if "label_columns" in several
        else f"assumed: {label!r} is the column of the labels, {why} (corpus.label)",
        *_about_several(label, several),
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
    found = {"text": text} | ({"label": label} if label else {})
    second = {"text_b": pair[1]} if pair else {}
    return {key: name for key, name in found.items() if name != key} | second | several, assumed


def _named_columns(table: Table, text: str) -> list[str]:
    """The columns that are called as those of labels are."""
    return [name for name in table.columns if name != text and name.casefold() in LABEL_NAMES | CHINESE_LABEL_NAMES]


def _columns_of_zeros_and_ones(table: Table, text: str) -> list[str]:
    """The columns that hold 0 and 1, or truth values, and both of them; none unless there are several."""
    states = annotation_states(table)
    found = []
    for name in table.columns:
        if name in states or name == text:
            continue
        values = {spelling_of(cell).casefold() for cell in table.column(name) if not is_nothing(cell)} - {""}
        if {value.removesuffix(".0") for value in values} in ({"0", "1"}, {"false", "true"}):
            found.append(name)
    return found if len(found) >= FEWEST_COLUMNS else []


def _several_labels(table: Table, label: str) -> dict[str, Any]:
    """The settings of a column that holds several labels a text; none for one that holds one."""
    if label not in table.columns or (label in answer_columns(table) and label != CHOSEN):
        return {}
    cells = [cell for cell in table.column(label) if not is_nothing(cell)]
    if any(len(found) > 1 for cell in cells if isinstance(found := _as_list(cell), list)) or _are_objects(cells):
        return {"multi_label": True}
    sign = joining_sign(Counter(cell.strip() for cell in cells if isinstance(cell, str)))
    return {"separator": sign} if sign else {}


def _are_objects(cells: Sequence[Any]) -> bool:
    """Whether all cells are objects with 1 or 0 for each label, or some hold a list of labels as Label Studio has it."""
    read = [_as_list(cell) for cell in cells]
    objects = [one for one in read if isinstance(one, Mapping)]
    if any(list(one) == [CHOICES] for one in objects):
        return all(one is None or (isinstance(one, Mapping) and list(one) == [CHOICES]) for one in read)
    values = {spelling_of(value).casefold() for one in objects for value in one.values() if not is_nothing(value)}
    names = {name for one in objects for name in one}
    return len(objects) == len(cells) > 0 and len(names) > 1 and values <= HAS.keys() | {"1.0", "0.0"}


def _as_list(cell: Any) -> Any:
    return spelt_list(cell) if isinstance(cell, str) else cell


def _about_several(label: str, several: dict[str, Any]) -> list[str]:
    if "multi_label" in several:
        return [f"assumed: {label!r} holds the labels of a text, which may have several (corpus.multi_label)"]
    if "separator" in several:
        return [
            f"assumed: {label!r} holds several labels a text, joined by {several['separator']!r} (corpus.separator)"
        ]
    return []


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
        raise CorpusError(
            f"{table.name}: has no column of texts; its columns are {', '.join(table.columns)}{_about_paths(table)}"
        )
    named = [name for name in strings if name.casefold() in TEXT_NAMES | CHINESE_TEXT_NAMES]
    return named[0] if named else max(strings, key=lambda name: strings[name])


def _about_paths(table: Table) -> str:
    """The advice about columns that hold objects, or lists of them as a chat has; empty for others."""
    if any(isinstance(cell, dict) for cells in table.columns.values() for cell in cells):
        return "; name those within its objects by paths, such as `text: data.text` and `label: meta.label`"
    for name in table.columns:
        if any(isinstance(cell, list) and cell and isinstance(cell[0], dict) for cell in table.column(name)):
            key = "content" if name == "messages" else "KEY"
            return (
                f"; name those within its lists of objects by their place, from 0 on, such as `text: {name}.0.{key}` and `label: {name}.1.{key}`, in a "
                "study that you write by hand"
            )
    return ""


def _label_column(table: Table, text: str) -> tuple[str, str]:
    """The column of the labels, or a path into it, and how it was found: an annotator's answers, else by its name, else that of the
    fewest values that come again."""
    fitting = label_columns(table, text)
    objects = [name for name in table.columns if name != text and _are_objects(_cells(table, name))]
    if objects and not fitting:
        return objects[0], "with an object of labels in each row"
    answers = [name for name in answer_columns(table) if name in fitting]
    named = _named_columns(table, text)
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
    several = any(isinstance(cell, list) and len(cell) > 1 for cell in table.column(label))
    # Prodigy's list holds the labels that one annotator chose, and Argilla's the answers of several annotators.
    return (f"{label}.0" if several and label in answers and label != CHOSEN else label), why + (
        f"; {rest} might be it too" if rest else ""
    )


def _cells(table: Table, name: str) -> list[Any]:
    return [cell for cell in table.column(name) if not is_nothing(cell) and cell != ""]


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
