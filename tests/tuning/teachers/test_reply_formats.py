"""Replies as each API and each server gives them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from distune.tuning.teachers.replies import reply_of
from distune.tuning.teachers.reply_formats import is_reply, name_of

LABELS = ("negative", "positive")
CHAT = {"object": "chat.completion", "choices": [{"message": {"content": "positive"}, "finish_reason": "stop"}]}


def of_batch(body: Any) -> dict[str, Any]:
    return {"custom_id": "x", "response": {"status_code": 200, "body": body}, "error": None}


def of_responses(*parts: dict[str, Any], **about: Any) -> dict[str, Any]:
    """A reply of OpenAI's Responses API, with thoughts before it."""
    output = [{"type": "reasoning", "summary": []}, {"type": "message", "role": "assistant", "content": list(parts)}]
    return of_batch({"object": "response", "status": "completed", "output": output, **about})


def of_anthropic(*content: dict[str, Any], stop_reason: str = "end_turn") -> dict[str, Any]:
    message = {"type": "message", "role": "assistant", "content": list(content), "stop_reason": stop_reason}
    return {"custom_id": "x", "result": {"type": "succeeded", "message": message}}


def of_gemini(*parts: dict[str, Any], finish: str = "STOP") -> dict[str, Any]:
    return {"key": "x", "response": {"candidates": [{"content": {"parts": list(parts)}, "finishReason": finish}]}}


@pytest.mark.parametrize(
    "line",
    [
        of_batch(CHAT),
        of_batch(json.dumps(CHAT)),
        {"custom_id": "x", "response": CHAT},
        {"custom_id": "x", **CHAT},
        of_batch({"object": "text_completion", "choices": [{"text": " positive", "finish_reason": "stop"}]}),
        of_responses({"type": "output_text", "text": "positive", "logprobs": []}),
        of_anthropic({"type": "text", "text": "positive"}),
        of_anthropic({"type": "thinking", "thinking": "negative"}, {"type": "text", "text": "positive"}),
        of_gemini({"text": "positive"}),
        of_gemini({"text": "negative", "thought": True}, {"text": "positive"}),
        {"recordId": "x", "modelOutput": of_anthropic({"type": "text", "text": "positive"})["result"]["message"]},
        {
            "recordId": "x",
            "modelOutput": {"output": {"message": {"content": [{"text": "positive"}]}}, "stopReason": "end_turn"},
        },
    ],
)
def test_each_format_has_the_words_of_the_reply(line: dict[str, Any]) -> None:
    assert (name_of(line), is_reply(line)) == ("x", True)
    assert reply_of(line, LABELS, ()).row == {"label": "positive"}


@pytest.mark.parametrize(
    ("line", "why", "shown"),
    [
        (of_responses({"type": "refusal", "refusal": "I cannot"}), "a refusal", "'I cannot'"),
        (
            of_responses(
                {"type": "output_text", "text": "pos"},
                status="incomplete",
                incomplete_details={"reason": "max_output_tokens"},
            ),
            "cut off",
            "'pos'",
        ),
        (
            of_responses(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "cut off before the first word",
            "",
        ),
        (
            of_responses(status="incomplete", incomplete_details={"reason": "content_filter"}),
            "stopped by a content filter",
            "",
        ),
        (of_batch({"status": "failed", "error": {"message": "broken"}, "output": []}), "an error", "'broken'"),
        (of_batch({"error": {"message": "No provider", "code": 502}}), "an error", "'No provider'"),
        (of_anthropic({"type": "text", "text": "pos"}, stop_reason="max_tokens"), "cut off", "'pos'"),
        (of_anthropic(stop_reason="refusal"), "a refusal", "'refusal'"),
        ({"custom_id": "x", "result": {"type": "canceled"}}, "canceled", ""),
        (
            {
                "custom_id": "x",
                "result": {"type": "errored", "error": {"type": "error", "error": {"message": "overloaded"}}},
            },
            "an error",
            "'overloaded'",
        ),
        (of_gemini({"text": "pos"}, finish="MAX_TOKENS"), "cut off", "'pos'"),
        (of_gemini(finish="SAFETY"), "stopped by a content filter", ""),
        (of_gemini({"functionCall": {"name": "f"}}), "a call of a tool", '\'[{"name": "f"}]\''),
        (
            {"key": "x", "response": {"promptFeedback": {"blockReason": "SAFETY"}}},
            "stopped by a content filter",
            "'SAFETY'",
        ),
        ({"key": "x", "error": {"code": 3, "message": "invalid"}}, "an error", "'invalid'"),
        ({"custom_id": "x", "response": {"candidates": 1}}, "a reply without choices", "'{\"candidates\": 1}'"),
    ],
)
def test_a_reply_without_an_answer_says_why_in_each_format(line: dict[str, Any], why: str, shown: str) -> None:
    found = reply_of(line, LABELS, ())
    assert (found.why, found.shown, found.row["label"]) == (why, shown, None)


def test_a_list_of_labels_that_ends_at_the_limit_of_an_api_is_cut_off() -> None:
    line = of_anthropic({"type": "text", "text": "positive"}, stop_reason="max_tokens")
    assert reply_of(line, LABELS, (), is_multi_label=True).why == "cut off"


def test_tokens_of_the_responses_api_give_probabilities() -> None:
    listed = [{"token": label, "logprob": math.log(p)} for label, p in (("positive", 0.75), ("negative", 0.25))]
    part = {"type": "output_text", "text": "positive", "logprobs": [{**listed[0], "top_logprobs": listed}]}
    row = reply_of(of_responses(part), LABELS, ()).row
    assert {label: round(math.exp(value), 6) for label, value in row["logprobs"].items()} == {
        "positive": 0.75,
        "negative": 0.25,
    }


@pytest.mark.parametrize(
    "line",
    [
        {"custom_id": "x", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": []}},
        {"custom_id": "x", "params": {"messages": []}},
        {"key": "x", "request": {"contents": []}},
        {"recordId": "x", "modelInput": {}},
    ],
)
def test_a_request_is_no_reply(line: dict[str, Any]) -> None:
    assert not is_reply(line)


def test_a_line_without_a_name_is_of_no_request() -> None:
    assert name_of({"response": {}}) is None
    assert name_of({"custom_id": 7}) is None
    assert name_of([]) is None


@pytest.mark.parametrize(
    "line",
    [
        of_gemini({"text": "positive"}, finish={"reason": 1}),  # type: ignore[arg-type]
        of_batch({"choices": [{"message": {"content": "positive"}, "finish_reason": [None]}]}),
    ],
)
def test_an_unknown_reason_of_ending_says_nothing(line: dict[str, Any]) -> None:
    assert reply_of(line, LABELS, ()).row == {"label": "positive"}


def test_parts_of_another_form_are_no_words() -> None:
    line = {"key": "x", "response": {"candidates": [{"content": {"parts": True}, "finishReason": "STOP"}]}}
    assert reply_of(line, LABELS, ()).why == "an empty reply"
