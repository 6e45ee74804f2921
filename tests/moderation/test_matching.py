"""What the patterns of rules find, what they leave alone, and how long that takes."""

import random
from functools import partial
from time import process_time
from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.content import MAX_TEXT
from moderation.matching import MAX_LINES, MAX_PROBLEMS, MAX_SHOWN, Matcher, problems
from tests.moderation.test_letters import few, texts

pytestmark = pytest.mark.once


def found(kind: str, patterns: str, text: str) -> str | None:
    """What a rule with these patterns shows of a text; None if it finds nothing."""
    matches = Matcher([(7, kind, patterns)]).find(text)
    assert [match.rule_id for match in matches] in ([], [7])
    return matches[0].matched if matches else None


words = partial(found, "words")
links = partial(found, "links")


@pytest.mark.parametrize(
    ("patterns", "text", "shown"),
    [
        ("хам", "Ты хам, и точка", "хам"),
        ("хам", "ХАМ!", "ХАМ"),
        ("хам", "(хам)", "хам"),
        ("хам", "хам-трамвай", "хам"),
        ("спам*", "не надо спамить тут", "спамить"),
        ("спам*", "спам", "спам"),
        ("*спам", "антиспам", "антиспам"),
        ("*спам*", "антиспамер", "антиспамер"),
        ("купи слона", "Купи, СЛОНА!", "Купи, СЛОНА"),
        ("купи\nслон*", "у слонов", "слонов"),
        ("дешевле не найд*", "дешевле  не\nнайдёте", "дешевле  не\nнайдёте"),
        ("кое-что", "кое-что", "кое-что"),
        ("don't", "Don’t", "Don’t"),
        ("1xbet", "1XBET тут", "1XBET"),
        # Runs.
        ("спам", "спаааам", "спаааам"),
        ("ass", "assssss", "assssss"),
        ("ass", "aaass", "aaass"),
        ("спам*", "спамммить", "спамммить"),
        ("*ппа*", "группам", "группам"),
        # Letter by letter.
        ("спам", "это с п а м тут", "с п а м"),
        ("спам", "с.п.а.м", "с.п.а.м"),
        ("спам", "с-п-а-м!", "с-п-а-м"),
        ("спам", "с_п_а_м", "с_п_а_м"),
        ("спам", "с . п - а * м", "с . п - а * м"),
        ("спам", "с\nп\nа\nм", "с\nп\nа\nм"),
        ("спам", "и с п а м", "с п а м"),
        ("спам", "с п а м и точка", "с п а м"),
        ("спам", "с п а м   и д ё т", "с п а м"),
        ("спам*", "с п а м и т ь", "с п а м и т ь"),
        ("спам", "с п п п а м", "с п п п а м"),
        # Other letters.
        ("сука", "cyka", "cyka"),
        ("спам", "с\u200bп\u200bам", "с\u200bп\u200bам"),
        ("спам", "СП4М", "СП4М"),
        ("спам", "с п 4 м", "с п 4 м"),
        ("купи слона", "купи сл0на", "купи сл0на"),
        ("он не купи слона", "$ он, не  купи сл0на", "он, не  купи сл0на"),
        ("shit", "$h!t!", "$h!t"),
        ("ёлка", "елка", "елка"),
        ("елка", "Ёлка", "Ёлка"),
    ],
)
def test_words_are_found_however_they_are_written(patterns: str, text: str, shown: str) -> None:
    assert words(patterns, text) == shown


@pytest.mark.parametrize(
    ("patterns", "text"),
    [
        ("хам", "хамелеон"),
        ("хам", "мухам"),
        ("хам*", "мухам"),
        ("*хам", "хамелеон"),
        ("залупу", "за лупу"),
        ("спам", "сп ам"),
        ("спам", "спа.м"),
        ("спам", "с-пам"),
        ("хам", "х а м е л е о н"),
        ("он", "о н"),
        ("ass", "as"),
        ("as", "ass"),
        ("спам", "спамм"),
        ("купи слона", "купислона"),
        ("купи слона", "купи большого слона"),
        ("купи слона", "слона купи"),
        # Of a spelled word not only those letters that are near a disguised one.
        ("а б в слон\nхам", "л о х а м сл0н"),
        # What is between two disguised words is between them.
        ("купи слона", "куп1 мне сл0на"),
        ("привет", "приветствую"),
        ("# спам", "спам"),
        ("мои", "мой"),
        ("спам", ""),
        ("спам", "!!! ... 123"),
    ],
)
def test_words_that_are_others_are_left_alone(patterns: str, text: str) -> None:
    assert words(patterns, text) is None


