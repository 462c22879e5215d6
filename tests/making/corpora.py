"""Little corpora in files."""

from __future__ import annotations

from pathlib import Path

from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.corpus_config import CorpusConfig

ROWS = [(f"文本 {i}", "abc"[i % 3]) for i in range(300)]


def csv(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("\n".join(["text,label", *(f'"{text}",{label}' for text, label in rows)]) + "\n", encoding="utf-8")
    return path


def load_rows(tmp_path: Path, rows: list[tuple[str, str]] = ROWS, **settings: object) -> Corpus:
    source = csv(tmp_path / "data.csv", rows)
    return load_corpus(CorpusConfig.model_validate({"source": str(source), **settings}))


def write(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
