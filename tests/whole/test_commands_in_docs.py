"""What the pages say to type works: commands and programs are run on a tiny study, blocks of YAML are studies.

A command that is new in a page is run as it stands. Where it cannot be run here it must be listed in NOT_RUN; where it names
something that this study does not have, NAMES says what to take instead.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from distune.tuning.cli import _parser
from distune.tuning.study.config import StudyConfig
from distune.tuning.study.file import Study, parse_yaml
from tests.making.commands import by_distune, in_process, in_shell
from tests.making.ended import Ended

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("distune", "python", "python3", "pip", "make", "ray", "docker", "kubectl", "apt-get")
NOT_RUN = {
    r"make (demo|test)": ".ci/run",
    r"python ask_model\.py .*": "tests/whole/test_from_a_prompt.py",
    r"distune init tickets\.csv": "tests/tuning/study/test_first.py",
    r"distune submit .*": "tests/whole/test_jobs.py",
    r"distune status": "tests/whole/test_jobs.py",
    r"distune (logs|stop) .*": "tests/whole/test_jobs.py",
    r"distune (finish|skip) .*": "tests/whole/test_reins.py",
    r"distune search .* --resume .*": "tests/whole/test_resume.py",
    r"distune ui": "tests/whole/test_mlflow.py",
    r"distune ui --optuna .*": "tests/tuning/report/test_dashboard.py",
    r"distune search .*s3://.*": "tests/whole/test_jobs.py",
    r"distune predict .*s3://.*": "tests/tuning/serve/test_tables_in_a_bucket.py",
    r"distune watch .*": "tests/tuning/serve/test_watch.py",
    r"python -m distune\.cluster\.services .*": "tests/cluster/test_services.py",
    r"ray start .*": "tests/whole/test_jobs.py",
    r"ray (up|down|dashboard) .*": "tests/cluster/test_cluster_files.py",
    r"ray get-auth-token .*": "it would replace the token of whoever runs the tests",
    r"kubectl .*": "tests/cluster/test_cluster_files.py",
    r"docker build .*": "tests/cluster/test_cluster_files.py",
    r"((small/bin/)?pip|apt-get) install .*": "it installs packages",
    r"python3 -m venv .*": "it installs packages",
    r"python make_files\.py": "tests/whole/test_commands_in_docs.py",
    r"(pip download|python -m (zipfile|benchmarks\.data\.pretrained)) .*": "it takes a download of 90 MB",
}
"""Commands that cannot be run here, by pattern, with the test that has them run or read, or the reason."""
NAMES = {
    "NAME": "tiny-student",
    "reviews-student": "tiny-student",
    "tickets-student": "tiny-student",
    "one.yaml": "study.yaml",
    "other.yaml": "study.yaml",
    "storage/searches/reviews/1": "storage/searches/tiny/1",
    "storage/searches/reviews/2": "storage/searches/tiny/1",
}
"""Words of commands, and what they are in the tiny study."""
SMALLER = {
    "num_hidden_layers=12, hidden_size=768": "num_hidden_layers=1, hidden_size=24",
    "intermediate_size=3072": "intermediate_size=24",
}
"""What programs of the pages make, and what is made here."""
PREPARATION = (
    "distune search study.yaml",
    "distune pull tickets-student student",
    "distune pull tickets-student my-student",
    "python stand_in.py",
    "distune prompt study.yaml",
    "python stand_in_model.py",
)
"""Commands of the pages that others build on; the first is run by the fixture `ended`."""
BASE: dict[str, Any] = {
    "name": "base",
    "corpus": {"source": "tickets.csv"},
    "teacher": {"logits": "answers.csv"},
    "trial": {"student": {"kind": "average"}},
}


def blocks(language: str) -> list[tuple[str, str]]:
    """The fenced blocks in a language, each with the name of its page."""
    fence = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.S | re.M)
    return [
        (page.name, re.sub(rf"^{indent}", "", body, flags=re.M))
        for page in PAGES
        for indent, found, body in fence.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def without_comment(line: str) -> str:
    return " ".join(re.sub(r"(^|\s)#.*", "", line).split())


def commands() -> list[str]:
    """The commands of all pages, each once."""
    lines = [line for _, body in blocks("") for line in body.replace("\\\n", " ").splitlines()]
    found = [without_comment(line) for line in lines]
    return list(dict.fromkeys(line for line in found if line and line.split()[0].split("/")[-1] in PROGRAMS))


COMMANDS = commands()
RUN = [line for line in COMMANDS if not any(re.fullmatch(pattern, line) for pattern in NOT_RUN)]
PYTHON = blocks("python")


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("distune ") and "--help" not in line])
def test_the_parser_knows_every_command(line: str) -> None:
    words = shlex.split(re.split(r" [<>|] ", line)[0])
    assert callable(_parser().parse_args(words[1:]).run)


def test_every_command_in_the_text_is_one_of_the_parsers() -> None:
    known = set(re.findall(r"^    (\w+)\s", _parser().format_help(), re.M))
    named = {name for page in PAGES for name in re.findall(r"`distune (\w+)", page.read_text(encoding="utf-8"))}
    assert named <= known


def test_nothing_that_is_listed_is_stale() -> None:
    for pattern, reason in NOT_RUN.items():
        assert any(re.fullmatch(pattern, line) for line in COMMANDS), pattern
        assert " " in reason or (ROOT / reason).is_file(), reason
    words = {word for line in RUN for word in line.split()}
    assert set(NAMES) <= words
    assert set(PREPARATION) <= set(RUN)
    for large in SMALLER:
        assert any(large in body for _, body in PYTHON), large


def test_every_target_of_make_is_there() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert {line.split()[1] for line in COMMANDS if line.startswith("make ")} <= set(targets)


@pytest.mark.parametrize(("page", "body"), blocks("yaml"))
def test_every_block_of_yaml_is_of_a_valid_study(page: str, body: str) -> None:
    document = parse_yaml(body)
    assert set(document) <= set(StudyConfig.model_fields), page
    merged = {**BASE, **document, "trial": BASE["trial"] | document.get("trial", {})}
    assert Study(merged).config


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([^)#:]*)#?([^):]*)\)", text):
            there = (page.parent / target).resolve() if target else page
            assert there.exists(), f"{page.name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.M)
                slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
                assert anchor in slugs, f"{page.name}: {target}#{anchor}"


def prepare(folder: Path, ended: Ended, document: dict[str, Any]) -> None:
    """A copy of the folder in which `distune search study.yaml` has ended, of which the study names its files as a user does, and the programs."""
    shutil.copytree(ended.study.config.storage, folder / "storage")
    for name in ("tickets.csv", "texts.txt", "mlflow.db"):
        shutil.copyfile(Path(ended.study.config.storage).parent / name, folder / name)
    shutil.copytree(document["teacher"]["checkpoint"], folder / "my-finetuned-bert")
    document = {
        **document,
        "corpus": document["corpus"] | {"source": "tickets.csv"},
        "teacher": document["teacher"] | {"checkpoint": "my-finetuned-bert"},
        "storage": "storage",
        "tracking": {"register_as": "tiny-student"},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    for _, body in PYTHON:
        if name := program_name(body):
            smaller = functools.reduce(lambda text, pair: text.replace(*pair), SMALLER.items(), body)
            (folder / name).write_text(smaller, encoding="utf-8")


def program_name(body: str) -> str:
    """`# NAME.py` in the first line of a program says under which name it is kept."""
    found = re.match(r"# (\w+\.py)\n", body)
    return found[1] if found else ""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, ended: Ended, unlucky_document: dict[str, Any]) -> Iterator[Path]:
    """A user's folder after a search, which is also the working directory."""
    folder = tmp_path_factory.mktemp("tickets")
    prepare(folder, ended, unlucky_document)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
        # Each PNG of a page costs seconds, and is that of the search.
        patch.setattr("distune.tuning.report.write.write_pngs", lambda pictures, folder: [])
        for line in PREPARATION[1:]:
            run(line)
        yield folder