@pytest.mark.parametrize(
    ("patterns", "text", "shown"),
    [
        ("example.com", "see EXAMPLE.com now", "EXAMPLE.com"),
        ("example.com", "https://example.com/path?q=1", "example.com"),
        ("example.com", "a.b.example.com", "a.b.example.com"),
        ("example.com", "www.example.com.", "www.example.com"),
        ("https://www.example.com/", "example.com", "example.com"),
        ("example.com", "bob@example.com", "example.com"),
        ("example.com", "https://good.org@example.com/", "example.com"),
        ("example.com", "good.org/?to=example.com", "example.com"),
        ("example.com", "Смотри example.com.Там всё", "example.com.Там"),
        ("example.com", "example . com", "example . com"),
        ("example.com", "example[.]com", "example[.]com"),
        ("example.com", "example (dot) com", "example (dot) com"),
        ("example.com", "example dot com", "example dot com"),
        ("example.com", "exаmрle.com", "exаmрle.com"),
        ("example.com", "exam\u200bple.com", "exam\u200bple.com"),
        ("example.com", "ｅｘａｍｐｌｅ。ｃｏｍ", "ｅｘａｍｐｌｅ。ｃｏｍ"),
        ("example.com", "_example.com_", "_example.com_"),
        ("пример.рф", "ПРИМЕР.РФ", "ПРИМЕР.РФ"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
        ("xn--e1afmkfd.xn--p1ai", "пример точка рф", "пример точка рф"),
        ("*.пример.рф", "пример[.]рф", "пример[.]рф"),
        ("*", "вот http://1.2.3.4/x тут", "1.2.3.4"),
        ("*", "https://localhost", "localhost"),
        ("*", "пиши на t.me/bob сейчас", "t.me"),
        ("*", "сайт xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
        ("*", "пример точка рф", "пример точка рф"),
        ("*\n!good.org", "good.org и bad.org", "bad.org"),
        ("*\n!good.org", "https://good.org@bad.zzz/", "bad.zzz"),
        # What only looks like the exception.
        ("*\n!good.org", "gооd.org", "gооd.org"),
        ("*\n!good.org", "goód.org", "goód.org"),
        ("example.com\n!ok.example.com", "example.com", "example.com"),
    ],
)
def test_links_are_found_however_they_are_written(patterns: str, text: str, shown: str) -> None:
    assert links(patterns, text) == shown


@pytest.mark.parametrize(
    ("patterns", "text"),
    [
        ("example.com", "notexample.com"),
        ("example.com", "example.org"),
        ("example.com", "example-com"),
        ("example.com", "for example, com"),
        ("пример.рф", "пример рф"),
        ("*", "Привет. Как дела? В 18.30 и т.д."),
        ("*", "Пошли в магазин. Me too"),
        ("*", "версия 1.2.3, файл.текст"),
        ("*", "http://"),
        ("пример.рф", "xn--ж.рф xn--99999999a.рф"),
        ("*\n!good.org", "https://good.org/bad.com?x=evil.net и a.good.org"),
        ("*\n!пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("example.com\n!ok.example.com", "ok.example.com"),
        ("!example.com", "other.com"),
        ("# example.com", "example.com"),
    ],
)
def test_links_that_are_others_are_left_alone(patterns: str, text: str) -> None:
    assert links(patterns, text) is None


def test_each_rule_says_once_what_it_found() -> None:
    matcher = Matcher(
        [
            (3, "words", "хам\nхам*\nслон"),
            (1, "links", "*"),
            (2, "words", "слон"),
            (4, "words", "кит"),
        ]
    )
    assert matcher.find("слон ХАМ a.ru слон хам") == [(1, "a.ru"), (2, "слон"), (3, "слон")]


def test_little_is_shown_of_something_long() -> None:
    assert words("спам*", "спам" + "ы" * 4000) == "спам" + "ы" * (MAX_SHOWN - 4)


@pytest.mark.parametrize(
    ("kind", "patterns", "told"),
    [
        ("words", "", "say what to look for, one on each line"),
        ("links", "# a note\n!example.com", "say what to look for, one on each line"),
        ("words", "спам\n*\nхам", "line 2: at least 2 letters"),
        ("words", "# note\n\nа*", "line 3: at least 2 letters"),
        ("words", "с*ам", "line 1: a * only at the beginning or the end"),
        ("words", "18+", "line 1: letters, digits and blanks only: other signs are not looked at"),
        ("words", "x" * 101, "line 1: no more than 100 characters"),
        ("words", "ab\n" * (MAX_LINES + 1), "no more than 2000 lines"),
        ("links", "example", "line 1: a domain and nothing else, such as example.com"),
        ("links", "example.com/x", "line 1: a domain and nothing else, such as example.com"),
        ("links", "*.com*", "line 1: a domain and nothing else, such as example.com"),
        ("links", "bob@example.com", "line 1: a domain and nothing else, such as example.com"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_said_with_its_line(
    kind: str, patterns: str, told: str
) -> None:
    assert [str(problem) for problem in problems(kind, patterns)] == [told]


def test_of_very_many_problems_the_first_are_told() -> None:
    assert len(problems("words", "*\n" * 100)) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("kind", "patterns"),
    [
        ("words", "спам*\n# note\n\nкупи слона\n*кое-что*\ndon't\n1xbet"),
        ("links", "*\n!example.com\nпример.рф\nxn--e1afmkfd.xn--p1ai\nhttps://www.a.com/\n*.b.com"),
    ],
)
def test_nothing_is_wrong_with_others(kind: str, patterns: str) -> None:
    assert problems(kind, patterns) == []


@few
@given(st.lists(texts), texts)
def test_any_patterns_can_be_looked_for_in_any_text(lines: list[str], text: str) -> None:
    patterns = "\n".join(lines)
    matcher = Matcher([(1, "words", patterns), (2, "links", patterns), (3, "links", "*\n!a.ru")])
    for match in matcher.find(text):
        assert match.matched and match.matched in text


PROSE = ("Кто сегодня варит кофе? Я уже варю, будет минут через пять. " * 70)[:MAX_TEXT]
HOSTILE = [
    "a.0.!.$.3.",
    "0!$3a ",
    "133!3!а !1!. б",
    "и а б  с ",
    "а",
    "аб",
    "а.",
    "а б ",
    "а б в г ",
    "1а",
    "а1а3а4$ ",
    "с.п.4.м.",
    "1 3 4 $ а ",
    "a.ru ",
    "http://",
    "http://a@",
    "-a",
    " ",
    ".",
    "a. ",
    "a .b",
    "[.]",
    "a[.]",
    "xn--a.",
    "a dot ",
    "и\u0306",
    "!|@$",
    "\ufdfa",
    "ﬃ",
]


def test_a_disguised_word_is_found_after_prose_of_any_length_and_among_many_others() -> None:
    assert words("спам", PROSE + " сп4м") == words("спам", "сл0во " * 90 + "сп4м") == "сп4м"


def test_what_is_written_plainly_is_found_after_any_disguises() -> None:
    for hostile in HOSTILE:
        text = (hostile * MAX_TEXT)[:MAX_TEXT]
        assert words("спам", f"{text} и вот спам") == "спам", hostile


def test_no_text_takes_long() -> None:
    # Against what prose of the same length takes, at the same moment: a machine may be busy. What
    # is read in all ways takes thirty times as long, and what grows with the square hundreds.
    letters = random.Random(1)
    made = ["".join(letters.choices("абвгдежз", k=letters.randint(2, 9))) for _ in range(2000)]
    lines = [f"*{word}*" if number % 3 else word for number, word in enumerate(made)]
    phrases = Matcher([(1, "words", "\n".join([*lines, "раз два три четыре пять"]))])
    links = Matcher([(2, "links", "*\n!a.ru\nb.ru")])

    def cost(matcher: Matcher, text: str) -> float:
        find = partial(matcher.find, text)
        return min(repeat(find, number=1, repeat=3, timer=process_time))

    for matcher, most in ((phrases, 12), (links, 20)):
        for hostile in HOSTILE:
            text = (hostile * MAX_TEXT)[:MAX_TEXT]
            assert cost(matcher, text) < most * cost(matcher, PROSE), hostile
