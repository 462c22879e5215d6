"""Replies of a language model, and the answers that they are."""

from __future__ import annotations

import math
from typing import Any

import pytest

from distune.tuning.teachers.names import matched
from distune.tuning.teachers.replies import reply_of

LABELS = ("negative", "positive")


def choice(content: Any, finish: str = "stop", **message: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}


def line(*choices: Any, status: int = 200) -> dict[str, Any]:
    return {"custom_id": "x", "response": {"status_code": status, "body": {"choices": list(choices)}}, "error": None}


def scored(content: str, *tokens: tuple[str, float], chosen: str = "") -> dict[str, Any]:
    listed = [{"token": token, "logprob": math.log(probability)} for token, probability in tokens]
    first = {"token": chosen or content, "logprob": 0.0, "top_logprobs": listed}
    return {**choice(content), "logprobs": {"content": [first]}}


@pytest.mark.parametrize(
    "content",
    [
        "positive",
        " positive\n",
        '"positive"',
        "**positive**",
        "Positive.",
        "POSITIVE",
        "“positive”",
        "`positive`。",
        "«positive»",
        "\ufeffpositive\u200b",
        "<think>\nIt may be negative.\n</think>\n\npositive",
        "<think>\n\n</think>\n\npositive",
        "It may be negative.\n</think>\n\npositive",  # The prompt begins the thoughts.
        "<think>a</think><think>b</think>positive",
        "[THINK]negative[/THINK]positive",
        "<|channel|>analysis<|message|>negative<|end|><|start|>assistant<|channel|>final<|message|>positive",
        [{"type": "text", "text": "positive"}],
        [{"type": "reasoning", "text": "negative"}, {"type": "text", "text": "positive"}],
        '{"label": "positive"}',
    ],
)
def test_a_label_is_one_apart_from_the_signs_around_it_and_its_case(content: Any) -> None:
    assert reply_of(line(choice(content)), LABELS, ()).row == {"label": "positive"}


def test_a_label_is_exact_where_case_tells_two_apart() -> None:
    assert matched("us", ["US", "us"]) == "us"
    assert matched("Us", ["US", "us"]) is None
    assert matched("U.S.", ["U.S.", "UK"]) == "U.S."


@pytest.mark.parametrize(
    ("reply", "why", "shown"),
    [
        (line(choice("It is positive, I think")), "other words", "'It is positive, I think'"),
        (line(choice("positive or negative")), "other words", "'positive or negative'"),
        (line(choice("pos")), "other words", "'pos'"),
        (line(choice(None, refusal="I cannot help with that")), "a refusal", "'I cannot help with that'"),
        (line(choice("", finish="content_filter")), "stopped by a content filter", ""),
        (line(choice("positi", finish="length")), "cut off", "'positi'"),
        (line(choice("<think>It is positive")), "other words", "'<think>It is positive'"),
        (line(choice("<think>positive</think>")), "other words", ""),
        (line(choice("  ")), "an empty reply", ""),
        (line(choice(None)), "an empty reply", ""),
        (line(choice(None, "length", reasoning_content="Hm")), "cut off before the first word", ""),
        (line(choice("positi", finish="MAX_TOKENS")), "cut off", "'positi'"),
        (line(choice(None, tool_calls=[{"id": "c"}])), "a call of a tool", '\'[{"id": "c"}]\''),
        (line(), "a reply without choices", "'{\"choices\": []}'"),
        (line("positive"), "a reply without a message", "'positive'"),
        (
            {"response": {"status_code": 429, "body": {"error": {"message": "Rate limit reached"}}}, "error": None},
            "HTTP 429",
            "'Rate limit reached'",
        ),
        ({"response": None, "error": {"code": "batch_expired", "message": "expired"}}, "an error", "'expired'"),
        ({"response": {"status_code": 200, "body": None}}, "a reply without choices", "'null'"),
    ],
)
def test_a_reply_that_is_no_label_is_an_abstention_with_its_reason(reply: dict[str, Any], why: str, shown: str) -> None:
    found = reply_of(reply, LABELS, ())
    assert (found.why, found.shown, found.row["label"]) == (why, shown, None)


def test_a_label_that_was_cut_off_may_have_become_another() -> None:
    assert reply_of(line(choice("not", finish="length")), ("not", "nothing"), ()).why == "cut off"
    assert reply_of(line(choice("nothing", finish="length")), ("not", "nothing"), ()).row == {"label": "nothing"}


def test_a_name_for_no_answer_is_an_abstention_that_was_read() -> None:
    found = reply_of(line(choice("Unknown")), LABELS, ("unknown",))
    assert (found.row, found.why) == ({"label": None}, "")


def test_several_choices_are_votes_and_those_that_are_none_are_not_counted() -> None:
    found = reply_of(line(choice("positive"), choice("negative"), choice("hm"), choice("positive")), LABELS, ())
    assert (found.row, found.n_unread) == ({"votes": {"positive": 2, "negative": 1}}, 1)


def test_the_first_token_gives_the_probability_of_each_label() -> None:
    reply = line(scored("positive", ("positive", 0.6), (" Positive", 0.1), ("negative", 0.2), ("The", 0.1)))
    row = reply_of(reply, LABELS, ()).row
    assert {label: math.exp(value) for label, value in row["logprobs"].items()} == pytest.approx(
        {"positive": 0.7, "negative": 0.2}
    )


