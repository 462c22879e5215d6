from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from distune.corpora.corpus import load_corpus
from distune.corpora.texts import CorpusError
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import load_study
from distune.tuning.study.first import write_first_study
from tests.making.reviews import reviews
from tests.making.saved_datasets import save_dict


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(name: str, header: list[str] | None, rows: list[list[Any]]) -> None:
    with open(name, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([*([header] if header else []), *rows])


def test_columns_are_found_by_their_names_or_by_what_they_hold() -> None:
    rows = [[i, text, f"q{label}", "open"] for i, (text, label) in enumerate(reviews(120))]
    table("my tickets.csv", ["id", "what", "queue", "text_state"], rows)
    lines = write_first_study("my tickets.csv", Path("study.yaml"))
    study = load_study(Path("study.yaml"))
    assert (study.config.name, study.config.corpus.text, study.config.corpus.label) == ("my-tickets", "what", "queue")
    assert load_corpus(study.config.corpus).labels == ("q0", "q1")
    assert study.space.root["tokens"]["kind"] == "words"
    assert "assumed: 'queue' is the column of the labels, with 2 values that come again (corpus.label)" in lines
    assert lines[-1] == "study.yaml is written; name your teacher in it, then: distune check study.yaml"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("酒店 评论（2024）.csv", "酒店-评论-2024"),
        ("_-.csv", "study"),
        ("评" * 80 + ".csv", "评" * 73),
        ("cafe\u0301.csv", "caf\u00e9"),
    ],
)
def test_a_study_is_called_as_its_file_is(file: str, name: str) -> None:
    table(file, ["label", "text"], [[i % 3, f"the printer {i} burns"] for i in range(90)])
    write_first_study(file, Path("a.yaml"))
    assert load_study(Path("a.yaml")).config.name == name


def test_the_usual_names_are_left_out_and_english_is_cut_at_spaces() -> None:
    table("a.csv", ["label", "text"], [[i % 3, f"the printer {i} burns"] for i in range(90)])
    write_first_study("a.csv", Path("a.yaml"))
    study = load_study(Path("a.yaml"))
    assert study.document["corpus"] == {"source": "a.csv"}
    assert study.space.root["tokens"]["kind"] == "english_words"


def test_a_file_without_a_header_has_its_columns_named() -> None:
    table("bare.csv", None, [[text, label] for text, label in reviews(120)])
    lines = write_first_study("bare.csv", Path("study.yaml"))
    assert load_study(Path("study.yaml")).config.corpus.columns == ("text", "label")
    assert any(line.startswith("assumed: the first line is a row and no header") for line in lines)


def test_another_column_that_might_be_the_labels_is_named() -> None:
    rows = [[text, label, i % 3] for i, (text, label) in enumerate(reviews(120))]
    table("a.csv", ["text", "a", "b"], rows)
    lines = write_first_study("a.csv", Path("study.yaml"))
    assert (
        "assumed: 'a' is the column of the labels, with 2 values that come again; 'b' might be it too (corpus.label)"
        in lines
    )


def test_nothing_is_overwritten_and_nothing_is_written_for_what_cannot_be_read() -> None:
    Path("study.yaml").write_text("mine", encoding="utf-8")
    table("a.csv", ["text", "label"], [[text, label] for text, label in reviews(120)])
    with pytest.raises(StudyError, match=r"study.yaml is there already, and nothing is overwritten"):
        write_first_study("a.csv", Path("study.yaml"))
    assert Path("study.yaml").read_text(encoding="utf-8") == "mine"
    with pytest.raises(StudyError, match=r"-o: cannot write no/such/folder.yaml: No such file or directory"):
        write_first_study("a.csv", Path("no/such/folder.yaml"))
    with pytest.raises(CorpusError, match=r"no such file: b\.csv"):
        write_first_study("b.csv", Path("b.yaml"))
    table("ids.csv", ["text", "id"], [[text, i] for i, (text, _) in enumerate(reviews(120))])
    with pytest.raises(CorpusError, match=r"ids.csv: no column looks like labels .* its columns are text, id"):
        write_first_study("ids.csv", Path("b.yaml"))
    assert not Path("b.yaml").exists()


