"""`distune prompt`: the requests of a study in a file, without the texts that have an answer already."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distune._plural import n_of
from distune.corpora.answer_cells import refuse_ambiguous
from distune.corpora.answers_file import NoAnswersError
from distune.corpora.corpus import Corpus, load_corpus
from distune.corpora.patterns import is_pattern, matching
from distune.corpora.places import Place
from distune.corpora.table_config import in_words, names_of
from distune.corpora.texts import text_hash
from distune.models.teacher.answers_config import AnswersConfig
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.teachers.answers import read_answers
from distune.tuning.teachers.requests import MOST_LOGPROBS, Prompt, instructions, requests

MOST_REQUESTS = 50_000
"""OpenAI takes no more in one file."""


def answers_settings(config: StudyConfig) -> AnswersConfig | None:
    """The settings of the first teacher of a study that is a file of answers."""
    return next((one.answers for one in config.teachers if one.answers is not None), None)


def write_requests(config: StudyConfig, prompt: Prompt, out: Path, answers: str | None) -> list[str]:
    """Write the requests of a study and return lines about them. `answers` is a file of answers whose texts are not
    asked again; without it, the study's own counts, if it is there.

    Raises StudyError and CorpusError for what cannot be used, before anything is written.
    """
    _refuse(prompt)
    _refuse_other_file(out)
    corpus = load_corpus(config.corpus)
    _refuse_of_the_task(prompt, corpus)
    settings = answers_settings(config)
    answered, lines = _answered(settings, corpus, answers)
    asked = [text for text in corpus.texts() if text_hash(text) not in answered]
    if not asked:
        return [*lines, "every text of the study has an answer; nothing is written"]
    abstentions = settings.abstentions if settings else ()
    refuse_ambiguous(corpus.labels, abstentions)
    told = instructions(
        corpus.labels,
        config.corpus.descriptions,
        abstentions,
        prompt.about,
        config.corpus.text_b is not None,
        corpus.is_multi_label,
    )
    found = [json.dumps(one, ensure_ascii=False) + "\n" for one in requests(corpus, asked, told, prompt, abstentions)]
    written = "".join(found)
    replace_file(out, written)
    lines += [
        f"{out}: {n_of(len(asked), 'request')} ({_by_split(corpus, asked)}), {len(written.encode()) / 1e6:.1f} MB, for the model "
        f"{prompt.model}{_asked_for(prompt)}",
        *_about_labels(corpus, config.corpus.descriptions),
        *_about_schema(corpus, prompt),
    ]
    if len(asked) > MOST_REQUESTS:
        lines.append(
            f"OpenAI takes {MOST_REQUESTS:,} requests in one file: `split -l {MOST_REQUESTS} {out}` divides it"
        )
    return [*lines, "when they are answered: distune answers STUDY REPLIES.jsonl"]


def replace_file(path: Path, content: str) -> None:
    """Write a file as a whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _refuse(prompt: Prompt) -> None:
    faults = []
    if not prompt.model.strip():
        faults.append("--model must name a model, but is empty")
    if prompt.n_examples < 0:
        faults.append(f"--examples must be >= 0, but got {prompt.n_examples}")
    if prompt.n_votes < 1:
        faults.append(f"--votes must be >= 1, but got {prompt.n_votes}")
    if not 0 <= prompt.top_logprobs <= MOST_LOGPROBS:
        faults.append(f"--logprobs must be from 1 to {MOST_LOGPROBS}, but got {prompt.top_logprobs}")
    if prompt.temperature is not None and not 0 <= prompt.temperature <= 2:
        faults.append(f"--temperature must be from 0 to 2, but got {prompt.temperature:g}")
    if prompt.n_votes > 1 and prompt.temperature == 0:
        faults.append(
            f"--votes {prompt.n_votes} at --temperature 0 would be the same vote again and again; leave one of the two out"
        )
    if prompt.max_tokens is not None and prompt.max_tokens < 0:
        faults.append(f"--max-tokens must be >= 0, but got {prompt.max_tokens}")
    if faults:
        raise StudyError("\n".join(faults))


