"""Rows of a corpus before they are split: which classes there are, and each content once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from distune.corpora.columns import label_sort_key
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import Row
from distune.corpora.texts import CorpusError, content_key, text_hash


def deduplicated(rows: Sequence[Row], notes: list[str]) -> list[Row]:
    """Each content once, in its most frequent spelling, sorted by its hash; contradicting labels give way to the most frequent."""
    spellings: dict[str, Counter[str]] = {}
    votes: dict[str, Counter[str | None]] = {}
    for row in rows:
        key = content_key(row.text)
        spellings.setdefault(key, Counter())[row.text] += 1
        votes.setdefault(key, Counter())[row.label] += 1
    chosen = {key: min(found, key=lambda text: (-found[text], text)) for key, found in spellings.items()}
    contradicting = [key for key, labels in votes.items() if len(labels) > 1]
    if contradicting:
        notes.append(
            f"  {len(contradicting)} texts carry contradicting labels; the more frequent one was kept (a tie: the smaller), "
            f"such as {chosen[contradicting[0]][:40]!r}"
        )
    if len(rows) > len(votes):
        n_spellings = sum(len(found) for found in spellings.values()) - len(votes)
        exact = f"{len(rows) - len(votes) - n_spellings} exact duplicates"
        also = f" and {n_spellings} other spellings" if n_spellings else ""
        notes.append(f"  {exact}{also} dropped, {len(votes)} distinct texts kept")
    kept = [
        Row(chosen[key], min(labels, key=lambda label: (-labels[label], label_sort_key(label))))
        for key, labels in votes.items()
    ]
    return sorted(kept, key=lambda row: text_hash(row.text))


def label_names(config: CorpusConfig, rows: Sequence[Row], notes: list[str]) -> tuple[str, ...]:
    found = sorted({str(row.label) for row in rows}, key=label_sort_key)
    names = config.labels or tuple(found)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise CorpusError(f"labels: {repeated!r} stands twice in {', '.join(names)}")
    unknown = [name for name in names if name not in found]
    if unknown:
        raise CorpusError(f"labels: unknown label {unknown[0]!r}; {config.source} has {', '.join(found)}")
    if len(names) < 2:
        raise CorpusError(f"{config.source} has one class only ({found[0]!r}); a classifier needs at least two")
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(content_key(name), []).append(name)
    notes += [
        f"  the labels {' and '.join(map(repr, group))} differ by case, width or spaces alone and are taken as different classes"
        for group in alike.values()
        if len(group) > 1
    ]
    return names


def picked(rows: Sequence[Row], labels: Sequence[str], notes: list[str]) -> list[Row]:
    """The rows of these classes; it is noted how many others there are."""
    others = Counter(row.label for row in rows if row.label not in labels)
    if others:
        shown = ", ".join(f"{label} ({n})" for label, n in others.most_common(5)) + (", ..." if len(others) > 5 else "")
        notes.append(f"  {others.total()} rows of other classes than `labels` names left out: {shown}")
    return [row for row in rows if row.label in labels]