def records(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_choices_of_prodigy_are_the_labels_and_not_whether_they_were_accepted() -> None:
    options = [{"id": "pos"}, {"id": "neg"}]
    rows = [
        {
            "text": text,
            "options": options,
            "accept": [["neg", "pos"][int(label)]],
            "_annotator_id": i % 2,
            "answer": "accept" if i % 10 else "ignore",
        }
        for i, (text, label) in enumerate(reviews(120))
    ]
    records("a.jsonl", rows)
    lines = write_first_study("a.jsonl", Path("study.yaml"))
    study = load_study(Path("study.yaml"))
    assert study.document["corpus"] == {"source": "a.jsonl", "label": "accept"}
    assert load_corpus(study.config.corpus).labels == ("neg", "pos")
    assert "assumed: 'accept' is the column of the labels, the answers of annotators (corpus.label)" in lines
    assert "assumed: 'answer' is the status of an annotation, as Prodigy writes it, and no label" in lines


@pytest.mark.parametrize(("n_responses", "label"), [(1, "mood.responses"), (2, "mood.responses.0")])
def test_responses_of_argilla_are_the_labels_and_not_their_status(n_responses: int, label: str) -> None:
    rows = [
        {
            "text": text,
            "status": "completed" if i % 7 else "pending",
            "mood.responses": [["neg", "pos"][int(mood)]] * n_responses,
            "mood.responses.users": [["ann", "bob"][i % 2]] * n_responses,
            "mood.responses.status": ["submitted" if i % 7 else "discarded"] * n_responses,
            "mood.suggestion.agent": ["one", "two"][i % 2],
        }
        for i, (text, mood) in enumerate(reviews(120))
    ]
    records("a.jsonl", rows)
    lines = write_first_study("a.jsonl", Path("study.yaml"))
    assert load_study(Path("study.yaml")).document["corpus"] == {"source": "a.jsonl", "label": label}
    assert any(
        line.startswith("  18 rows that were discarded by an annotator (as Argilla writes it)") for line in lines
    )


@pytest.mark.parametrize(
    ("row", "status", "values", "tool"),
    [
        ({}, "status", ["submitted", "discarded"], "Argilla"),
        ({"label": "spam"}, "answer", ["accept", "reject"], "Prodigy"),
        ({}, "was_cancelled", [True, False], "Label Studio"),
    ],
)
def test_a_status_alone_is_no_label_until_the_study_says_so(
    row: dict[str, Any], status: str, values: list[Any], tool: str
) -> None:
    records("a.jsonl", [{"text": text, **row, status: values[i % 2]} for i, (text, _) in enumerate(reviews(120))])
    with pytest.raises(CorpusError) as raised:
        write_first_study("a.jsonl", Path("study.yaml"))
    assert (
        f"; {status!r} is the status of an annotation, as {tool} writes it, and the label by `label: {status}` alone. "
        "`distune init` cannot be given `label:`: change the file, or write the study by hand, with the key next to "
        "`corpus: {source: a.jsonl, ...}`"
    ) in str(raised.value)
    assert not Path("study.yaml").exists()


@pytest.mark.parametrize("name", ["123", "2024-01-01", "true", "null", "1e3", "0x1f", "1_000", "no", "1:30", "~", "="])
def test_a_name_like_a_number_a_truth_value_or_a_date_stays_text(name: str) -> None:
    table(f"{name}.csv", ["2e3", name], [[text, label] for text, label in reviews(120)])
    write_first_study(f"{name}.csv", Path("study.yaml"))
    study = load_study(Path("study.yaml"))
    assert study.config.name == (name.replace(":", "-") if name not in "~=" else "study")
    assert study.config.tracking is not None
    assert study.config.tracking.register_as == f"{study.config.name}-student"
    assert study.document["corpus"] == {"source": f"{name}.csv", "text": "2e3", "label": name}


@pytest.mark.parametrize(
    ("file", "sign", "shown"),
    [("a.csv", ";", "semicolons"), ("a.csv", "|", "vertical bars"), ("a.csv", "\t", "tabs"), ("a.tsv", ",", "commas")],
)
@pytest.mark.parametrize("header", [["what", "queue"], ["\n\ntext", "label"], None])
def test_columns_may_be_separated_otherwise_than_the_ending_says(
    file: str, sign: str, shown: str, header: list[str] | None
) -> None:
    texts = [
        text if sign == "," else f"well, {text}" + ", really" * (i % 3) for i, (text, _) in enumerate(reviews(120))
    ]
    rows = [*([header] if header else []), *([text, "ab"[i % 2]] for i, text in enumerate(texts))]
    Path(file).write_text("".join(sign.join(row) + "\n" for row in rows), encoding="utf-8")
    lines = write_first_study(file, Path("study.yaml"))
    assert f"  its columns are separated by {shown}" in lines
    assert load_corpus(load_study(Path("study.yaml")).config.corpus).labels == ("a", "b")


def test_rows_that_do_not_fit_are_told_by_the_sign_that_most_rows_have() -> None:
    rows = [f"well, {text};{label}\n" for text, label in reviews(120)]
    Path("a.csv").write_text("".join(["what;queue\n", *rows, "one; two;x\n"]), encoding="utf-8")
    with pytest.raises(CorpusError, match=r"a.csv: 1 of 122 rows .* quote the cells that hold semicolons, or set"):
        write_first_study("a.csv", Path("study.yaml"))


def test_a_key_that_init_cannot_be_given_is_to_be_written_by_hand() -> None:
    Path("a.csv").write_bytes(b"text,label\n" + b"a caf\xe9 here,x\n" * 9)
    with pytest.raises(
        CorpusError, match=r"by `encoding:` in .*`distune init` cannot be given `encoding:`: change the"
    ):
        write_first_study("a.csv", Path("study.yaml"))
    table("b.csv", ["text", "label"], [[text, label if i % 5 else ""] for i, (text, label) in enumerate(reviews(120))])
    with pytest.raises(
        CorpusError, match=r"`distune init` cannot be given `unlabelled:` or `labels:`: change the file"
    ):
        write_first_study("b.csv", Path("study.yaml"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "good,thing,good\nbad,other,bad\n", "two columns 'good'; .* cannot be given `columns:`"),
        (
            "a.json",
            json.dumps([{"data": {"text": "a"}, "meta": {"label": "b"}}] * 2),
            "by paths, such as `text: data.text`",
        ),
    ],
)
def test_columns_that_only_a_study_can_name_are_to_be_named_by_hand(name: str, content: str, message: str) -> None:
    Path(name).write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        write_first_study(name, Path("study.yaml"))


