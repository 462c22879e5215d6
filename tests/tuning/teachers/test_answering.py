"""From a study to requests, and from replies to a file of answers; a function stands for the language model."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError, text_hash
from distune.models.teacher.answers_config import AnswersConfig
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study
from distune.tuning.teachers.answering import write_answers
from distune.tuning.teachers.prompting import write_requests
from distune.tuning.teachers.requests import Prompt

Model = Callable[[str], str]


@pytest.fixture
def config(document: dict[str, Any], tmp_path: Path) -> StudyConfig:
    """A study of 200 reviews whose teacher's answers are not there yet."""
    document["corpus"]["descriptions"] = {1: "The buyer is content."}
    teacher = {"answers": {"path": str(tmp_path / "votes.jsonl"), "abstentions": ["unknown"]}}
    return Study({**document, "teacher": teacher}).config


@pytest.fixture
def ask(config: StudyConfig, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Writes the requests and reads them."""

    def write(answers: str | None = None, **settings: Any) -> list[dict[str, Any]]:
        out = tmp_path / "requests.jsonl"
        out.unlink(missing_ok=True)
        write_requests(config, Prompt(**settings), out, answers)
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []

    return write


def replies_of(requests: list[dict[str, Any]], model: Model, path: Path) -> Path:
    """A file of replies, as a batch of the API gives it, in another order than the requests."""
    lines = []
    for number, one in enumerate(reversed(requests)):
        choice = {"message": {"content": model(one["body"]["messages"][-1]["content"])}, "finish_reason": "stop"}
        response = {"status_code": 200, "body": {"choices": [choice]}}
        lines.append({"id": f"r{number}", "custom_id": one["custom_id"], "response": response, "error": None})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def by_words(text: str) -> str:
    return "1" if any(word in text for word in ("好", "喜欢", "满意", "推荐", "很快")) else "0"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_request_is_named_by_its_text_and_has_the_labels_and_what_they_mean(ask: Any, config: StudyConfig) -> None:
    found = ask(about="Reviews of a shop.")
    texts = load_corpus(config.corpus).texts()
    assert [one["custom_id"] for one in found] == [text_hash(text).hex() for text in texts]
    assert (found[0]["method"], found[0]["url"]) == ("POST", "/v1/chat/completions")
    system, user = found[0]["body"]["messages"]
    assert user == {"role": "user", "content": texts[0]}
    told = system["content"].split("\n")
    assert told[0] == "Reviews of a shop."
    assert told[2:] == ["- 0", "- 1: The buyer is content.", "If none of them can be decided on, answer unknown."]
    assert {key: one for key, one in found[0]["body"].items() if key != "messages"} == {
        "model": "gpt-4o-mini",
        "temperature": 0.0,
        "max_tokens": 9,
    }


def test_votes_and_log_probabilities_are_asked_for(ask: Any) -> None:
    body = ask(n_votes=3, top_logprobs=5, max_tokens=0, model="mine")[0]["body"]
    del body["messages"]
    assert body == {"model": "mine", "temperature": 1.0, "n": 3, "logprobs": True, "top_logprobs": 5}


def test_examples_are_of_train_and_none_is_shown_in_the_request_for_itself(ask: Any, config: StudyConfig) -> None:
    found, corpus = ask(n_examples=4), load_corpus(config.corpus)
    labels = dict(zip(corpus.train.texts, (corpus.labels[i] for i in corpus.train.labels), strict=True))
    of_dev = next(one for one in found if one["body"]["messages"][-1]["content"] in corpus.dev.texts)
    turns = of_dev["body"]["messages"][1:-1]
    shown = [(question["content"], answer["content"]) for question, answer in zip(turns[::2], turns[1::2], strict=True)]
    assert [labels[text] for text, _ in shown] == [label for _, label in shown] == ["0", "1", "0", "1"]
    own = next(one for one in found if one["body"]["messages"][-1]["content"] == shown[0][0])
    assert len(own["body"]["messages"]) == 2 + 2 * 3
    assert ask(n_examples=4) == found
    assert ask(n_examples=4, seed=8) != found


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_replies_may_be_in_another_encoding(ask: Any, config: StudyConfig, tmp_path: Path, encoding: str) -> None:
    replies = replies_of(ask(), by_words, tmp_path / "replies.jsonl")
    spelt = replies.read_text(encoding="utf-8")
    replies.write_text(spelt, encoding=encoding)
    assert write_answers(config, [replies], None)[0] == "200 replies to 200 texts, 200 of them with an answer"
    replies.write_bytes(gzip.compress(spelt.encode(encoding)))
    assert write_answers(config, [replies], None)[0] == "200 replies to 200 texts, 200 of them with an answer"


def test_replies_that_end_within_a_character_are_refused_in_one_line(
    ask: Any, config: StudyConfig, tmp_path: Path
) -> None:
    replies = replies_of(ask(), by_words, tmp_path / "replies.jsonl")
    replies.write_bytes(replies.read_text(encoding="utf-8").encode("utf-16")[:-1])
    with pytest.raises(CorpusError, match=r"replies\.jsonl: cannot be read to its end: ") as caught:
        write_answers(config, [replies], None)
    assert "\n" not in str(caught.value)


def test_a_study_of_several_files_of_answers_asks_for_what_none_of_them_has(
    ask: Any, config: StudyConfig, tmp_path: Path
) -> None:
    several = f"{tmp_path}/votes-*.jsonl"
    teacher = config.teacher.model_copy(update={"answers": AnswersConfig(path=several)})
    config = config.model_copy(update={"teacher": teacher})
    first, second = ask()[:150], ask()[150:]
    with pytest.raises(
        StudyError, match=r"--out must name the file to write, as the study names several files of answers"
    ):
        write_answers(config, [replies_of(first, by_words, tmp_path / "r.jsonl")], None)
    write_answers(config, [replies_of(first, by_words, tmp_path / "r.jsonl")], tmp_path / "votes-1.jsonl")
    (tmp_path / "requests.jsonl").unlink()
    lines = write_requests(config, Prompt(), tmp_path / "requests.jsonl", None)
    assert lines[0] == f"{several}: has an answer to 150 texts of the study, which are not asked again"
    lines = write_answers(config, [replies_of(second, by_words, tmp_path / "r.jsonl")], tmp_path / "votes-2.jsonl")
    assert not [line for line in lines if "without an answer yet" in line or "in the study:" in line]


def test_a_list_of_files_of_which_none_is_there_yet_is_asked_for_whole(config: StudyConfig, tmp_path: Path) -> None:
    (tmp_path / "votes").mkdir()
    names = (str(tmp_path / "votes"), str(tmp_path / "votes.jsonl"), str(tmp_path / "votes-*.jsonl"))
    teacher = config.teacher.model_copy(update={"answers": AnswersConfig(path=names)})
    config = config.model_copy(update={"teacher": teacher})
    lines = write_requests(config, Prompt(), tmp_path / "requests.jsonl", None)
    assert lines[0].startswith(f"{tmp_path}/requests.jsonl: 200 requests")


def test_examples_of_a_study_without_labels_in_train_are_refused_in_one_line(ask: Any, config: StudyConfig) -> None:
    config = config.model_copy(update={"corpus": config.corpus.model_copy(update={"labelled": 0})})
    with pytest.raises(CorpusError) as caught:
        write_requests(config, Prompt(n_examples=2), Path("never.jsonl"), None)
    assert str(caught.value) == (
        "--examples 2 shows labelled texts of train, and this study has none (corpus.labelled: 0); leave --examples out, or keep some "
        "labels by corpus.labelled: 2 or more"
    )


def test_replies_become_answers_and_the_rest_is_asked_again(ask: Any, config: StudyConfig, tmp_path: Path) -> None:
    def hesitant(text: str) -> str:
        return "I cannot say" if text == silent else by_words(text)

    silent = load_corpus(config.corpus).transfer.texts[0]
    out = tmp_path / "votes.jsonl"
    replies = replies_of(ask(), hesitant, tmp_path / "replies.jsonl")
    lines = write_answers(config, [replies], None)
    assert lines[0] == "200 replies to 200 texts, 199 of them with an answer"
    assert lines[1].startswith("  1 x other words: 'I cannot say' (")
    assert any(
        line.startswith("right on 43 of 43 dev texts with an answer: 100.0 %, 95 % interval 91.8 to 100.0 %")
        for line in lines
    )
    assert "1 text of the study without an answer yet" in lines[-2]
    assert {"text": silent, "label": None, "why": "other words 'I cannot say'"} in rows(out)
    again = ask()
    assert [one["custom_id"] for one in again] == [text_hash(silent).hex()]
    lines = write_answers(config, [replies_of(again, by_words, tmp_path / "more.jsonl")], None)
    assert any(line == f"{out}: 199 earlier rows kept" for line in lines)
    assert len(rows(out)) == 200
    assert {"text": silent, "label": by_words(silent)} in rows(out)
    assert ask() == []


def test_answers_by_the_hash_of_their_text_stay_when_others_come_by_text(
    ask: Any, config: StudyConfig, tmp_path: Path
) -> None:
    requests = ask()
    texts = load_corpus(config.corpus).texts()
    hashed = [{"text_hash": text_hash(text).hex(), "votes": {"1": 2}} for text in texts[:150]]
    (tmp_path / "votes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in hashed), encoding="utf-8")
    lines = write_answers(config, [replies_of(requests[150:], by_words, tmp_path / "replies.jsonl")], None)
    assert f"{tmp_path}/votes.jsonl: 150 earlier rows kept" in lines
    assert not any("without a text" in line or "without an answer" in line for line in lines)
    assert rows(tmp_path / "votes.jsonl")[0] == {"text": texts[0], "votes": {"1": 2}}


def test_the_same_replies_twice_change_nothing(ask: Any, config: StudyConfig, tmp_path: Path) -> None:
    replies = replies_of(ask(), by_words, tmp_path / "replies.jsonl")
    write_answers(config, [replies], None)
    first = (tmp_path / "votes.jsonl").read_bytes()
    lines = write_answers(config, [replies, replies], None)
    assert (tmp_path / "votes.jsonl").read_bytes() == first
    assert "  200 lines repeat others exactly and count once" in lines


def test_a_failed_reply_does_not_replace_an_answer(ask: Any, config: StudyConfig, tmp_path: Path) -> None:
    requests = ask()
    write_answers(config, [replies_of(requests, by_words, tmp_path / "replies.jsonl")], None)
    first = rows(tmp_path / "votes.jsonl")
    write_answers(config, [replies_of(requests[:5], lambda text: "no", tmp_path / "bad.jsonl")], None)
    assert rows(tmp_path / "votes.jsonl") == first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a", "label": "1"}\n', "holds no replies: a line must be a JSON object with a custom_id"),
        ("<html>", "holds no replies"),
        (
            '{"custom_id": "x", "method": "POST", "body": {"messages": []}}\n',
            r"holds no replies: .*, but got '{\"custom_id\": \"x\", \"method\": \"POST\", .*\.\.\.' \(.*other.jsonl, line 1\)",
        ),
        ('{"status": "", "request": {}, "response": {"candidates": []}}\n', "holds no replies"),
        ('{"custom_id": "x", "result": {"type": "expired"}}\n', "none of 1 reply is to a text of this study"),
        ('{"custom_id": "abc", "response": null}\n', "none of 1 reply is to a text of this study"),
    ],
)
def test_a_file_that_holds_no_replies_to_the_study_is_refused(
    config: StudyConfig, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "other.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        write_answers(config, [tmp_path / "other.jsonl"], None)
    assert not (tmp_path / "votes.jsonl").exists()


def test_replies_of_which_none_is_an_answer_are_refused_with_their_reasons(
    ask: Any, config: StudyConfig, tmp_path: Path
) -> None:
    replies = replies_of(ask(), lambda text: "Certainly!", tmp_path / "replies.jsonl")
    with pytest.raises(
        CorpusError,
        match=r"none of 200 replies can be read as an answer, and nothing is written: 200 x other words: 'Certainly!' \(.*, line 1\)$",
    ):
        write_answers(config, [replies], None)
    assert not (tmp_path / "votes.jsonl").exists()


def test_replies_in_the_format_of_another_provider_become_answers(
    ask: Any, config: StudyConfig, tmp_path: Path
) -> None:
    lines = []
    for number, one in enumerate(ask()):
        words = [{"type": "text", "text": by_words(one["body"]["messages"][-1]["content"])}]
        message = {"type": "message", "role": "assistant", "content": words, "stop_reason": "end_turn"}
        result = {"type": "expired"} if number == 3 else {"type": "succeeded", "message": message}
        lines.append(json.dumps({"custom_id": one["custom_id"], "result": result}) + "\n")
    (tmp_path / "replies.jsonl").write_text("".join(lines), encoding="utf-8")
    found = write_answers(config, [tmp_path / "replies.jsonl"], None)
    assert found[0] == "200 replies to 200 texts, 199 of them with an answer"
    assert found[1].startswith("  1 x expired: (")


def test_files_that_would_be_lost_are_refused(ask: Any, config: StudyConfig, tmp_path: Path) -> None:
    votes = tmp_path / "votes.jsonl"
    votes.write_text('{"text": "a", "label": "1"}\n', encoding="utf-8")
    with pytest.raises(StudyError, match=r"votes.jsonl is there and holds no requests"):
        write_requests(config, Prompt(), votes, None)
    with pytest.raises(StudyError, match=r"must name a file of this machine that ends in .jsonl, but got votes.csv"):
        write_answers(config, [votes], Path("votes.csv"))
    with pytest.raises(StudyError, match="cannot be read: No such file"):
        write_answers(config, [tmp_path / "missing.jsonl"], None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_votes": 0}, "--votes must be >= 1, but got 0"),
        ({"n_votes": 3, "temperature": 0.0}, "--votes 3 at --temperature 0 would be the same vote"),
        ({"top_logprobs": 21}, "--logprobs must be from 1 to 20, but got 21"),
        ({"temperature": 3.0}, "--temperature must be from 0 to 2, but got 3"),
        ({"n_examples": 21}, "--examples must be <= 20, the number of labelled train texts, but got 21"),
        ({"model": " "}, "--model must name a model"),
    ],
)
def test_options_that_cannot_be_asked_for_are_refused(ask: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises((StudyError, CorpusError), match=message):
        ask(**settings)


def test_a_description_of_no_label_is_refused(document: dict[str, Any]) -> None:
    document["corpus"]["descriptions"] = {"2": "neutral"}
    with pytest.raises(CorpusError, match=r"corpus.descriptions: describes '2', but the labels of the corpus are 0, 1"):
        load_corpus(Study(document).config.corpus)
