"""Replies of a language model, read as answers to texts. None is guessed.

A reply counts if it is a label, apart from white space, quotation marks, a final stop, and its case. If a text may have
several labels, it counts if it is a list of labels alone. Any other reply is an abstention.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distune.corpora.texts import normalise
from distune.tuning.teachers.names import AROUND, name_in, names_in
from distune.tuning.teachers.reply_formats import CUT_OFF, FILTERED, Unread, choices_of, shown, words_of

THOUGHTS = re.compile(r".*(?:</think(?:ing)?>|\[/THINK\]|<\|channel\|>final<\|message\|>)", re.DOTALL)
"""The thoughts that a reasoning model writes before its answer, if its server does not take them out. The prompt may begin them, and
then the reply has their end alone."""
REASONING = ("reasoning", "reasoning_content")
"""The keys of a message in which servers give the thoughts that they took out."""
FEWEST_LETTERS = 3
MOST_AMBIGUOUS = 0.01
"""The largest probability of tokens with which several labels begin; with more, a reply counts as one vote."""


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


def reply_of(
    line: Mapping[str, Any], labels: Sequence[str], abstentions: Sequence[str], is_multi_label: bool = False
) -> Reply:
    """One line of a file of replies as an answer, or as an abstention with its reason."""
    choices = choices_of(line)
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
    label = str(read[first])
    scores = _scores(choices[first], label, [*labels, *abstentions])
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


def _label_of(choice: Any, labels: Sequence[str], abstentions: Sequence[str]) -> str | Unread | None:
    """The label of a choice, None for one that abstains by a name of the study."""
    if (unread := _without_words(choice)) is not None:
        return unread
    names, content = [*labels, *abstentions], words_of(choice["message"].get("content"))
    answer = _answer(content)
    found = name_in(answer, names)
    if choice.get("finish_reason") in CUT_OFF and (found is None or _begins_others(found, names)):
        return Unread("cut off", shown(content))
    if found is None:
        return Unread("other words", shown(answer))
    return None if found not in labels else found


def _labels_of(choice: Any, labels: Sequence[str], abstentions: Sequence[str]) -> list[str] | Unread | None:
    """The labels of a choice in the order of the study, None for one that abstains by a name of the study."""
    if (unread := _without_words(choice)) is not None:
        return unread
    content = words_of(choice["message"].get("content"))
    found = names_in(_answer(content), [*labels, *abstentions])
    if choice.get("finish_reason") in CUT_OFF and (found is None or not found.is_whole):
        return Unread("cut off", shown(content))
    if found is None:
        return Unread("other words", shown(_answer(content)))
    n_abstaining = sum(name not in labels for name in found.names)
    if n_abstaining and n_abstaining < len(found.names):
        return Unread("labels next to an abstention", shown(_answer(content)))
    return None if n_abstaining else [label for label in labels if label in found.names]


def _answer(content: str) -> str:
    """The words of a reply without the thoughts before it."""
    return THOUGHTS.sub("", content, count=1)


def _without_words(choice: Any) -> Unread | None:
    """The reason why a choice has no words of its own; None if it has some."""
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        return Unread("a reply without a message", shown(choice))
    if message.get("refusal"):
        return Unread("a refusal", shown(message["refusal"]))
    content, ended = words_of(message.get("content")), choice.get("finish_reason")
    if ended in FILTERED:
        return Unread("stopped by a content filter", shown(content or ""))
    if content.strip():
        return None
    if ended in CUT_OFF:
        return Unread("cut off before the first word")
    called = message.get("tool_calls") or message.get("function_call")
    return Unread("a call of a tool", shown(called)) if called else Unread("an empty reply")


def _begins_others(name: str, names: Sequence[str]) -> bool:
    """Whether a name that was cut off may have become another one."""
    return any(other != name and other.casefold().startswith(name.casefold()) for other in names)


def _scores(choice: Mapping[str, Any], label: str, names: Sequence[str]) -> dict[str, float] | None:
    """The log-probability of each label and abstention by the first token of a reply; None if tokens do not
    distinguish them."""
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not isinstance(tokens, list):
        return None
    first = next((one for one in tokens if isinstance(one, Mapping) and _key(one)), None)
    listed = first.get("top_logprobs") if first else None
    if first is None or not isinstance(listed, list):
        return None
    message = choice["message"]
    has_thought = THOUGHTS.match(words_of(message.get("content"))) or any(message.get(key) for key in REASONING)
    if has_thought or not label.casefold().startswith(_key(first)):
        return None  # It begins the thoughts before the answer, or an object of JSON, whose alternatives say nothing of the label.
    found: dict[str, float] = {}
    ambiguous = 0.0
    for one in listed:
        if (
            not isinstance(one, Mapping)
            or not isinstance(one.get("logprob"), int | float)
            or math.isnan(one["logprob"])
        ):
            return None
        begun = _begun(_key(one), names)
        probability = math.exp(min(0.0, one["logprob"]))
        if len(begun) == 1:
            found[begun[0]] = found.get(begun[0], 0.0) + probability
        elif begun:
            ambiguous += probability
    if ambiguous > MOST_AMBIGUOUS:
        return None
    return {name: math.log(value) for name, value in found.items() if value > 0} or None


def _key(token: Mapping[str, Any]) -> str:
    """A token without its case and the signs around it."""
    return normalise(str(token.get("token", "")).strip(AROUND)).casefold()


def _begun(key: str, names: Sequence[str]) -> list[str]:
    """The names that begin with a token. It has three letters or half of the name, since `a` begins much else."""
    return [
        name
        for name in names
        if key and name.casefold().startswith(key) and (len(key) >= FEWEST_LETTERS or 2 * len(key) >= len(name))
    ]