def test_an_address_that_is_not_read_is_refused() -> None:
    with pytest.raises(StudyError, match=r"^the path of the data must be UTF-8; rename the file or folder, but got"):
        write_first_study("\udcff.csv", Path("study.yaml"))
    with pytest.raises(StudyError, match=r"^the path of the data must be a path, or a URI .* but got https://x/a.csv$"):
        write_first_study("https://x/a.csv", Path("study.yaml"))


def test_what_is_no_file_is_told_as_what_it_is() -> None:
    for path, message in [
        ("/dev/null", "/dev/null is a device or a pipe and no file"),
        ("", "the path of a file is empty; name a file"),
        (".", r"\. is a folder without files of texts"),
    ]:
        with pytest.raises(CorpusError, match=f"^{message}"):
            write_first_study(path, Path("study.yaml"))


def test_the_splits_of_a_saved_data_set_are_those_of_the_first_study(tmp_path: Path) -> None:
    rows = [(f"text {i}", i % 2) for i in range(60)]
    folder = save_dict(tmp_path / "saved", {"train": rows[:40], "validation": rows[40:]})
    said = write_first_study(folder, Path("study.yaml"))
    assert said[0].startswith(f"{folder}: has the 2 splits train, validation; train as the source, validation as dev")
    assert any(line.startswith("assumed: test is drawn from the file: ") for line in said)
    assert f"source: {folder}" in Path("study.yaml").read_text(encoding="utf-8")


def test_columns_of_pairs_are_known_by_their_names(tmp_path: Path) -> None:
    path, out = tmp_path / "pairs.csv", tmp_path / "study.yaml"
    rows = [f"how do I pay {i},where can I pay {i},{i % 2}" for i in range(60)]
    path.write_text("\n".join(["sentence1,sentence2,label", *rows]) + "\n", encoding="utf-8")
    told = write_first_study(str(path), out)
    assert "assumed: 'sentence1' and 'sentence2' are the columns of pairs of texts (corpus.text, corpus.text_b)" in told
    study = load_study(out)
    assert (study.config.corpus.text, study.config.corpus.text_b) == ("sentence1", "sentence2")
    assert "pair: {choice: [siamese, joined]}" in out.read_text(encoding="utf-8")
