"""Rows of a corpus before they are split: which classes there are, and each content once."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from distune._pairs import in_words
from distune._plural import n_of
from distune.corpora.columns import NUMBER, label_sort_key
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.labelling import ONE_LABEL, Labelling
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError, content_key, content_keys, text_hash

AROUND = "\"'`*_.。,，:：;；“”‘’「」『』"
"""Marks and stops around a label, which are hardly ever what tells two classes apart."""
VARIANTS = "\ufe0e\ufe0f"
"""Behind a character they ask for its form as a text or as an emoji."""
LONGEST_EXAMPLE = 40


def deduplicated(rows: Sequence[Row], notes: list[str], labelling: Labelling = ONE_LABEL) -> list[Row]:
    """Each content once, in its most frequent spelling, sorted by its hash; contradicting labels give way to the most frequent."""
    first: dict[str, Row] = {}
    repeated: dict[str, list[Row]] = {}
    for row, key in zip(rows, content_keys([row.text for row in rows]), strict=True):
        if (other := first.setdefault(key, row)) is not row:
            repeated.setdefault(key, [other]).append(row)
    contradicting = [key for key in first if key in repeated and len({row.label for row in repeated[key]}) > 1]
    chosen = first | {key: _most_frequent(found, labelling) for key, found in repeated.items()}
    if contradicting:
        example = in_words(chosen[contradicting[0]].text)
        shown = example if len(example) <= LONGEST_EXAMPLE else f"{example[:LONGEST_EXAMPLE].rstrip()}…"
        notes.append(
            f"  {n_of(len(contradicting), 'text carries', 'texts carry')} contradicting labels, such as {shown!r}; "
            "the most frequent label is kept, in a tie the one that sorts first"
        )
    if repeated:
        n_spellings = sum(len({row.text for row in found}) - 1 for found in repeated.values())
        exact = f"{n_of(len(rows) - len(first) - n_spellings, 'exact duplicate')}"
        also = f" and {n_of(n_spellings, 'other spelling')}" if n_spellings else ""
        notes.append(f"  {exact}{also} dropped, {n_of(len(first), 'distinct text')} kept")
    return sorted(chosen.values(), key=lambda row: text_hash(row.text))


def _most_frequent(rows: Sequence[Row], labelling: Labelling) -> Row:
    """One content in its most frequent spelling with its most frequent label; of equals the smaller."""
    if rows.count(rows[0]) == len(rows):
        return rows[0]
    spellings, labels = Counter(row.text for row in rows), Counter(row.label for row in rows)
    return Row(
        min(spellings, key=lambda text: (-spellings[text], text)),
        min(labels, key=lambda label: (-labels[label], labelling.sort_key(label))),
    )


def label_names(
    config: CorpusConfig, rows: Sequence[Row], notes: list[str], labelling: Labelling = ONE_LABEL
) -> tuple[str, ...]:
    """The labels of the corpus in their order: those that the study names, or all, sorted."""
    found = sorted({name for row in rows for name in labelling.names(row.label)}, key=label_sort_key)
    names = config.labels or tuple(found)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise CorpusError(f"labels: {repeated!r} occurs twice in {', '.join(names)}")
    unknown = [name for name in names if name not in found]
    if unknown:
        raise CorpusError(f"labels: unknown label {unknown[0]!r}; {config.source_name} has {', '.join(found)}")
    if len(names) < 2:
        one = f"one class only ({names[0]!r})" if names else "no label in any row"
        raise CorpusError(f"{config.source_name} has {one}; a classifier needs at least two")
    alike: dict[str | Decimal, list[str]] = {}
    for name in names:
        alike.setdefault(_spelling_key(name), []).append(name)
    notes += [
        f"  the labels {' and '.join(map(repr, group))} differ by case, width, spaces, zeros, marks or stops alone and are taken as different classes"
        for group in alike.values()
        if len(group) > 1
    ]
    return names


def _spelling_key(label: str) -> str | Decimal:
    """A label without what a person hardly sees in it: its width, case, spaces and invisible characters, and the marks
    and stops around it. A number is its value."""
    seen = "".join(sign for sign in content_key(label) if unicodedata.category(sign) != "Cf" and sign not in VARIANTS)
    key = seen if NUMBER.fullmatch(seen) else seen.strip(AROUND) or seen
    return Decimal(key) if NUMBER.fullmatch(key) else key
