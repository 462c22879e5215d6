"""A first row that is no row but the names of the columns, in a file to which the study gives names itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from distune._pairs import in_words
from distune.corpora.doubtful_labels import NUMBER
from distune.corpora.texts import CorpusError

LABEL_NAMES = {"label", "labels", "class", "category", "target", "sentiment", "polarity", "rating", "score", "stars"}
TEXT_NAMES = {"text", "sentence", "review", "content", "comment", "body", "document", "query", "question", "message"}
OTHER_NAMES = {"x", "y", "id", "tag", "topic", "intent", "title", "tweet"}
CHINESE_NAMES = {"标签", "标注", "类别", "分类", "情感", "文本", "内容", "评论", "句子", "标题"}
NAMES = LABEL_NAMES | TEXT_NAMES | CHINESE_NAMES | OTHER_NAMES
"""How columns are called, in lower case."""
REPEATED_ROWS = 10
"""In a file with at least this many rows, a label that is only in the first row is worth a line."""


def check_first_row(texts: Sequence[str], labels: Sequence[str | None], named: Collection[str], name: str) -> list[str]:
    """The line about a first row; `named` are labels that are classes whatever they look like.

    Raises CorpusError if its label is in no other row, and it or its text is a usual name of columns, or all other
    labels are numbers.
    """
    if len(texts) < 2:
        return []
    counts = Counter(label for label in labels if label is not None)
    text, label = texts[0], labels[0]
    row = f"the text {in_words(text)[:30]!r}" + (f" and the label {label!r}" if label is not None else "")
    if label is None:
        is_name = text.casefold() in NAMES and not counts
        return (
            [f"  its first row has {row}, which is what columns are called, and is read as a text"] if is_name else []
        )
    if label in named or counts[label] > 1:
        return []
    others = counts.keys() - {label}
    is_number = bool(others) and all(NUMBER.fullmatch(one) for one in others) and not NUMBER.fullmatch(label)
    if is_number or label.casefold() in NAMES or text.casefold() in NAMES:
        raise CorpusError(
            f"{name}: its first row, with {row}, looks like the names of its columns; leave `columns` out and name the columns by "
            "`text:` and `label:`, or name every class in `labels:` if it is a row"
        )
    if len(texts) >= REPEATED_ROWS and all(counts[one] > 1 for one in others):
        return [f"  its first row has {row}, which no other row has; is it a row?"]
    return []
