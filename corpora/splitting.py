"""Which rows of a corpus become train, transfer, dev and test: by files of their own, or by content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from distune._plural import n_of
from distune.corpora.cleaning import deduplicated
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.files import FileConfig, read_rows
from distune.corpora.label_cells import LabelCellsConfig
from distune.corpora.labelling import by_content, labelling_of
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError, content_keys, text_hash


def file_of(config: CorpusConfig, path: str | tuple[str, ...]) -> FileConfig:
    return FileConfig(
        path=path,
        text=config.text,
        text_b=config.text_b,
        **{name: getattr(config, name) for name in LabelCellsConfig.model_fields},
        columns=config.columns,
        skip_bad_rows=config.skip_bad_rows,
        quoting=config.quoting,
        encoding=config.encoding,
    )


def split_rows(
    rows: Sequence[Row], config: CorpusConfig, labels: Sequence[str], notes: list[str]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Train, dev and test: those that have a file of their own from it, the others drawn by content."""
    given = {
        name: _held_out(path, config, labels, notes) for name, path in (("dev", config.dev), ("test", config.test))
    }
    if config.drop_overlap:
        rows = _without_overlap(rows, [row for part in given.values() for row in part or []], notes)
    fractions = {"dev": config.dev_fraction, "test": config.test_fraction}
    to_draw = {name: fraction for name, fraction in fractions.items() if given[name] is None}
    drawn = labelling_of(config.multi_label).divided(rows, to_draw, labels, config.seed)
    dev, test = (given[name] if given[name] is not None else drawn[name] for name in ("dev", "test"))
    return drawn["train"], list(dev or []), list(test or [])


def _held_out(
    path: str | tuple[str, ...] | None, config: CorpusConfig, labels: Sequence[str], notes: list[str]
) -> list[Row] | None:
    """The rows of a dev or test file, of the classes that `labels` picks; None without a file."""
    if path is None:
        return None
    file, labelling = file_of(config, path), labelling_of(config.multi_label)
    rows = read_rows(file, named=labels, notes=notes)
    unknown = next((name for row in rows for name in labelling.names(row.label) if name not in labels), None)
    if unknown is not None and config.labels is None:
        raise CorpusError(
            f"{file.name}: unknown label {unknown!r}; the corpus has {', '.join(labels)}; `labels:` picks these in every file"
        )
    return deduplicated(labelling.picked(rows, labels, notes), notes, labelling)


def _without_overlap(rows: Sequence[Row], held_out: Sequence[Row], notes: list[str]) -> list[Row]:
    """The source without the texts of a dev or test file. A dev or test without a file is drawn from it afterwards."""
    keys = set(content_keys([row.text for row in held_out]))
    kept = [row for row, key in zip(rows, content_keys([row.text for row in rows]), strict=True) if key not in keys]
    notes.append(f"{n_of(len(rows) - len(kept), 'text')} of the source dropped: dev or test has the same")
    return kept


def per_class(rows: Sequence[Row], labels: Sequence[str], config: CorpusConfig) -> list[Row]:
    if config.per_class is None:
        return list(rows)
    taken: Counter[object] = Counter()
    chosen = []
    for row in by_content(rows, config.seed + 1):
        taken[row.label] += 1
        if taken[row.label] <= config.per_class:
            chosen.append(row)
    for label in labels:
        if taken[label] < config.per_class:
            raise CorpusError(
                f"per_class must be <= {taken[label]}, the number of texts labelled {label!r}, but got "
                f"per_class={config.per_class}"
            )
    return sorted(chosen, key=lambda row: text_hash(row.text))


def keep_labelled(train: Sequence[Row], labels: Sequence[str], config: CorpusConfig) -> tuple[list[Row], list[Row]]:
    """The rows that keep their labels, and the rest without its labels."""
    if config.labelled is None:
        return list(train), []
    if config.labelled > len(train):
        raise CorpusError(f"labelled must be <= {len(train)}, the size of train, but got labelled={config.labelled}")
    chosen = labelling_of(config.multi_label).kept(train, config.labelled, labels, config.seed + 2)
    kept = [row for row in train if row.text in chosen]
    return kept, [Row(row.text, None) for row in train if row.text not in chosen]


def read_unlabelled(config: CorpusConfig, taken: set[str], notes: list[str]) -> list[Row]:
    files = ([file_of(config, config.unlabelled)] if config.unlabelled else []) + list(config.more_unlabelled)
    rows = [row for file in files for row in read_rows(file, labelled=False, notes=notes)]
    distinct = deduplicated(rows, notes) if rows else []
    keys = content_keys([row.text for row in distinct])
    new = [row for row, key in zip(distinct, keys, strict=True) if key not in taken]
    if len(new) < len(distinct):
        notes.append(f"  {len(distinct) - len(new)} of them left out because the corpus has them already")
    return sorted(new)


def drawn(transfer: Sequence[Row], config: CorpusConfig) -> list[Row]:
    """The part of the transfer set that the config wants, in its own order."""
    if config.transfer is None:
        return list(transfer)
    if config.transfer > len(transfer):
        raise CorpusError(
            f"transfer must be <= {len(transfer)}, the size of the transfer set, but got transfer={config.transfer}"
        )
    chosen = {row.text for row in by_content(transfer, config.seed + 3)[: config.transfer]}
    return [row for row in transfer if row.text in chosen]
