"""What looks the same is the same, and what was found is shown as it was written."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation import letters
from moderation.readings import EXTRA, Piece, readings

pytestmark = pytest.mark.once

few = settings(
    max_examples=150,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Any characters, and often those that something is done about.
texts = st.text(
    st.one_of(
        st.characters(exclude_categories=()),
        st.sampled_from("иИйёЁ\u0306\u0308\u200b\u00ad\ufe0f01345689@$!|. -ﬃﷺßİΐ\ud800"),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("СПАМ", "спам"),
        ("ёлка", "Елка"),
        ("сука", "cyka"),
        ("СУКА", "CYKA"),
        ("Ηοrse", "horse"),
        ("раураl", "paypal"),
        ("ｓｐａｍ", "spam"),
        ("𝓼𝓹𝓪𝓶", "spam"),
        ("ѕраm", "spam"),
        ("sp\u200bam", "spam"),
        ("s\u00adp\u2060a\ufeffm", "spam"),
        ("s\x01pam", "spam"),
        ("s̶p̶a̶m̶", "spam"),
        ("spám", "spam"),
        ("спа́м", "спам"),
        ("и\u0306од", "йод"),
        ("И\u0306ОД", "йод"),
        ("straße", "strasse"),
        ("ﬃ", "ffi"),
    ],
)
def test_what_looks_the_same_is_the_same(one: str, other: str) -> None:
    assert letters.fold(one) == letters.fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("мой", "мои"), ("зло", "ело"), ("чай", "аай"), ("mail", "mall")]
)
def test_other_letters_are_others(one: str, other: str) -> None:
    assert letters.fold(one) != letters.fold(other)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("сп4м", "спам"),
        ("4ушь", "чушь"),
        ("3ло", "зло"),
        ("х3р", "хер"),
        ("6ред", "бред"),
        ("$hit", "shit"),
        ("sh!t", "shit"),
        ("$ука", "сука"),
        ("k1ll", "kill"),
        ("ki11", "kill"),
        ("@ss", "ass"),
        ("8ред", "вред"),
        ("с.п.4.м", "с.п.а.м"),
        ("s p @ m", "s p a m"),
        ("это сп4м и 100 рублей", "это спам и 100 рублей"),
    ],
)
def test_digits_and_signs_among_letters_are_read_as_letters(written: str, meant: str) -> None:
    said = list(readings(letters.fold(written), around=9))
    assert [Piece(0, letters.fold(meant))] in said


@pytest.mark.parametrize("text", ["Привет!", "в 18:30", "100 $", "a|", "Да! Нет!", "3.14", ""])
def test_numbers_and_the_ends_of_sentences_are_what_they_are(text: str) -> None:
    assert list(readings(letters.fold(text))) == []


@few
@given(texts)
def test_every_letter_has_its_place_in_the_text(text: str) -> None:
    plain, places = letters.plain(text), letters.positions(text)
    assert len(places) == len(plain) == len(letters.fold(text))
    assert places == sorted(places) and all(0 <= place < len(text) for place in places)
    for start in range(len(plain)):
        written = letters.written(text, places, start, len(plain))
        assert written and written in text
        assert letters.plain(written).endswith(plain[start:])


@few
@given(texts)
def test_a_folded_text_is_folded(text: str) -> None:
    for form in (letters.plain, letters.fold):
        assert form(form(text)) == form(text)


def test_only_what_is_read_otherwise_is_read_again() -> None:
    text = letters.fold("просто слова сп4м и ещё много слов, $hit")
    found = [[text for _start, text in reading] for reading in readings(text)]
    assert found == [[letters.fold("спам"), "shit"], [letters.fold("спчм"), "chit"]]
    beside = [text for _start, text in next(readings(text, around=1))]
    assert beside == [letters.fold("слова спам и"), letters.fold("слов, shit")]


@few
@given(texts, st.integers(0, 5), st.integers(1, 400))
def test_the_readings_are_few_and_have_a_budget(text: str, around: int, times: int) -> None:
    folded = letters.fold(text) * times
    found = list(readings(folded, around=around))
    assert len(found) <= 8
    assert sum(len(text) for reading in found for _start, text in reading) <= EXTRA
    for reading in found:
        last = 0
        for start, text in reading:
            assert text and last <= start
            last = start + len(text)
        assert last <= len(folded)


def test_what_was_found_is_shown_with_its_marks() -> None:
    text = "x И\u0306о\u0301\u200bд\u0301 y"
    places = letters.positions(text)
    start = letters.plain(text).index("йод")
    assert letters.written(text, places, start, start + 3) == "И\u0306о\u0301\u200bд\u0301"
    assert letters.written(text, places, start, start) == ""
