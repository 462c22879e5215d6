"""The formats in which providers and servers give replies, all read as the choices of OpenAI's chat completions.

A line of a file names its request, and holds the reply itself. The formats are those of OpenAI's batches (with chat completions,
responses or plain completions), of Anthropic's message batches, of Gemini's, and of Bedrock's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = ("custom_id", "key", "recordId")
"""The keys that name a request: of OpenAI, Anthropic and Mistral, of Gemini, and of Bedrock."""
HOLDERS = ("response", "error", "result", "modelOutput", "choices", "output")
"""The keys that a line has only if it is a reply."""
CUT_OFF = frozenset(("length", "model_length", "max_tokens", "max_output_tokens", "error", "abort", "cancelled"))
"""The reasons by which a reply ended before its end, in lower case."""
FILTERED = frozenset(
    (
        "content_filter",
        "content_filtered",
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "guardrail_intervened",
    )
)
"""The reasons of content filters."""
LONGEST_SHOWN = 60
Choice = Mapping[str, Any]
"""A choice of OpenAI's chat completions: `message`, `finish_reason` in lower case, and perhaps `logprobs`."""


@dataclass(frozen=True)
class Unread:
    """A reply or a choice that is no answer: the reason, and how it reads."""

    why: str
    shown: str = ""


def name_of(line: Any) -> str | None:
    """The name of the request that a line answers, None for a line without one."""
    given = [line[key] for key in NAMES if key in line] if isinstance(line, Mapping) else []
    return next((one for one in given if isinstance(one, str)), None)


def is_reply(line: Mapping[str, Any]) -> bool:
    """Whether a line is a reply, and no request."""
    return any(key in line for key in HOLDERS)


def choices_of(line: Mapping[str, Any]) -> list[Any] | Unread:
    """The choices of a reply, or the reason why there are none."""
    if (failed := _failed(line)) is not None:
        return failed
    reply = _reply_in(line)
    choices = _choices_in(reply) if isinstance(reply, Mapping) else []
    if choices:
        return [_ended(one) for one in choices]
    if isinstance(reply, Mapping) and reply.get("error"):
        return Unread("an error", shown(_message(reply["error"])))
    blocked = reply.get("promptFeedback") if isinstance(reply, Mapping) else None
    if isinstance(blocked, Mapping) and blocked.get("blockReason"):
        return Unread("stopped by a content filter", shown(str(blocked["blockReason"])))
    return Unread("a reply without choices", shown(reply))


def shown(value: Any) -> str:
    """The beginning of a value in a message."""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    said = " ".join(said.split())
    return "" if not said else repr(said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}...")


def words_of(content: Any) -> str:
    """The words of a message, which some servers give in parts, without the thoughts among these."""
    parts = content if isinstance(content, list) else [content]
    texts = [_words_of_part(part) if isinstance(part, Mapping) else part for part in parts]
    return "".join(str(text) for text in texts if text is not None and not isinstance(text, Mapping | list))


def _words_of_part(part: Mapping[str, Any]) -> Any:
    is_thought = part.get("thought") is True or part.get("type") in ("reasoning", "thinking")
    return None if is_thought else part.get("text")


def _failed(line: Mapping[str, Any]) -> Unread | None:
    """The error of a line that has no reply for this reason."""
    response, result = line.get("response"), line.get("result")
    status = response.get("status_code") if isinstance(response, Mapping) else None
    error = line.get("error")
    if error or (status is not None and str(status) != "200"):
        body = _parsed(response.get("body")) if isinstance(response, Mapping) else None
        said = error or (body.get("error") if isinstance(body, Mapping) else None)
        return Unread(f"HTTP {status}" if status is not None else "an error", shown(_message(said)))
    if isinstance(result, Mapping) and result.get("type") != "succeeded":
        kind = result.get("type")
        return Unread("an error" if kind == "errored" else f"{kind}", shown(_message(result.get("error"))))
    return None