def _refuse_of_the_task(prompt: Prompt, corpus: Corpus) -> None:
    """Raise StudyError for what replies of one label have and those of several have not, or the other way round."""
    if corpus.is_multi_label and prompt.top_logprobs:
        raise StudyError(
            "--logprobs reads the probability of a label from the first token, and a reply of several labels has no such token; "
            "--votes N tells how sure the model is of each label"
        )
    if not corpus.is_multi_label and not prompt.schema:
        raise StudyError("--no-schema is for several labels a text: a reply of one label is asked for without a schema")


def _refuse_other_file(out: Path) -> None:
    """Raise StudyError if what would be overwritten is no file of requests: it may be one of answers."""
    if out.is_dir():
        raise StudyError(f"--out must be a file, but {out} is a folder")
    if not out.exists() or not out.stat().st_size:
        return
    with out.open("rb") as stream:
        first = stream.readline()
    try:
        found = json.loads(first)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"custom_id", "body"} <= found.keys():
        raise StudyError(f"--out: {out} is there and holds no requests; name another file, or remove it")


def _answered(settings: AnswersConfig | None, corpus: Corpus, answers: str | None) -> tuple[set[bytes], list[str]]:
    """The hashes of the texts that a file has an answer to, and a line about them."""
    path = answers or those_there(settings)
    if not path:
        return set(), []
    named = (settings or AnswersConfig(path=path)).model_copy(update={"path": path})
    try:
        known = set(read_answers(named, corpus).file.rows)
    except NoAnswersError:
        known = set()
    n_known = sum(text_hash(text) in known for text in corpus.texts())
    return known, [
        f"{in_words(path)}: has an answer to {n_of(n_known, 'text')} of the study, which {'is' if n_known == 1 else 'are'} not asked again"
    ]


def those_there(settings: AnswersConfig | None) -> tuple[str, ...]:
    """The names of the study's files of answers without those that find no file yet."""
    found = []
    for name in names_of(settings.path) if settings else ():
        place = Place(name)
        if place.names() if place.is_folder() else place.exists() or (is_pattern(place) and matching(place)):
            found.append(name)
    return tuple(found)


def _by_split(corpus: Corpus, texts: Sequence[str]) -> str:
    chosen = frozenset(texts)
    counts = {name: sum(text in chosen for text in split.texts) for name, split in corpus.splits.items()}
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n)


def _asked_for(prompt: Prompt) -> str:
    parts = [
        n_of(prompt.n_votes, "vote") + " each" if prompt.n_votes > 1 else "",
        f"the log-probabilities of {prompt.top_logprobs} tokens" if prompt.top_logprobs else "",
        n_of(prompt.n_examples, "example") + " of train" if prompt.n_examples else "",
    ]
    return "".join(f", {part}" for part in parts if part)


def _about_schema(corpus: Corpus, prompt: Prompt) -> list[str]:
    if not corpus.is_multi_label or not prompt.schema:
        return []
    return [
        "a reply is the list of all labels that apply, asked for by a JSON schema (response_format); --no-schema leaves it out for a server that "
        "does not take one"
    ]


def _about_labels(corpus: Corpus, descriptions: dict[str, Any]) -> list[str]:
    """The lines about labels that the prompt does not describe, and about those that one token cannot tell apart."""
    bare = [label for label in corpus.labels if label not in descriptions]
    found = []
    if bare:
        shown = ", ".join(bare[:5]) + (f" and {len(bare) - 5} more" if bare[5:] else "")
        found.append(f"the prompt has no description of {shown}; corpus.descriptions: {{LABEL: SENTENCE}} adds one")
    alike = [name for name, n in Counter(label.casefold() for label in corpus.labels).items() if n > 1]
    if alike:
        found.append(f"labels differ in case alone ({', '.join(alike)}): a reply counts only in the exact spelling")
    return found
