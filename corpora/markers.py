"""Labels that are none: how programs print their own objects, and signs that are sometimes a class and sometimes a missing value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from distune._pairs import in_words
from distune._plural import n_of
from distune.corpora.foreign_headers import OF_FASTTEXT
from distune.corpora.row_names import RowNames
from distune.corpora.texts import CorpusError

OF_EXCEL = frozenset(
    {"#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#SPILL!", "#CALC!", "#GETTING_DATA", "#ERROR!"}
)
"""The results of formulas that cannot be computed."""
DOUBTFUL = frozenset(
    {
        *("?", "??", "???", ".", "..", "...", "-", "--", "---", "–", "—", "_"),
        *("na", "n.a.", "n.a", "nil", "undefined", "missing", "unlabeled", "unlabelled", "unannotated", "todo", "tbd"),
        *("loading...", "undecided", "skip", "skipped", "abstain"),
        *("inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
        *("未标注", "未标记", "无标签", "缺失"),
    }
)
"""Signs of a missing value in Weka, SAS, R, JavaScript, C and by hand, in lower case; each may be a class."""
OF_COMPLETIONS = (" END", "###")
"""The signs at the end of an answer in OpenAI's files for fine-tuning completions."""
MOST_LONE, FEWEST_OF_OTHERS = 3, 5
"""More labels of one row each, or others that are nearly as rare, are rare classes."""
WORDS_FOR_NONE = frozenset({"none", "no label", "no labels", "none of them", "none of these", "none of the above"})
"""Words for no label at all, where a text may have several."""
OBJECT = re.compile(
    r"""b'.*'|b".*"|(np|numpy|torch|tf|pd)\.\w+(\(.*\))?|(tensor|array|Tensor|Decimal|Timestamp|OrderedDict|Series)\(.*\)"""
    r"""|<[\w.]+ object at 0x[0-9a-fA-F]+>|<\w+\.\w+: .+>""",
    re.DOTALL,
)
"""How Python, NumPy and torch print values of theirs."""
FORMULA = re.compile(r"""=".*"|='.*'""", re.DOTALL)
"""How a cell is kept from Excel's guesses."""


def refuse_objects(distinct: Counter[str], known: Collection[str], name: str, what: str = "label") -> None:
    """Raise CorpusError for cells that hold what a program prints of a value, in place of the value."""
    for cell, n in distinct.items():
        if cell in known:
            continue
        kinds = {"a program prints of an object of Python": OBJECT, "Excel calls a formula": FORMULA}
        found = next((kind for kind, pattern in kinds.items() if pattern.fullmatch(cell)), None)
        if found:
            named = f", or name every class in `{what}s:` if it is one" if what == "label" else ""
            raise CorpusError(
                f"{name}: the {what} {cell[:40]!r} of {n_of(n, 'row')} is what {found}, and not its value; write the value "
                f"itself when the file is made{named}"
            )


def refuse_other_texts(texts: Sequence[str], name: str) -> None:
    """Raise CorpusError if most texts are what a program prints of an object, or begin with a label of fastText; of a few
    it may be what they say."""
    printed = Counter(text for text in texts if OBJECT.fullmatch(text))
    if 2 * printed.total() > len(texts):
        refuse_objects(printed, (), name, "text")
    of_fasttext = [text for text in texts if text.startswith(OF_FASTTEXT)]
    if 2 * len(of_fasttext) > len(texts):
        raise CorpusError(
            f"{name}: {n_of(len(of_fasttext), 'text begins', 'texts begin')} with a label as fastText writes it, {of_fasttext[0][:40]!r}, which students "
            "would read; write the label and the text into columns of their own"
        )


def texts_of_json(texts: Sequence[str]) -> list[str]:
    """The line about texts of which most are objects of JSON, whose keys students would read too."""
    found = [text for text in texts if text.startswith('{"') and text.endswith("}")]
    if 2 * len(found) <= len(texts):
        return []
    return [
        f"  {n_of(len(found), 'text is an object', 'texts are objects')} of JSON, such as {in_words(found[0])[:40]!r}: is that meant, or does the text stand "
        "within it? A file of such lines ends in .jsonl"
    ]


def doubtful_labels(labels: Sequence[str | None], named: Collection[str], several: bool = False) -> list[str]:
    """The line about labels that may mean "no label", unless the study names them; `several` says that a text may have several."""
    counts = Counter(label for label in labels if label is not None)
    doubtful = DOUBTFUL | WORDS_FOR_NONE if several else DOUBTFUL
    advice = (
        "other labels in `labels:`, and its rows have no label"
        if several
        else "classes in `labels:`, which leaves its rows out"
    )
    return [
        f"  the label {label!r} has {n_of(n, 'row')}: if it means that there is none, name the {advice}"
        for label, n in counts.items()
        if label.lower() in doubtful and label not in named and not (label == "-" and "+" in counts)
    ]


def about_completions(labels: Sequence[str | None], named: Collection[str]) -> list[str]:
    """The line about labels that all end as completions of OpenAI's old fine-tuning format do, unless the study names them."""
    distinct = {label for label in labels if label is not None} - {*named}
    sign = next((one for one in OF_COMPLETIONS if distinct and all(label.endswith(one) for label in distinct)), "")
    if not sign or len(distinct) < 2:
        return []
    return [
        f"  all labels end in {sign!r}, such as {min(distinct)[:40]!r}, as completions of OpenAI's old fine-tuning format do; `rename:` takes it off"
    ]


def lone_labels(labels: Sequence[str | None], rows: RowNames, named: Collection[str]) -> list[str]:
    """The line about labels of one row each where every other has several: a line of units, a total, or another table."""
    counts = Counter(label for label in labels if label is not None)
    lone = {label for label, n in counts.items() if n == 1 and label not in named}
    fewest = min((n for label, n in counts.items() if label not in lone), default=0)
    if not lone or len(lone) > MOST_LONE or fewest < FEWEST_OF_OTHERS:
        return []
    shown = ", ".join(f"{label[:40]!r} ({rows[place]})" for place, label in enumerate(labels) if label in lone)
    return [
        f"  {n_of(len(lone), 'label has', 'labels have')} one row alone, {shown}, and every other has {fewest} or more: is that a label, or a line "
        "of units, of totals or of another table?"
    ]