def _message(error: Any) -> Any:
    """The message of an error, perhaps of one within another."""
    while isinstance(error, Mapping) and isinstance(error.get("error"), Mapping):
        error = error["error"]
    return error.get("message") or error if isinstance(error, Mapping) else error or ""


def _reply_in(line: Mapping[str, Any]) -> Any:
    """The reply within a line: a response of one of the APIs."""
    response, result = line.get("response"), line.get("result")
    if isinstance(response, Mapping):
        return response if "body" not in response and "status_code" not in response else _parsed(response.get("body"))
    if isinstance(result, Mapping):
        return result.get("message")
    return line.get("modelOutput", line if "choices" in line or "output" in line else response)


def _parsed(body: Any) -> Any:
    """The body of a response; some servers give it as text."""
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def _choices_in(reply: Mapping[str, Any]) -> Sequence[Any]:
    """The choices of a response, by the keys that its API has; empty for any other."""
    if isinstance(choices := reply.get("choices"), list):  # Chat completions, or plain ones.
        return [
            {"message": {"content": one["text"]}, "finish_reason": one.get("finish_reason")}
            if isinstance(one, Mapping) and isinstance(one.get("text"), str) and "message" not in one
            else one
            for one in choices
        ]
    if isinstance(output := reply.get("output"), list):
        return _of_responses(reply, output)
    if isinstance(output, Mapping) and isinstance(output.get("message"), Mapping):  # Nova and others of Bedrock.
        return [{"message": output["message"], "finish_reason": reply.get("stopReason")}]
    if isinstance(candidates := reply.get("candidates"), list):
        return [_of_candidate(one) for one in candidates]
    if isinstance(reply.get("content"), list) and "stop_reason" in reply:  # A message of Anthropic.
        has_refused = reply["stop_reason"] == "refusal"
        refusal = {"refusal": words_of(reply["content"]) or "refusal"} if has_refused else {}
        return [{"message": {"content": reply["content"], **refusal}, "finish_reason": reply["stop_reason"]}]
    return []


def _of_responses(reply: Mapping[str, Any], output: Sequence[Any]) -> list[Choice]:
    """The one choice of OpenAI's Responses API: the parts of its messages, between which thoughts and calls may stand."""
    items = [one for one in output if isinstance(one, Mapping)]
    listed = [one["content"] for one in items if one.get("type") == "message" and isinstance(one.get("content"), list)]
    parts = [part for content in listed for part in content if isinstance(part, Mapping)]
    calls = [one for one in items if str(one.get("type", "")).endswith("_call")]
    about = reply.get("incomplete_details")
    why = about.get("reason") if isinstance(about, Mapping) else None
    message = {"content": parts, "refusal": next((part["refusal"] for part in parts if part.get("refusal")), None)}
    tokens = [one for part in parts if isinstance(part.get("logprobs"), list) for one in part["logprobs"]]
    failed = {"failed": "error", "incomplete": why or "length"}.get(str(reply.get("status")))
    if not parts and not calls and reply.get("error"):
        return []
    return [{"message": {**message, "tool_calls": calls}, "finish_reason": failed, "logprobs": {"content": tokens}}]


def _of_candidate(candidate: Any) -> Any:
    """A candidate of Gemini as a choice."""
    if not isinstance(candidate, Mapping):
        return candidate
    content = candidate.get("content")
    given = content.get("parts") if isinstance(content, Mapping) else None
    parts = given if isinstance(given, list) else []
    calls = [one["functionCall"] for one in parts if isinstance(one, Mapping) and "functionCall" in one]
    return {"message": {"content": parts, "tool_calls": calls}, "finish_reason": candidate.get("finishReason")}


def _ended(choice: Any) -> Any:
    """A choice whose reason of ending is in lower case, as the servers spell it in both."""
    if not isinstance(choice, Mapping):
        return choice
    reason = choice.get("finish_reason")
    return {**choice, "finish_reason": reason.lower() if isinstance(reason, str) else None}
