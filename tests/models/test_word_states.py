"""What an encoder makes of words: the means that transformers gives by hand, for every family."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram
from tokenizers.trainers import BpeTrainer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast

from distune.corpora.encoding import spelt
from distune.models.errors import ModelError
from distune.models.teacher.teacher import Teacher, load_teacher
from distune.models.teacher.word_states import (
    _pieces_of_characters,
    load_pretrained,
    mean_states,
    refuse_unusable_encoder,
    states_alone,
)
from tests.families import FAMILIES, POSITIONS, WIDTH, save_family


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(request.param, tmp_path_factory.mktemp("family") / request.param)


@pytest.fixture(scope="module")
def teacher(folder: Path) -> Teacher:
    return load_teacher(folder, POSITIONS)


def states_by_hand(folder: Path, text: str, layer: int) -> NDArray[np.float32]:
    """Of one text, without padding: `[pieces, hidden_size]` with those of the special tokens."""
    model, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder).eval(),
        AutoTokenizer.from_pretrained(folder),
    )
    with torch.inference_mode():
        found = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[layer][0]
    return np.asarray(found)


def pieces_of(folder: Path, text: str) -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return list(tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]))


@pytest.mark.parametrize("layer", [0, 1, None])
def test_a_word_alone_has_the_mean_of_its_pieces_without_special_tokens(
    folder: Path, teacher: Teacher, layer: int | None
) -> None:
    words = ["好", "酒店很差", "手机"]
    special = {*AutoTokenizer.from_pretrained(folder).all_special_tokens, "\u2581"}
    expected = []
    for word in words:
        counted = [n for n, piece in enumerate(pieces_of(folder, word)) if piece not in special]
        expected.append(states_by_hand(folder, word, -1 if layer is None else layer)[counted].mean(axis=0))
    found = states_alone(teacher, words, layer)
    assert found.shape == (3, WIDTH)
    assert np.std(expected, axis=0).mean() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_word_in_context_has_the_mean_over_the_pieces_of_its_occurrences(folder: Path, teacher: Teacher) -> None:
    texts = ["好好酒店好", "这本书好"]
    # 好 stands at 0, at 1 and at 4 of the first text, of which the second occurrence is not asked for, and at 3 of the other.
    found = mean_states(teacher, texts, [[(0, 0, 1), (0, 4, 5)], [(0, 3, 4), (1, 0, 3)]], 3)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    blank = tokenizer.get_vocab().get("\u2581")

    def occurrence(text: str, start: int, end: int) -> NDArray[np.float32]:
        encoded = tokenizer(text, return_offsets_mapping=True)
        places = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        counted = [
            n for n, (i, (a, b)) in enumerate(places) if i != blank and set(range(a, b)) & set(range(start, end))
        ]
        return np.asarray(states_by_hand(folder, text, -1)[counted].mean(axis=0))

    of_good = [occurrence(texts[0], 0, 1), occurrence(texts[0], 4, 5), occurrence(texts[1], 3, 4)]
    np.testing.assert_allclose(found[0], np.mean(of_good, axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[1], occurrence(texts[1], 0, 3), rtol=1e-5, atol=1e-5)
    assert np.isnan(found[2]).all()


def test_places_are_counted_by_hand_for_a_tokenizer_of_characters(tmp_path: Path) -> None:
    folder = save_family("bert", tmp_path / "bert")
    text = "酒店 很 好"
    assert pieces_of(folder, text) == ["[CLS]", "酒", "店", "很", "好", "[SEP]"]
    states = states_by_hand(folder, text, -1)
    found = mean_states(load_teacher(folder, POSITIONS), [text, "好"], [[(0, 0, 2), (1, 5, 6)], []], 2)
    np.testing.assert_allclose(found[0], (states[1] + states[2]) / 2, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[1], states[4], rtol=1e-5, atol=1e-5)


HARD = ["Café NAÏVE, ＡＢＣ１２！", "T恤很好ｱｲｳ，这本书\u200b真好", "👍🏽好 ½ ﬁne ß", "हिन्दी में", "don’t  stop\t好"]


def _bare(text: str) -> str:
    """In lower case, without accents and in NFKD, as tokenizers may read a text."""
    marks = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).lower())
    return "".join(sign for sign in marks if not unicodedata.combining(sign))


def hard_tokenizers() -> list[PreTrainedTokenizerFast | BertTokenizer]:
    """One that lower-cases and strips accents, a byte-level one, and a unigram one that reads NFKC and marks words."""
    texts = [_bare(text) for text in HARD]
    pieces = {*"".join(texts), "caf", "na", "##e", "##ive", "abc", "do", "fine"} - {" "}
    bert = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted(pieces)])}
    )
    bytes_alone = Tokenizer(BPE())
    bytes_alone.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_alone.train_from_iterator([], BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    signs = sorted(set("".join(unicodedata.normalize("NFKC", text) for text in HARD)))
    pieces_of_unigram = [
        ("<unk>", 0.0),
        ("\u2581", -3.0),
        *((sign, -9.0) for sign in signs),
        ("很好", -4.0),
        ("这本", -4.0),
        ("\u2581stop", -4.0),
    ]
    unigram = Tokenizer(Unigram(pieces_of_unigram, unk_id=0))
    unigram.normalizer, unigram.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    fast = [
        PreTrainedTokenizerFast(tokenizer_object=one, unk_token="<unk>", pad_token="<unk>")
        for one in (bytes_alone, unigram)
    ]
    return [bert, *fast]


@pytest.mark.parametrize("number", [0, 1, 2], ids=["wordpiece", "byte pairs", "unigram"])
def test_pieces_belong_to_their_characters_in_hard_texts(number: int) -> None:
    tokenizer = hard_tokenizers()[number]
    n_known = 0
    for text in map(spelt, HARD):
        ids = tokenizer(text)["input_ids"]
        (found,) = _pieces_of_characters(tokenizer, [text], 999)
        assert len(found) == len(text)
        for sign, pieces in zip(text, found, strict=True):
            if sign.isspace():
                continue
            surfaces = [tokenizer.convert_ids_to_tokens(ids[piece]) for piece in pieces]
            if number == 1:  # Each piece is a byte.
                assert len(pieces) == len(sign.encode())
            elif surfaces and surfaces != [tokenizer.unk_token]:
                n_known += 1
                assert _bare(sign) in _bare("".join(surfaces).replace("#", "").replace("\u2581", " ")), (text, sign)
            assert unicodedata.category(sign) == "Mn" or surfaces, (text, sign)
    assert number == 1 or n_known > 25


def test_an_occurrence_behind_the_end_of_a_cut_text_does_not_count(tmp_path: Path) -> None:
    folder = save_family("bert", tmp_path / "bert")
    teacher = load_teacher(folder, 4)  # [CLS], two characters, [SEP]
    found = mean_states(teacher, ["很好酒店", "店"], [[(0, 0, 1), (1, 3, 4)], []], 2)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_a_word_that_the_tokenizer_drops_has_no_state(tmp_path: Path) -> None:
    folder = save_family("bert", tmp_path / "bert")
    found = states_alone(load_teacher(folder, POSITIONS), ["好", "\u0301"])
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    assert np.isnan(states_alone(load_teacher(folder, POSITIONS), ["", "\u0301"])).all()
    assert np.isnan(states_alone(load_teacher(folder, POSITIONS), [])).size == 0


def test_the_pretrained_encoder_has_the_states_of_the_checkpoint(tmp_path: Path) -> None:
    folder = save_family("bert", tmp_path / "bert")
    found = states_alone(load_pretrained(str(folder), POSITIONS), ["好"])
    np.testing.assert_allclose(found[0], states_by_hand(folder, "好", -1)[1], rtol=1e-5, atol=1e-5)


def test_what_an_encoder_does_not_have_is_refused_by_its_settings(folder: Path) -> None:
    refuse_unusable_encoder(folder, None, layer=2, dimension=WIDTH)
    with pytest.raises(
        ModelError, match=r"vectors.layer must be 0 to 2, the layers of the teacher .*, but got layer=3"
    ):
        refuse_unusable_encoder(folder, None, layer=3, dimension=4)
    with pytest.raises(
        ModelError, match=rf"vectors.dimension must be <= {WIDTH}, the hidden size .*, but got dimension=17"
    ):
        refuse_unusable_encoder(folder, None, layer=None, dimension=17)


def test_a_layer_that_the_encoder_does_not_have_is_refused_when_it_is_asked(teacher: Teacher) -> None:
    with pytest.raises(ModelError, match=r"vectors.layer must be 0 to 2"):
        states_alone(teacher, ["好"], 3)
