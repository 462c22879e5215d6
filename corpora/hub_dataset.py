"""Data sets of the Hugging Face hub, `hf://datasets/NAME/CONFIG@REVISION#SPLIT`, by the package `datasets`."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from distune._plural import n_of
from distune.corpora.arrow_columns import arrow_columns, names_of_features
from distune.corpora.row_names import RowNames
from distune.corpora.table_config import HUB
from distune.corpora.table_file import ENDINGS, Table
from distune.corpora.texts import CorpusError

ADDRESS = re.compile(
    r"hf://datasets/(?P<name>[\w.-]+(/[\w.-]+)?)(/(?P<config>[\w. +-]+))?(@(?P<revision>[\w./~-]+))?(#(?P<split>[\w.-]+))?"
)
FILE = re.compile(rf"[^#@]*/[^/#@]*({'|'.join(map(re.escape, ENDINGS))})(\.\w+)?$")
"""An address that ends in the name of a file."""
CONFIGS = re.compile(r"(?:configs|Available): \[(?P<names>[^\]]*)\]")
"""The configurations in an error of the package `datasets`, if none or an unknown one was named."""
COMMIT = re.compile("[0-9a-f]{40}")
LONGEST_REASON = 250
MOST_NAMES = 20
"""How many names of configurations a message has."""
INSTALL = "pip install 'distune[datasets]'"


@dataclass(frozen=True, kw_only=True)
class HubDataset:
    """A data set of the hub at one commit."""

    name: str
    config: str | None
    commit: str

    def address(self, split: str) -> str:
        config = f"/{self.config}" if self.config else ""
        return f"{HUB}datasets/{self.name}{config}@{self.commit}#{split}"


def is_of_hub(source: str) -> bool:
    return source.startswith(HUB)


def splits_of_hub(source: str) -> Mapping[str, str]:
    """The name of each split of a data set, and its address at the commit that its revision stands for now.

    There are none if the source names one split itself. Raises CorpusError for what the hub does not have.
    """
    if _parts(source)["split"]:
        return {}
    dataset = _dataset(source)
    with _faults_of(source):
        return {split: dataset.address(split) for split in _loaded(dataset)}


def read_of_hub(source: str) -> Table:
    """The table of one split; raises CorpusError for what the hub does not have."""
    dataset, split = _dataset(source), _parts(source)["split"]
    with _faults_of(source):
        splits = _loaded(dataset)
    if split not in splits:
        which = f"no split {split!r}" if split else "several splits"
        raise CorpusError(f"{source}: the data set has {which}; name one of {', '.join(map(dataset.address, splits))}")
    rows = splits[split]
    return Table(
        name=source,
        columns=arrow_columns(
            source,
            "a data set of the hub",
            rows.column_names,
            lambda column: rows.select_columns([column]).with_format("arrow")[:].column(column),
        ),
        n_rows=len(rows),
        rows=RowNames(file=source),
        notes=(f"{source}: {n_of(len(rows), 'row')} of the hub's commit {dataset.commit}",),
        class_names=names_of_features(rows.features.to_dict()) or {},
    )


def _parts(source: str) -> dict[str, str | None]:
    found = ADDRESS.fullmatch(source)
    if found is None or FILE.search(source):
        raise CorpusError(
            f"{source}: a data set of the hub is named {HUB}datasets/OWNER/NAME, then /CONFIG, @REVISION or #SPLIT where needed{_meant(source)}"
        )
    return found.groupdict()


def _meant(source: str) -> str:
    """The address that a misspelt one may stand for, as the end of a message."""
    if named := FILE.search(source):
        return f"; {named[0].rpartition('/')[2]} is a file in it, and a study names the data set and not its files"
    path = source.removeprefix(HUB).strip("/ ").removeprefix("datasets:").replace(":", "#")
    path = re.sub(r"^datasets?/+", "", path)
    meant = f"{HUB}datasets/{path}"
    is_known = meant != source and not re.match("(models|spaces)/", path) and path.count("/") > 0
    return f"; is it {meant}?" if is_known and ADDRESS.fullmatch(meant) else ""


def _dataset(source: str) -> HubDataset:
    parts = _parts(source)
    package = importlib.util.find_spec("datasets")
    if package is None or package.origin is None:  # A folder `datasets` of the user's is no package.
        raise CorpusError(f"{source}: data sets of the hub are read by the package datasets: {INSTALL}")
    name = str(parts["name"])
    with _faults_of(source):
        return HubDataset(name=name, config=parts["config"], commit=_commit_of(name, parts["revision"]))


@lru_cache  # One commit for all that a process reads, whatever happens on the hub meanwhile.
def _commit_of(name: str, revision: str | None) -> str:
    from huggingface_hub import resolve_revision

    return str(resolve_revision(name, repo_type="dataset", revision=revision).resolved)


@lru_cache(maxsize=2)
def _loaded(dataset: HubDataset) -> Any:
    import datasets

    datasets.disable_progress_bars()
    splits = datasets.load_dataset(dataset.name, dataset.config, revision=dataset.commit)
    # Offline, the package takes the latest commit that it has kept, whichever was asked for.
    folders = {Path(file["filename"]).parent.name for rows in splits.values() for file in rows.cache_files}
    other = next((one for one in folders if COMMIT.fullmatch(one) and one != dataset.commit), None)
    if other is not None:
        raise CorpusError(
            f"{dataset.address(next(iter(splits)))}: this commit cannot be reached, and what this machine has kept is the commit {other}; name that one, or "
            "read it once with access to the hub"
        )
    return splits


@contextmanager
def _faults_of(source: str) -> Iterator[None]:
    """Whatever the hub and its packages raise, in one line: they have no common kind of error, and name their own settings."""
    try:
        yield
    except CorpusError:
        raise
    except Exception as error:
        if configs := CONFIGS.search(str(error)):
            raise CorpusError(_of_configs(source, configs["names"])) from error
        said = textwrap.shorten(str(error), LONGEST_REASON, placeholder=" ...") or type(error).__name__
        raise CorpusError(f"{source}: cannot be read from the hub: {said}") from error


def _of_configs(source: str, names: str) -> str:
    """The message for a data set of which a configuration must be named, and none or an unknown one was."""
    parts, known = _parts(source), [name.strip(" '\"") for name in names.split(",")]
    fault = f"there is no configuration {parts['config']!r}" if parts["config"] else "it has several configurations"
    shown = ", ".join(known[:MOST_NAMES]) + (", ..." if known[MOST_NAMES:] else "")
    return f"{source}: {fault}; name one of {shown}, such as {HUB}datasets/{parts['name']}/{known[0]}"
