"""Replies of a language model in the batch format of OpenAI's API, read as answers to texts. None is guessed.

A reply counts if it is a label, apart from white space, quotation marks, a final stop, and its case. If a text may have
several labels, it counts if it is a list of labels alone. Any other reply is an abstention.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distune.corpora.texts import normalise
from distune.tuning.teachers.names import AROUND, matched, names_in

THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
"""The thoughts that a reasoning model writes before its answer, if its server does not take them out."""
FEWEST_LETTERS = 3
MOST_AMBIGUOUS = 0.01
"""The largest probability of tokens with which several labels begin; with more, a reply counts as one vote."""
LONGEST_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A reply to one text as a row of a file of answers: `row` has all columns but the text.

    `why` says why it is no answer, and `shown` how it reads; both are empty for an answer. `n_unread` of its choices
    could not be read, though others could.
    """

    row: Mapping[str, Any]
    why: str = ""
    shown: str = ""
    n_unread: int = 0


@dataclass(frozen=True)
class Unread:
    """A choice that is no answer: the reason, and how it reads."""

    why: str
    shown: str = ""


def reply_of(
    line: Mapping[str, Any], labels: Sequence[str], abstentions: Sequence[str], is_multi_label: bool = False
) -> Reply:
    """One line of a file of replies as an answer, or as an abstention with its reason."""
    choices = _choices(line)
    if isinstance(choices, Unread):
        return _abstention(choices)
    if is_multi_label:
        return _reply_of_sets([_labels_of(choice, labels, abstentions) for choice in choices])
    read = [_label_of(choice, labels, abstentions) for choice in choices]
    unread = [one for one in read if isinstance(one, Unread)]
    votes = Counter(one for one in read if isinstance(one, str))
    if not votes:
        return _abstention(unread[0]) if unread else Reply(row={"label": None})
    first = next(place for place, one in enumerate(read) if isinstance(one, str))
    label = read[first]
    scores = _scores(choices[first], labels)
    if scores is not None and label in scores:
        return Reply(row={"logprobs": scores}, n_unread=len(unread))
    row = {"label": label} if len(choices) == 1 else {"votes": dict(votes)}
    return Reply(row=row, n_unread=len(unread))


def _reply_of_sets(read: Sequence[list[str] | Unread | None]) -> Reply:
    """One list of labels, or the lists of several votes."""
    unread = [one for one in read if isinstance(one, Unread)]
    votes = [one for one in read if isinstance(one, list)]
    if not votes:
        return _abstention(unread[0]) if unread else Reply(row={"label": None})
    return Reply(row={"label": votes[0]} if len(read) == 1 else {"votes": votes}, n_unread=len(unread))


def _abstention(unread: Unread) -> Reply:
    return Reply(
        row={"label": None, "why": " ".join([unread.why, unread.shown]).strip()}, why=unread.why, shown=unread.shown
    )


def _choices(line: Mapping[str, Any]) -> list[Any] | Unread:
    """The choices of a reply, or the reason why there are none."""
    error, response = line.get("error"), line.get("response")
    status = response.get("status_code") if isinstance(response, Mapping) else None
    body = response.get("body") if isinstance(response, Mapping) else None
    if error or (status is not None and str(status) != "200"):
        inner = body.get("error") if isinstance(body, Mapping) else None
        said = error or inner
        message = said.get("message") if isinstance(said, Mapping) else said
        return Unread(f"HTTP {status}" if status is not None else "an error", _shown(message or ""))
    choices = body.get("choices") if isinstance(body, Mapping) else None
    if not isinstance(choices, list) or not choices:
        return Unread("a reply without choices", _shown(body))
    return choices


