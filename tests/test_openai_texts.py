"""Texts that come in pieces and out of step, and the items that wait for theirs."""

from bmv.call.translator import Captioned, CaptionKind
from bmv.translators.openai_texts import MOST_KEPT, Owed, Texts


def test_pieces_of_one_text_are_joined_as_they_are_and_texts_are_parted() -> None:
    texts = Texts(CaptionKind.ORIGINAL)
    pieces = [("a", "Bue"), ("a", ""), ("a", "nas."), ("b", "Adi"), ("b", "ós.")]
    found = [caption for text_id, piece in pieces for caption in texts.add(text_id, piece)]
    assert "".join(caption.text for caption in found) == "Buenas. Adiós."
    assert {caption.kind for caption in found} == {CaptionKind.ORIGINAL}


def test_a_whole_text_counts_only_if_its_pieces_did_not_come() -> None:
    texts = Texts(CaptionKind.TRANSLATION)
    assert list(texts.complete("a", "Hello.")) == [Captioned(CaptionKind.TRANSLATION, "Hello.")]
    assert list(texts.add("b", "Bye.")) == [Captioned(CaptionKind.TRANSLATION, " Bye.")]
    assert list(texts.complete("b", "Bye.")) == []
    assert list(texts.complete("c", "")) == []


def test_without_texts_an_item_goes_when_it_is_answered() -> None:
    owed = Owed(transcribed=False)
    assert owed.answered("a") == ["a"]


def test_an_item_goes_when_it_is_answered_and_its_text_is_there_whichever_comes_first() -> None:
    owed = Owed(transcribed=True)
    assert owed.answered("a") == []
    assert owed.arrived("a") == ["a"]
    assert owed.arrived("a") == []
    assert owed.arrived("b") == []
    assert owed.answered("b") == ["b"]


def test_texts_that_never_come_do_not_keep_items_for_ever() -> None:
    owed = Owed(transcribed=True)
    for number in range(MOST_KEPT):
        assert owed.answered(f"item_{number}") == []
    assert owed.answered("one more") == ["item_0"]
    assert owed.arrived("item_0") == []
    assert owed.arrived("item_1") == ["item_1"]
    assert owed.answered("another") == []
