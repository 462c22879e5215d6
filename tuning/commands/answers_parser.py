"""The commands of `distune` for a language model as the teacher: its requests, and its replies."""

from __future__ import annotations

import argparse
from pathlib import Path

from distune.tuning.commands import answers
from distune.tuning.commands.options import Command, study_command


def add_answer_commands(command: Command) -> None:
    _add_prompt(command)
    _add_answers(command)


def _add_prompt(command: Command) -> None:
    prompt = study_command(
        command,
        "prompt",
        answers.prompt,
        "write the requests that ask a language model for a study's labels, as JSON lines",
    )
    prompt.add_argument(
        "--out", type=Path, default=Path("requests.jsonl"), metavar="FILE", help="the file to write (requests.jsonl)"
    )
    prompt.add_argument("--model", default="gpt-4o-mini", metavar="NAME", help="the model that is asked (gpt-4o-mini)")
    prompt.add_argument(
        "--about", default="", metavar="SENTENCE", help="a sentence about the texts, which begins the prompt"
    )
    prompt.add_argument(
        "--examples", type=int, default=0, metavar="K", help="labelled texts of train in each prompt (0)"
    )
    prompt.add_argument("--seed", type=int, default=7, help="the seed that draws the examples (7)")
    _add_wanted_replies(prompt)
    prompt.add_argument(
        "--answers",
        metavar="FILE",
        help="a file of answers, whose texts are not asked again (that of the study's teacher)",
    )


def _add_wanted_replies(prompt: argparse.ArgumentParser) -> None:
    """The options about the replies that a request asks for."""
    prompt.add_argument(
        "--votes", type=int, default=1, metavar="N", help="replies to each text, at temperature 1 if several (1)"
    )
    prompt.add_argument(
        "--logprobs",
        type=int,
        default=0,
        metavar="K",
        help="ask for the log-probabilities of the K likeliest tokens, 1 to 20",
    )
    prompt.add_argument("--temperature", type=float, metavar="T", help="the temperature of the replies, 0 to 2")
    prompt.add_argument(
        "--max-tokens",
        type=int,
        metavar="N",
        help="tokens of the longest reply; 0 sets no limit (what the longest label needs, or all labels of a text)",
    )
    prompt.add_argument(
        "--no-schema",
        action="store_true",
        help="ask for several labels a text without a JSON schema, for a server that knows none",
    )


def _add_answers(command: Command) -> None:
    replies = study_command(
        command,
        "answers",
        answers.answers,
        "read the replies to a study's requests into a file of answers, and count the unreadable ones",
    )
    replies.add_argument(
        "replies",
        type=Path,
        nargs="+",
        metavar="REPLIES",
        help="files of replies, as a batch of OpenAI's API gives them",
    )
    replies.add_argument(
        "--out",
        type=Path,
        metavar="FILE.jsonl",
        help="the file of answers to write or to add to (that of the study's teacher, else votes.jsonl)",
    )
