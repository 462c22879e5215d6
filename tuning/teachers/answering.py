"""`distune answers`: the replies to a study's requests as a file of answers, which a teacher of the study names."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distune._pairs import MARK, sides
from distune._plural import n_of
from distune.corpora.answer_cells import refuse_ambiguous
from distune.corpora.answers_file import AnswersFile, NoAnswersError
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.file_lists import files_of
from distune.corpora.incoming import lines_of
from distune.corpora.patterns import is_pattern
from distune.corpora.places import Place
from distune.corpora.table_config import in_words, names_of
from distune.corpora.texts import CorpusError, has_content, text_hash
from distune.models.teacher.answers_config import AnswersConfig
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.teachers.answers import read_answers
from distune.tuning.teachers.gold import right_on_dev
from distune.tuning.teachers.prompting import answers_settings, replace_file, those_there
from distune.tuning.teachers.replies import reply_of
from distune.tuning.teachers.reply_formats import is_reply, name_of, shown
from distune.tuning.teachers.requests import custom_id

DEFAULT_OUT = "votes.jsonl"
TEXT_COLUMNS = ("text", "text_b", "text_hash")
MOST_SHOWN = 3
"""How many unreadable replies of a kind are shown."""
Row = dict[str, Any]


@dataclass(kw_only=True)
class Reading:
    """The content of files of replies: rows by the hash of their text, and the replies that could not be read."""

    rows: dict[bytes, list[Row]] = field(default_factory=dict)
    n_replies: int = 0
    n_repeated: int = 0
    others: list[str] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    shown: dict[str, list[str]] = field(default_factory=dict)
    n_unread_choices: int = 0

    def note(self, why: str, shown: str) -> None:
        self.unread[why] += 1
        examples = self.shown.setdefault(why, [])
        if len(examples) < MOST_SHOWN:
            examples.append(shown)


def write_answers(config: StudyConfig, replies: Sequence[Path], out: Path | None) -> list[str]:
    """Write the answers in files of replies, and return lines about them. Answers that the file has to other texts
    are kept.

    Raises StudyError and CorpusError for files that are no replies to this study, before anything is written.
    """
    settings = answers_settings(config)
    path = _place(settings, out)
    corpus = load_corpus(config.corpus)
    abstentions = settings.abstentions if settings else ()
    refuse_ambiguous(corpus.labels, abstentions)
    found = _read(replies, corpus, abstentions)
    if not found.rows:
        raise CorpusError(_no_replies(replies, found))
    named = (settings or AnswersConfig(path=str(path))).model_copy(update={"path": str(path)})
    kept, answered = _kept(named, path, corpus, found)
    if found.unread and not any(
        map(row_has_answer, (*kept, *(row for of_text in found.rows.values() for row in of_text)))
    ):
        raise CorpusError(_none_read(replies, found))
    rows = [row for one, of_text in found.rows.items() for row in of_text if row_has_answer(row) or one not in answered]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in (*kept, *rows))
    replace_file(path, content)
    lines = [*_about(found), *([f"{path}: {n_of(len(kept), 'earlier row')} kept"] if kept else [])]
    try:
        file = read_answers(named, corpus)
    except NoAnswersError as error:
        return [*lines, str(error)]
    lines += [f"{path}: {note}" for note in file.file.notes]
    lines += right_on_dev(corpus, file.file)
    if settings is not None and (names := _several_with(path, settings)):
        together = read_answers(settings.model_copy(update={"path": names}), corpus)
        return [*lines, *_of_lacking(corpus, together)]
    return [*lines, *_of_lacking(corpus, file), f"in the study: teacher: {{answers: {path}}}"]


def row_has_answer(row: Mapping[str, Any]) -> bool:
    return any(row.get(column) is not None for column in ("label", "votes", "logprobs"))


def _place(settings: AnswersConfig | None, out: Path | None) -> Path:
    names = names_of(settings.path) if settings else (DEFAULT_OUT,)
    if out is None and (len(names) > 1 or (is_pattern(Place(names[0])) and not Path(names[0]).exists())):
        raise StudyError(
            f"--out must name the file to write, as the study names several files of answers: {in_words(names)}"
        )
    named = str(out or names[0])
    if "://" in named or Path(named).suffix not in (".jsonl", ".ndjson"):
        raise StudyError(f"--out must name a file of this machine that ends in .jsonl, but got {named}")
    if Path(named).is_dir():
        raise StudyError(f"--out must be a file, but {named} is a folder")
    return Path(named)


def _several_with(path: Path, settings: AnswersConfig) -> tuple[str, ...]:
    """The names of the files that the study reads together, if a file is one of several; otherwise none."""
    names = those_there(settings)
    found = files_of(names).paths if names else ()
    return names if len(found) > 1 and path.resolve() in {Path(one).resolve() for one in found} else ()


def _read(replies: Sequence[Path], corpus: Corpus, abstentions: Sequence[str]) -> Reading:
    texts = {custom_id(text): text for text in corpus.texts()}
    found, seen = Reading(), set[bytes]()
    for path in replies:
        for number, raw in _lines(path):
            digest = hashlib.blake2b(raw, digest_size=16).digest()
            if digest in seen:
                found.n_repeated += 1
                continue
            seen.add(digest)
            _read_line(found, f"{path}, line {number}", raw, texts, corpus, abstentions)
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        yield from ((number, raw.strip()) for number, raw in enumerate(lines_of(path), start=1) if raw.strip())
    except OSError as error:
        raise StudyError(f"{path}: cannot be read: {error.strerror}") from error


def _read_line(
    found: Reading, where: str, raw: bytes, texts: Mapping[str, str], corpus: Corpus, abstentions: Sequence[str]
) -> None:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        line = None
    name = name_of(line)
    if name is None:
        found.note("lines that are no JSON object with a custom_id", f"{shown(raw.decode(errors='replace'))} ({where})")
        return
    if not is_reply(line):
        found.note("lines without a response", f"{shown(raw.decode(errors='replace'))} ({where})")
        return
    found.n_replies += 1
    text = texts.get(name)
    if text is None:
        found.others.append(where)
        return
    reply = reply_of(line, corpus.labels, abstentions, corpus.is_multi_label)
    found.n_unread_choices += reply.n_unread
    if reply.why:
        found.note(reply.why, f"{reply.shown} ({where})".strip())
    found.rows.setdefault(text_hash(text), []).append({**_sides(text), **reply.row})


def _no_replies(replies: Sequence[Path], found: Reading) -> str:
    named = ", ".join(map(str, replies))
    if not found.n_replies:
        what = next((f", but got {examples[0]}" for examples in found.shown.values()), "")
        return f"{named}: holds no replies: a line must be a JSON object with a custom_id and a response, as batches of OpenAI's API give it{what}"
    return (
        f"{named}: none of {n_of(found.n_replies, 'reply is', 'replies are')} to a text of this study; a custom_id is that of the request "
        "that `distune prompt` wrote for the text"
    )


def _none_read(replies: Sequence[Path], found: Reading) -> str:
    reasons = "; ".join(f"{n:,} x {why}: {found.shown[why][0]}" for why, n in found.unread.most_common(MOST_SHOWN))
    return f"{', '.join(map(str, replies))}: none of {n_of(found.n_replies, 'reply', 'replies')} can be read as an answer, and nothing is written: {reasons}"


def _kept(settings: AnswersConfig, path: Path, corpus: Corpus, found: Reading) -> tuple[list[Row], set[bytes]]:
    """The rows that a file has already, of texts to which there is no new answer, and the texts that these answer."""
    if not path.exists() or not path.stat().st_size:
        return [], set()
    try:
        known = set(read_answers(settings, corpus).file.rows)
    except NoAnswersError:
        known = set()
    replaced = {one for one, rows in found.rows.items() if one not in known or any(map(row_has_answer, rows))}
    try:
        texts = {text_hash(text): text for text in corpus.texts()}
        rows: list[Row] = [_with_text(dict(json.loads(raw)), texts) for _, raw in _lines(path)]
    except (ValueError, TypeError) as error:
        raise StudyError(f"--out: {path} is there and has no JSON object in each line; name another file") from error
    kept = [row for row in rows if _hash_of(row) not in replaced]
    return kept, {one for one in found.rows if one not in replaced}


def _with_text(row: Row, texts: Mapping[bytes, str]) -> Row:
    """A row with its text in place of its hash: the new rows have texts, and in one file each row is found by the same column."""
    text = None if has_content(row.get("text") or "") else texts.get(_hash_of(row))
    return (
        row if text is None else {**_sides(text), **{key: cell for key, cell in row.items() if key not in TEXT_COLUMNS}}
    )


def _hash_of(row: Mapping[str, Any]) -> bytes:
    texts = [row[name] for name in ("text", "text_b") if isinstance(row.get(name), str)]
    return text_hash(MARK.join(texts)) if texts else bytes.fromhex(str(row.get("text_hash", "")))


def _sides(text: str) -> Row:
    """The columns of a text, or of the two of a pair."""
    return dict(zip(("text", "text_b"), sides(text), strict=False))


def _about(found: Reading) -> list[str]:
    """The lines about what was read, and what was not."""
    n_answers = sum(any(map(row_has_answer, rows)) for rows in found.rows.values())
    lines = [
        f"{n_of(found.n_replies, 'reply', 'replies')} to {n_of(len(found.rows), 'text')}, {n_answers:,} of them with an answer"
    ]
    for why, n in found.unread.most_common():
        lines.append(f"  {n:,} x {why}: {'; '.join(found.shown[why])}{'; ...' if n > MOST_SHOWN else ''}")
    if found.n_unread_choices:
        lines.append(
            f"  {n_of(found.n_unread_choices, 'vote')} could not be read next to others that could; they are not counted"
        )
    if found.n_repeated:
        lines.append(
            f"  {n_of(found.n_repeated, 'line repeats another', 'lines repeat others')} exactly and count once"
        )
    if found.others:
        lines.append(
            f"  {n_of(len(found.others), 'reply is', 'replies are')} to texts that the study does not have, first {found.others[0]}"
        )
    return lines


def _of_lacking(corpus: Corpus, answers: AnswersFile) -> list[str]:
    n_lacking = sum(text_hash(text) not in answers.file.rows for text in corpus.texts())
    lines = [f"{n_of(n_lacking, 'text')} of the study without an answer yet: distune prompt STUDY asks for them again"]
    return lines if n_lacking else []