def _label_of(choice: Any, labels: Sequence[str], abstentions: Sequence[str]) -> str | Unread | None:
    """The label of a choice, None for one that abstains by a name of the study."""
    if (unread := _without_words(choice)) is not None:
        return unread
    names, content = [*labels, *abstentions], _content(choice["message"])
    answer = _answer(content)
    found = matched(answer, names)
    if choice.get("finish_reason") == "length" and (found is None or _begins_others(found, names)):
        return Unread("cut off", _shown(content))
    if found is None:
        return Unread("other words", _shown(answer))
    return None if found not in labels else found


def _labels_of(choice: Any, labels: Sequence[str], abstentions: Sequence[str]) -> list[str] | Unread | None:
    """The labels of a choice in the order of the study, None for one that abstains by a name of the study."""
    if (unread := _without_words(choice)) is not None:
        return unread
    content = _content(choice["message"])
    found = names_in(_answer(content), [*labels, *abstentions])
    if choice.get("finish_reason") == "length" and (found is None or not found.is_whole):
        return Unread("cut off", _shown(content))
    if found is None:
        return Unread("other words", _shown(_answer(content)))
    n_abstaining = sum(name not in labels for name in found.names)
    if n_abstaining and n_abstaining < len(found.names):
        return Unread("labels next to an abstention", _shown(_answer(content)))
    return None if n_abstaining else [label for label in labels if label in found.names]


def _answer(content: str) -> str:
    """The words of a reply without the thoughts before it."""
    return THOUGHT.sub("", content, count=1) if THOUGHT.match(content) else content


def _without_words(choice: Any) -> Unread | None:
    """The reason why a choice has no words of its own; None if it has some."""
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        return Unread("a reply without a message", _shown(choice))
    if message.get("refusal"):
        return Unread("a refusal", _shown(message["refusal"]))
    content = _content(message)
    if choice.get("finish_reason") == "content_filter":
        return Unread("stopped by a content filter", _shown(content or ""))
    return None if content.strip() else Unread("an empty reply")


def _content(message: Mapping[str, Any]) -> str:
    """The words of a message, which some servers give in parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "".join(str(text) for text in texts if text is not None and not isinstance(text, Mapping | list))


def _begins_others(name: str, names: Sequence[str]) -> bool:
    """Whether a name that was cut off may have become another one."""
    return any(other != name and other.casefold().startswith(name.casefold()) for other in names)


def _scores(choice: Mapping[str, Any], labels: Sequence[str]) -> dict[str, float] | None:
    """The log-probability of each label by the first token of a reply; None if tokens do not tell labels apart."""
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(tokens, list):
        return None
    first = next((one for one in tokens if isinstance(one, Mapping) and _key(one)), None)
    listed = first.get("top_logprobs") if first else None
    if first is None or not isinstance(listed, list):
        return None
    answer = normalise(_answer(_content(choice["message"])).strip(AROUND))
    if not answer.casefold().startswith(_key(first)):
        return None  # It begins the thoughts before the answer, whose alternatives say nothing of the label.
    found: dict[str, float] = {}
    ambiguous = 0.0
    for one in listed:
        if not isinstance(one, Mapping) or not isinstance(one.get("logprob"), int | float):
            return None
        names = _begun(_key(one), labels)
        probability = math.exp(min(0.0, one["logprob"]))
        if len(names) == 1:
            found[names[0]] = found.get(names[0], 0.0) + probability
        elif names:
            ambiguous += probability
    if ambiguous > MOST_AMBIGUOUS:
        return None
    return {name: math.log(value) for name, value in found.items() if value > 0} or None


def _key(token: Mapping[str, Any]) -> str:
    """A token without its case and the signs around it."""
    return normalise(str(token.get("token", "")).strip(AROUND)).casefold()


def _begun(key: str, labels: Sequence[str]) -> list[str]:
    """The labels that begin with a token. It has three letters or half of the label, since `a` begins much else."""
    return [
        label
        for label in labels
        if key and label.casefold().startswith(key) and (len(key) >= FEWEST_LETTERS or 2 * len(key) >= len(label))
    ]


def _shown(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    said = " ".join(said.split())
    return "" if not said else repr(said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}...")