def test_a_token_counts_for_the_one_label_that_begins_with_it() -> None:
    row = reply_of(line(scored("positive", ("pos", 0.7), ("neg", 0.2), ("p", 0.1), chosen="pos")), LABELS, ()).row
    # One letter begins much else.
    assert {label: round(math.exp(value), 6) for label, value in row["logprobs"].items()} == {
        "positive": 0.7,
        "negative": 0.2,
    }


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("<think>hm</think>\npositive", "<think>"),
        ("positive", "<think>"),  # The server takes the thoughts out of the words, and not out of the tokens.
        ("positive", "Okay"),
    ],
)
def test_tokens_of_thoughts_before_the_answer_leave_one_vote(content: str, first: str) -> None:
    reply = line(scored(content, (first, 0.9), ("positive", 0.0001), chosen=first))
    assert reply_of(reply, LABELS, ()).row == {"label": "positive"}


def test_tokens_of_thoughts_that_begin_as_the_answer_does_leave_one_vote() -> None:
    tokens = ("positive", 0.9), ("negative", 0.1)
    assert reply_of(line(scored("positive words.</think>positive", *tokens)), LABELS, ()).row == {"label": "positive"}
    reply = scored("positive", *tokens)
    reply["message"]["reasoning_content"] = "Positive words."
    assert reply_of(line(reply), LABELS, ()).row == {"label": "positive"}


def test_tokens_without_a_number_leave_one_vote() -> None:
    reply = scored("positive", ("positive", 0.9), ("negative", 0.1))
    reply["logprobs"]["content"][0]["top_logprobs"][1]["logprob"] = math.nan
    assert reply_of(line(reply), LABELS, ()).row == {"label": "positive"}


def test_tokens_of_an_object_leave_one_vote() -> None:
    reply = line(scored('{"label": "positive"}', ('{"', 0.9), ("positive", 0.1), chosen='{"'))
    assert reply_of(reply, LABELS, ()).row == {"label": "positive"}


def test_a_token_of_an_abstention_is_not_one_of_a_label() -> None:
    labels = ("kind", "unkind")
    shared = line(scored("kind", ("kind", 0.5), ("unk", 0.5)))
    assert reply_of(shared, labels, ("unknown",)).row == {"label": "kind"}
    row = reply_of(line(scored("kind", ("kind", 0.6), ("unknown", 0.4))), labels, ("unknown",)).row
    assert {name: round(math.exp(value), 6) for name, value in row["logprobs"].items()} == {"kind": 0.6, "unknown": 0.4}


def test_tokens_that_begin_several_labels_leave_one_vote() -> None:
    labels = ("negative", "neutral", "positive")
    reply = line(scored("negative", ("ne", 0.9), ("pos", 0.1), chosen="ne"))
    assert reply_of(reply, ("nearby", "near", "far"), ()).why == "other words"
    assert reply_of(line(scored("near", ("near", 0.9), ("far", 0.1))), ("nearby", "near", "far"), ()).row == {
        "label": "near"
    }
    assert reply_of(reply, labels, ()).row == {"label": "negative"}


def test_whole_numbers_and_strings_are_statuses_and_labels() -> None:
    reply = line(choice(1))
    reply["response"]["status_code"] = "200"
    assert reply_of(reply, ("0", "1"), ()).row == {"label": "1"}


@pytest.mark.parametrize(
    ("content", "finish", "label"),
    [
        ('{"labels": ["positive", "negative"]}', "stop", ["negative", "positive"]),
        ('{"labels": []}', "stop", []),
        ("<think>\nIt may be negative.\n</think>\n\npositive, negative", "stop", ["negative", "positive"]),
        ('<think>\n</think>\n```json\n["positive"]\n```', "stop", ["positive"]),
        ('{"labels": ["positive"]}', "length", ["positive"]),
        ("none", "stop", []),
    ],
)
def test_a_reply_of_several_labels_is_their_list_in_the_order_of_the_study(
    content: str, finish: str, label: list[str]
) -> None:
    found = reply_of(line(choice(content, finish)), LABELS, ("unknown",), is_multi_label=True)
    assert (found.row, found.why) == ({"label": label}, "")


@pytest.mark.parametrize(
    ("reply", "why", "shown"),
    [
        (choice('{"labels": ["positive", "neutral"]}'), "other words", '\'{"labels": ["positive", "neutral"]}\''),
        (choice("Both apply"), "other words", "'Both apply'"),
        (choice('{"labels": ["positive"', "length"), "cut off", '\'{"labels": ["positive"\''),
        (choice("positive", "length"), "cut off", "'positive'"),
        (choice("positive, unknown"), "labels next to an abstention", "'positive, unknown'"),
        (choice(None, refusal="I cannot"), "a refusal", "'I cannot'"),
        (choice(" "), "an empty reply", ""),
    ],
)
def test_a_reply_that_is_no_list_of_labels_is_an_abstention_with_its_reason(
    reply: dict[str, Any], why: str, shown: str
) -> None:
    found = reply_of(line(reply), LABELS, ("unknown",), is_multi_label=True)
    assert (found.why, found.shown, found.row["label"]) == (why, shown, None)


def test_a_name_for_no_answer_is_no_empty_list() -> None:
    found = reply_of(line(choice('{"labels": ["unknown"]}')), LABELS, ("unknown",), is_multi_label=True)
    assert (found.row, found.why) == ({"label": None}, "")


def test_several_choices_are_a_list_of_lists_and_those_that_are_none_are_not_counted() -> None:
    choices = [choice("positive"), choice("[]"), choice("hm"), choice("unknown")]
    found = reply_of(line(*choices), LABELS, ("unknown",), is_multi_label=True)
    assert (found.row, found.n_unread) == ({"votes": [["positive"], []]}, 1)
