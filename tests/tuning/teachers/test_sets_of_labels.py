"""A language model as the teacher of texts that may have several labels: requests, replies, and a study of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.checks import check
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.answering import write_answers
from distune.tuning.teachers.answers import answered_corpus
from distune.tuning.teachers.prompting import write_requests
from distune.tuning.teachers.requests import Prompt
from tests.conftest import prepared_study

WORDS = {"broken": "坏了", "late": "很慢", "praise": "很好"}
Model = Callable[[str], Any]


def right(text: str) -> list[str]:
    return [label for label, word in WORDS.items() if word in text]


@pytest.fixture
def tickets(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A study of 120 texts, of which a quarter has no label, and `praise` stands in every twelfth; its answers are not there yet."""
    of_turn: tuple[list[str], ...] = (
        ["late"],
        ["broken"],
        ["late", "broken"],
        [],
        ["late"],
        ["broken"],
        [],
        ["late", "broken"],
        [],
        ["late"],
    )
    sets = (*of_turn, ["broken"], ["praise"])
    rows = [
        {"text": "".join(WORDS[label] for label in sets[i % 12]) + f"快递{i}", "labels": sets[i % 12]}
        for i in range(120)
    ]
    source = tmp_path / "tickets.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    document["corpus"] = {
        "source": str(source),
        "label": "labels",
        "multi_label": True,
        "descriptions": {"late": "It came late."},
        "dev_fraction": 0.2,
        "test_fraction": 0.2,
    }
    document["teacher"] = {"answers": {"path": str(tmp_path / "votes.jsonl"), "abstentions": ["unknown"]}}
    return document


@pytest.fixture
def config(tickets: dict[str, Any]) -> StudyConfig:
    return Study(tickets).config


