"""The commands of the CLI about language models as teachers; as in students.py, each imports only its own needs."""

from __future__ import annotations

import argparse


def prompt(options: argparse.Namespace) -> None:
    from distune.tuning.study.file import load_study
    from distune.tuning.teachers.prompting import write_requests
    from distune.tuning.teachers.requests import Prompt

    given = Prompt(
        model=options.model,
        about=options.about,
        n_examples=options.examples,
        n_votes=options.votes,
        top_logprobs=options.logprobs,
        temperature=options.temperature,
        max_tokens=options.max_tokens,
        seed=options.seed,
        schema=not options.no_schema,
    )
    config = load_study(options.study, options.overrides).config
    for line in write_requests(config, given, options.out, options.answers):
        print(line)


def answers(options: argparse.Namespace) -> None:
    from distune.tuning.study.file import load_study
    from distune.tuning.teachers.answering import write_answers

    for line in write_answers(load_study(options.study, options.overrides).config, options.replies, options.out):
        print(line)