@pytest.mark.parametrize("line", RUN)
def test_every_command_runs(line: str, place: Path) -> None:
    if line not in PREPARATION:
        run(line)


def test_every_program_without_a_name_runs(place: Path) -> None:
    # Those of examples/ are read and run by tests/whole/test_docs.py and tests/whole/test_use.py.
    for body in [body for _, body in PYTHON if not program_name(body) and not body.startswith("# examples/")]:
        (place / "program.py").write_text(body, encoding="utf-8")
        run("python program.py")


def test_every_program_with_a_name_is_run_by_a_command() -> None:
    assert {program_name(body) for _, body in PYTHON} - {""} <= {line.split()[-1] for line in COMMANDS}


def test_answers_of_the_tutorials_program_are_a_teacher(place: Path) -> None:
    run("python answers.py")
    assert "no fault" in run("distune check study.yaml --set teacher={logits:\\ answers.csv}")


def test_the_tutorials_study_fits_the_files_that_its_program_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = [body for _, body in PYTHON if program_name(body) == "make_files.py"]
    (study,) = [body for page, body in blocks("yaml") if page == "tutorial.md"]
    Path("make_files.py").write_text(program, encoding="utf-8")
    Path("study.yaml").write_text(study, encoding="utf-8")
    in_process("make_files.py")
    printed = run("distune check study.yaml")
    assert printed.startswith("study.yaml: no fault; 1,000 train, 12,351 transfer, 2,013 dev, 2,041 test; 12 trials; ")
    assert " ".join(printed.split()) in " ".join((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").split())


def run(line: str) -> str:
    """Run one command in the working directory and return its output; it must end well."""
    words = [NAMES.get(word, os.path.expandvars(word)) for word in shlex.split(line)]
    if "|" in words:
        return in_shell(" ".join(words))
    files = {sign: words[words.index(sign) + 1] for sign in "<>" if sign in words}
    words = words[: min([words.index(sign) for sign in files], default=len(words))]
    program = Path(words[0]).name
    assert program in ("distune", "python"), f"`{line}` is not run by this test: list it in NOT_RUN"
    if program == "distune":
        output = by_distune(words[1:], files.get("<"))
    elif words[1] == Path(words[1]).name and words[1].endswith(".py"):
        output = in_process(words[1])
    else:
        output = in_shell(f"{shlex.join([sys.executable, *words[1:]])} < {files.get('<', os.devnull)}")
    if ">" in files:
        Path(files[">"]).write_text(output, encoding="utf-8")
        assert output
    return output