@pytest.fixture
def ask(config: StudyConfig, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Writes the requests and reads them."""

    def write(**settings: Any) -> list[dict[str, Any]]:
        out = tmp_path / "requests.jsonl"
        write_requests(config, Prompt(**settings), out, None)
        return rows(out)

    return write


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def replies_of(requests: list[dict[str, Any]], model: Model, path: Path) -> Path:
    lines = []
    for one in requests:
        said = model(one["body"]["messages"][-1]["content"])
        contents = said if isinstance(said, tuple) else (said,)
        choices = [{"message": {"content": content}, "finish_reason": "stop"} for content in contents]
        response = {"status_code": 200, "body": {"choices": choices}}
        lines.append({"custom_id": one["custom_id"], "response": response, "error": None})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def in_json(text: str) -> str:
    return json.dumps({"labels": right(text)})


def test_the_prompt_asks_for_all_labels_that_apply_or_none(ask: Any) -> None:
    found = ask(about="Tickets of a shop.")
    body = found[0]["body"]
    told = body["messages"][0]["content"].split("\n")
    assert len(found) == 120
    assert told[0] == "Tickets of a shop."
    assert told[1].startswith(
        "Say which of these labels apply to the text of the last message. Several may apply, or one, or none."
    )
    assert told[1].endswith('such as {"labels": ["LABEL", "LABEL"]}. If none applies, answer {"labels": []}.')
    assert told[2:] == [
        "- broken",
        "- late: It came late.",
        "- praise",
        'If it cannot be decided, answer {"labels": ["unknown"]}.',
    ]


def test_replies_are_asked_for_by_a_schema_unless_a_server_takes_none(ask: Any) -> None:
    body = ask()[0]["body"]
    names = ["broken", "late", "praise", "unknown"]
    schema = {
        "type": "object",
        "properties": {"labels": {"type": "array", "items": {"type": "string", "enum": names}}},
        "required": ["labels"],
        "additionalProperties": False,
    }
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "labels", "strict": True, "schema": schema},
    }
    # 6 + 4 + 6 bytes of labels, 4 more for each, and 32 around them
    assert body["max_tokens"] == 60
    body = ask(schema=False, n_votes=3, max_tokens=0)[0]["body"]
    del body["messages"]
    assert body == {"model": "gpt-4o-mini", "temperature": 1.0, "n": 3}


def test_examples_show_rare_labels_and_a_text_without_one(ask: Any, config: StudyConfig) -> None:
    corpus = load_corpus(config.corpus)
    found = ask(n_examples=4)
    of_dev = next(one for one in found if one["body"]["messages"][-1]["content"] in corpus.dev.texts)
    turns = of_dev["body"]["messages"][1:-1]
    shown = [(question["content"], answer["content"]) for question, answer in zip(turns[::2], turns[1::2], strict=True)]
    assert {text for text, _ in shown} <= set(corpus.train.texts)
    assert [answer for _, answer in shown] == [in_json(text) for text, _ in shown]
    sets = [json.loads(answer)["labels"] for _, answer in shown]
    # No label first, then the rarest one; the others follow, each once before any a second time.
    assert sets[:2] == [[], ["praise"]]
    assert {label for one in sets[2:] for label in one} == {"broken", "late"}
    own = next(one for one in found if one["body"]["messages"][-1]["content"] == shown[0][0])
    assert len(own["body"]["messages"]) == 2 + 2 * 3
    assert ask(n_examples=4) == found


def test_examples_of_which_a_label_is_unknown_are_not_shown(tickets: dict[str, Any], tmp_path: Path) -> None:
    lines = ["text,broken,late", *(f"text {i},{i % 2},{'' if i % 3 else i % 2}" for i in range(60))]
    (tmp_path / "partly.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tickets["corpus"] = {"source": str(tmp_path / "partly.csv"), "label_columns": ["broken", "late"]}
    config = Study(tickets).config
    corpus = load_corpus(config.corpus)
    n_known = int((corpus.train.labels >= 0).all(axis=1).sum())
    out = tmp_path / "requests.jsonl"
    with pytest.raises(CorpusError, match=f"--examples must be <= {n_known}, the number of train texts of which each"):
        write_requests(config, Prompt(n_examples=n_known + 1), out, None)
    write_requests(config, Prompt(n_examples=n_known), out, None)
    shown = {one["content"] for one in rows(out)[-1]["body"]["messages"][1:-1] if one["role"] == "user"}
    assert all(int(text.split()[1]) % 3 == 0 for text in shown)


def test_log_probabilities_of_tokens_are_of_one_label(ask: Any) -> None:
    with pytest.raises(
        StudyError, match="--logprobs reads the probability of a label from the first token, and a reply"
    ):
        ask(top_logprobs=3)


def test_no_schema_is_of_several_labels(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="--no-schema is for several labels a text"):
        write_requests(Study(document).config, Prompt(schema=False), tmp_path / "requests.jsonl", None)


def test_replies_become_answers_and_the_rest_is_asked_again(ask: Any, config: StudyConfig, tmp_path: Path) -> None:
    dev = load_corpus(config.corpus).dev
    silent, unsure, wrong = next(zip(dev.texts[::3], dev.texts[1::3], dev.texts[2::3], strict=False))

    def model(text: str) -> str:
        said = {silent: "They complain", unsure: '{"labels": ["unknown"]}', wrong: '["praise"]'}
        return said.get(text, in_json(text))

    requests = ask()
    lines = write_answers(config, [replies_of(requests, model, tmp_path / "replies.jsonl")], None)
    assert lines[0] == "120 replies to 120 texts, 118 of them with an answer"
    assert lines[1].startswith("  1 x other words: 'They complain' (")
    n = len(dev) - 2
    n_right = n - ("praise" not in wrong and right(wrong) != ["praise"])
    assert any(line.startswith(f"right on all labels of {n_right} of {n} dev texts with an answer") for line in lines)
    assert any(line.startswith("micro-F1 of all labels 0.9") and "; the lowest F1: " in line for line in lines)
    written = rows(tmp_path / "votes.jsonl")
    assert {"text": silent, "label": None, "why": "other words 'They complain'"} in written
    assert {"text": unsure, "label": None} in written
    assert sum(row["label"] == [] for row in written) > 0
    again = ask()
    assert {one["body"]["messages"][-1]["content"] for one in again} == {silent, unsure}
    write_answers(config, [replies_of(again, in_json, tmp_path / "more.jsonl")], None)
    written = rows(tmp_path / "votes.jsonl")
    assert len(written) == 120
    assert {"text": unsure, "label": right(unsure)} in written


def test_an_empty_list_is_an_answer_that_is_kept(ask: Any, config: StudyConfig, tmp_path: Path) -> None:
    requests = ask()
    write_answers(config, [replies_of(requests, lambda text: "[]", tmp_path / "replies.jsonl")], None)
    first = rows(tmp_path / "votes.jsonl")
    assert all(row["label"] == [] for row in first)
    write_answers(config, [replies_of(requests[:5], lambda text: "hm", tmp_path / "bad.jsonl")], None)
    assert rows(tmp_path / "votes.jsonl") == first


@pytest.fixture
def answered(ask: Any, config: StudyConfig, tmp_path: Path) -> Callable[[Model], None]:
    """Asks a model for all texts, and writes its answers."""

    def answer(model: Model) -> None:
        write_answers(config, [replies_of(ask(), model, tmp_path / "replies.jsonl")], None)

    return answer


def test_three_votes_are_the_logits_of_a_study(answered: Any, tickets: dict[str, Any]) -> None:
    answered(lambda text: (in_json(text), in_json(text), "[]"))
    prepared = prepared_study(tickets)
    logits = prepared.teachers.of(prepared.corpus.dev.texts)
    # (2 + 0.5) / (3 + 1) for a label of the text, (0 + 0.5) / (3 + 1) for another
    expected = np.where(prepared.corpus.dev.labels == 1, np.log(2.5 / 1.5), np.log(0.5 / 3.5))
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    assert prepared.teachers.about["description"] == "a file of answers to 120 texts: 120 with votes"


def test_check_says_how_exactly_dev_and_test_tell_the_labels(answered: Any, tickets: dict[str, Any]) -> None:
    answered(in_json)
    corpus = load_corpus(Study(tickets).config.corpus)
    n_dev, n_test = int(corpus.dev.labels.sum()), int(corpus.test.labels.sum())
    told = check(Study(tickets)).splitlines()
    # Wilson's interval of n right of n begins at n / (n + 1.96²).
    low = [n / (n + 1.959964**2) for n in (len(corpus.dev), len(corpus.test))]
    assert (
        f"  the teacher's dev exact match of 1.000 has the 95 % interval {low[0]:.3f} to 1.000 on the {len(corpus.dev)} labelled texts "
        f"of dev, and {low[1]:.3f} to 1.000 on the {len(corpus.test)} labelled texts of test"
    ) in told
    assert (
        f"  dev has {n_dev} labels on {len(corpus.dev)} texts, and test {n_test} on {len(corpus.test)}; the teacher's dev micro-F1 of "
        "1.000 has the 95 % interval 1.000 to 1.000"
    ) in told
    # 2 of its 10 texts are in dev: ((0.9 + 0.9604) -+ 1.96 * (0.045 + 0.2401) ** 0.5) / 2.9207
    assert (
        "  'praise' is the rarest label, on 2 texts of dev: a recall of 0.9 has the 95 % interval 0.279 to 0.995 there"
        in told
    )


def test_without_a_label_in_train_students_learn_those_that_are_likely(answered: Any, tickets: dict[str, Any]) -> None:
    tied = load_corpus(Study(tickets).config.corpus).train.texts[0]
    answered(lambda text: ('["late", "praise"]', '["praise"]') if text == tied else (in_json(text), in_json(text)))
    tickets["corpus"]["labelled"] = 0
    corpus = answered_corpus(Study(tickets).config)
    learnt = dict(zip(corpus.train.texts, corpus.train.labels.tolist(), strict=True))
    assert corpus.train.labels.dtype == np.int8
    assert len(corpus.transfer) == 0
    # One of two votes is a probability of 0.5, which counts.
    assert learnt.pop(tied) == [0, 1, 1]
    assert learnt == {text: [int(label in right(text)) for label in WORDS] for text in learnt}
    note = next(note for note in corpus.notes if note.startswith("train has no labels of its own"))
    n_none = sum(not any(one) for one in learnt.values())
    assert f"{len(learnt) + 1} texts have the labels to which" in note
    assert f"gives a probability of 0.5 or more instead, {n_none} of them none" in note


def test_answers_without_any_label_are_no_labels_of_train(answered: Any, tickets: dict[str, Any]) -> None:
    answered(lambda text: "[]")
    tickets["corpus"]["labelled"] = 0
    with pytest.raises(
        CorpusError, match=r"gives no text of the transfer set a label with a probability of 0.5 or more"
    ):
        answered_corpus(Study(tickets).config)


def test_a_teacher_without_any_label_is_told(answered: Any, tickets: dict[str, Any]) -> None:
    answered(lambda text: "[]")
    with pytest.raises(CorpusError, match=r"all its logits on dev are -1\.09861, for every class of every text"):
        check(Study(tickets))
