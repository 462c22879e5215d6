"""Public sets as the files of their studies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.data.datasets import (
    tail_sizes,
    write_clinc150,
    write_hotel,
    write_like_chnsenticorp,
    write_mrpc,
    write_sst2,
    write_tnews_tail,
)
from benchmarks.data.near_pairs import near_pairs
from benchmarks.data.sentences import split_by_sentence
from distune.corpora.corpus import load_corpus
from distune.corpora.corpus_config import CorpusConfig
from distune.corpora.logits_file import read_logits_file
from distune.corpora.rows import Row
from distune.corpora.texts import CorpusError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three labelled rows and a hundred others, one of which stands in the labelled ones as well."""
    folder = tmp_path / "hotel"
    folder.mkdir()
    (folder / "train.txt").write_text("1\t好 房间\n0\t差房间\n1\t很好\n", encoding="utf-8")
    others = [f"{i % 2}\t第{i}个房间" for i in range(99)]
    (folder / "dev.txt").write_text("\n".join(["0\t好房间", *others]) + "\n", encoding="utf-8")
    np.save(folder / "teacher_probs_train.npy", np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], np.float32))
    # The teacher says 1 of every text.
    np.save(folder / "teacher_probs_dev.npy", np.tile(np.array([[0.25, 0.75]], np.float32), (100, 1)))
    return folder


def test_the_parts_are_a_corpus_of_which_the_teacher_knows_every_text(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    counts = write_hotel(source, out)
    assert counts["labelled"] == 3
    assert sum(counts.values()) == 102  # The text that stands twice, in another spelling, is the labelled one.
    corpus = load_corpus(
        CorpusConfig(
            source=str(out / "labelled.tsv"),
            dev=out / "agreement.tsv",
            test=out / "test.tsv",
            unlabelled=out / "transfer.tsv",
        )
    )
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 3,
        "transfer": counts["transfer"],
        "dev": counts["agreement"],
        "test": counts["test"],
    }
    answers = read_logits_file(out / "logits.parquet", corpus.labels).of(corpus.texts())
    np.testing.assert_allclose(np.exp(answers.logits).sum(1), 1, atol=1e-6)
    of_good = read_logits_file(out / "logits.parquet", corpus.labels).of(["好 房间"]).logits[0]
    np.testing.assert_allclose(np.exp(of_good), [0.1, 0.9], rtol=1e-6)


def test_agreement_rows_have_the_teachers_answer_and_test_rows_their_own_label(source: Path, tmp_path: Path) -> None:
    write_hotel(source, tmp_path / "out")
    rows = [line.split("\t") for line in (tmp_path / "out" / "agreement.tsv").read_text("utf-8").splitlines()[1:]]
    assert {label for _, label in rows} == {"1"}
    rows = [line.split("\t") for line in (tmp_path / "out" / "test.tsv").read_text("utf-8").splitlines()[1:]]
    assert all(int(label) == int("".join(c for c in text if c.isdigit())) % 2 for text, label in rows)
    transfer = (tmp_path / "out" / "transfer.tsv").read_text("utf-8").splitlines()
    assert transfer[0] == "text"
    assert not any("\t" in line for line in transfer)


def test_probabilities_of_other_rows_are_refused(source: Path, tmp_path: Path) -> None:
    np.save(source / "teacher_probs_dev.npy", np.zeros((99, 2), np.float32))
    with pytest.raises(CorpusError, match=r"must be 100 x 2, a row for each line of dev.txt, but is 99 x 2"):
        write_hotel(source, tmp_path / "out")
    (source / "train.txt").unlink()
    with pytest.raises(CorpusError, match=r"no such file: .*train.txt; docs/data.md says where"):
        write_hotel(source, tmp_path / "out")


def test_a_phrase_of_a_held_out_sentence_stays_in_train_only_where_a_sentence_of_train_has_it_too() -> None:
    sentences = [f"film {i} is good" for i in range(40)]
    phrases = [f"film {i}" for i in range(40)] + ["is good", "Film 3 is good"]
    rows = [Row(text, "1") for text in [*phrases, *sentences]]
    train, dev = split_by_sentence(rows, fraction=0.3, seed=11)
    held_out = {row.text.split()[1] for row in dev}
    assert 3 < len(held_out) < 25
    assert {row.text.casefold() for row in dev} == {f"film {i} is good" for i in held_out}
    kept = {str(i) for i in range(40)} - held_out
    texts = {row.text.casefold() for row in train}
    assert texts == {"is good"} | {f"film {i}" for i in kept} | {f"film {i} is good" for i in kept}


def test_sst2_gets_train_of_both_files_and_whole_sentences_as_dev(tmp_path: Path) -> None:
    for name, numbers in (("train", range(30)), ("dev", range(30, 60))):
        rows = [f"film {i} is good\t1\ngood film {i}\t0" for i in numbers]
        (tmp_path / f"{name}.tsv").write_text("sentence\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    counts = write_sst2(tmp_path, tmp_path / "out")
    assert counts["train"] + counts["dev"] == 120
    corpus = load_corpus(
        CorpusConfig(
            source=str(tmp_path / "out/train.tsv"), text="sentence", dev=tmp_path / "out/dev.tsv", test_fraction=0.1
        )
    )
    assert len(corpus.dev) == counts["dev"] > 4


def test_a_set_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no such file: .*train.tsv"):
        write_sst2(tmp_path, tmp_path / "out")


def test_of_the_further_reviews_those_of_the_same_kinds_of_goods_are_written_with_their_labels(tmp_path: Path) -> None:
    rows = 'cat,label,review\n书籍,1,"好\t书"\n水果,0,酸\n酒店,0,差\n计算机,1,\n'
    (tmp_path / "online_shopping_10_cats.csv").write_text(rows, encoding="utf-8")
    assert write_like_chnsenticorp(tmp_path, tmp_path) == {"like_chnsenticorp": 2}
    assert (tmp_path / "like_chnsenticorp.tsv").read_text("utf-8") == "text\tlabel\n好 书\t1\n差\t0\n"


def test_sizes_of_a_long_tail_fall_by_one_factor() -> None:
    assert tail_sizes(3, 100, 1) == [100, 10, 1]
    assert tail_sizes(15, 2500, 25)[::14] == [2500, 25]


def test_the_long_tail_keeps_the_order_of_sizes_and_no_title_of_two_labels(tmp_path: Path) -> None:
    rows = [f"title {i} of {label}\t{label}" for label, n in (("few", 30), ("many", 3000)) for i in range(n)]
    rows += ["title 1 of both\tmany", "Title 1  of both\tfew"]
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert write_tnews_tail(tmp_path, tmp_path / "out") == {"many": 2500, "few": 25}
    written = (tmp_path / "out" / "tail.tsv").read_text(encoding="utf-8")
    assert written.count("\tmany\n") == 2500
    assert "of both" not in written
    assert write_tnews_tail(tmp_path, tmp_path / "again") == {"many": 2500, "few": 25}
    assert (tmp_path / "again" / "tail.tsv").read_text(encoding="utf-8") == written


def test_near_pairs_are_new_and_are_there_once() -> None:
    cats, dogs = [f"the black cat {word}" for word in ("sat", "ran", "slept")], ["dogs bark", "dogs barked"]
    pairs = near_pairs([(cats[0], cats[1]), (cats[2], dogs[0]), (dogs[1], cats[0])], [(dogs[1], dogs[0])], 1)
    found = [frozenset(pair) for pair in pairs]
    assert len(set(found)) == len(found)
    # The two others are a pair of train already, and so is that of the dogs of dev.
    assert frozenset((cats[0], cats[2])) in found
    assert frozenset((cats[1], cats[2])) in found
    assert not {frozenset((cats[0], cats[1])), frozenset(dogs)} & set(found)


def test_more_pairs_of_mrpc_hold_no_pair_of_test(tmp_path: Path) -> None:
    for name, row in {"train": "a big cat\ta cat\t1", "dev": "b\tc\t0", "test": "a cat\ta big cat\t1"}.items():
        more = 'he said "no\ta big dog\t0\n' if name == "train" else ""
        (tmp_path / f"{name}.tsv").write_text(f"sentence1\tsentence2\tlabel\n{row}\n{more}", encoding="utf-8")
    # Each text of train has a new partner but the dog, all of whose pairs are there by then.
    assert write_mrpc(tmp_path, tmp_path / "out") == {"transfer": 3}
    lines = (tmp_path / "out" / "transfer.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "sentence1\tsentence2"
    assert not {"a big cat\ta cat", "a cat\ta big cat", 'he said "no\ta big dog'} & set(lines)


def test_the_dev_of_clinc150_has_no_question_of_test(tmp_path: Path) -> None:
    (tmp_path / "dev.tsv").write_text("text\tlabel\nhow far\tdistance\nwho\tname\n", encoding="utf-8")
    (tmp_path / "test.tsv").write_text("text\tlabel\nHow  far\toos\n", encoding="utf-8")
    assert write_clinc150(tmp_path, tmp_path / "out") == {"dev": 1}
    assert (tmp_path / "out" / "dev.tsv").read_text(encoding="utf-8") == "text\tlabel\nwho\tname\n"
