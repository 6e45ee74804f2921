"""
Looking for domains and links, however they are spelled: "Example.COM", "xn--e1afmkfd.рф",
"пример[.]рф", "пример точка рф", "еxample.com" with a Cyrillic letter.

An exception is taken at its word: what only looks like it is no exception.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from moderation import letters

Span = tuple[int, int]

# Countries', and of the others those that are met and seldom begin a sentence. A link with a scheme
# needs none of them.
_ENDINGS = """
    ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt
    bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er
    es et eu fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht
    hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr
    ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng
    ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd
    se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw
    tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw

    com net org info biz pro mobi tel asia travel xxx edu gov mil int app dev page site online store
    shop blog club xyz top icu vip win bid loan space website tech host press fun click email cloud
    digital media news agency center company group zone money casino bet poker game games dating
    sexy sex porn adult cam chat social network global academy guru ninja rocks wiki design studio
    photo photos video movie moscow buzz cash credit finance market trade trading stream download
    systems support services solutions software lol wtf monster quest cyou cfd sbs lat ltd llc inc
    legal tips tools review reviews racing party science faith cricket webcam accountant

    рф бел укр рус срб мкд мон бг ею қаз москва онлайн сайт дети орг ком
"""
TOP_LEVEL = frozenset(_ENDINGS.split())
DOT = "[.\u3002]"
_SAID = "(?:dot|точка|тчк)"
# A dot as it is, in brackets, in words; of prose, after which a sentence begins.
BETWEEN = rf" ?[\[({{<] ?(?:{DOT}|{_SAID}) ?[\])}}>] ?| {{1,3}}{_SAID} {{1,3}}| ?{DOT} ?"
SEPARATOR = re.compile(BETWEEN)
OF_PROSE = re.compile(rf" {DOT} ?|{DOT} ")
HOST = re.compile(rf"(?<![\w-])[\w-]++(?:(?:{BETWEEN})[\w-]++)++")
URL = re.compile(r"(?:https?|hxxps?|ftp|tg)://([^\s/?#\\]++)\S*+")
REST_OF_LINK = re.compile(r"(?::\d+)?[/?#]\S*+")
PUNYCODE = "xn--"
MAX_LABEL, MAX_LABELS = 63, 10


class Found(NamedTuple):
    """A link in a text: all of it, and the part that names the host."""

    span: Span
    host: Span


class Links:
    """All domains of all rules: `patterns` are pairs of a rule's id and a line of it."""

    def __init__(self, patterns: Iterable[tuple[int, str]]) -> None:
        self._domains: dict[str, list[int]] = defaultdict(list)
        self._any: set[int] = set()
        self._exceptions: dict[int, set[str]] = defaultdict(set)
        for rule_id, line in patterns:
            if line == "*":
                self._any.add(rule_id)
            elif line.startswith("!"):
                if (labels := domain(line[1:])) is not None:
                    self._exceptions[rule_id].add(".".join(labels))
            elif (labels := domain(line)) is not None:
                self._domains[_looks(labels)].append(rule_id)
        self._lengths = sorted({name.count(".") + 1 for name in self._domains})

    def find(self, text: str, plain: str) -> dict[int, Span]:
        """By the id of each rule that it goes against, which part of the plain text does."""
        if not self._domains and not self._any:
            return {}
        found: dict[int, Span] = {}
        hosts = _Hosts(text)
        matches = list(HOST.finditer(plain))
        for match in matches:
            for rule_id in self._named(match[0]):
                if rule_id not in found and not self._excepted(rule_id, hosts, match.span()):
                    found[rule_id] = match.span()
        if self._any:
            links = _links(plain, matches)
            for rule_id in self._any - found.keys():
                for link in links:
                    if not self._excepted(rule_id, hosts, link.host):
                        # What comes after it may be a secret, and is nobody's business.
                        found[rule_id] = link.host
                        break
        return found

    def _named(self, host: str) -> Iterator[int]:
        """
        The rules with this domain or one above it. It may end before the host does, where a
        sentence follows without a blank: "example.com.Thanks".
        """
        labels = [_look(label) for label in SEPARATOR.split(host)]
        for start in range(len(labels)):
            for length in self._lengths:
                if start + length > len(labels):
                    break
                yield from self._domains.get(".".join(labels[start : start + length]), ())

    def _excepted(self, rule_id: int, hosts: "_Hosts", host: Span) -> bool:
        exceptions = self._exceptions.get(rule_id)
        if not exceptions:
            return False
        labels = hosts.exact(host)[-MAX_LABELS:]
        return any(".".join(labels[start:]) in exceptions for start in range(len(labels)))


class _Hosts:
    """The hosts of a text as they are, where what they look like is not enough."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: list[int] | None = None

    def exact(self, host: Span) -> list[str]:
        if self._places is None:
            self._places = letters.positions(self._text)
        return _exact(letters.written(self._text, self._places, *host))


def domain(line: str) -> list[str] | None:
    """The labels of a domain, however it is spelled; None for what is none."""
    line = re.sub(r"^(?:[a-z]+://)?(?:\*\.)?(?:www\.)?", "", line.strip().lower())
    labels = _exact(line.removesuffix("/").removesuffix("."))
    sound = all(re.fullmatch(r"[^\W_](?:[\w-]*[^\W_])?", label) for label in labels)
    return labels if sound and 2 <= len(labels) <= MAX_LABELS else None


def _links(plain: str, hosts: Sequence[re.Match[str]]) -> list[Found]:
    """What is a link by its scheme or by the end of its name, in the order of the text."""
    links: list[Found] = []
    for match in URL.finditer(plain):
        # Before an @ anything may stand, and after a colon the port.
        start = match.start(1) + match[1].rfind("@") + 1
        end = start + len(plain[start : match.end(1)].partition(":")[0])
        if start < end:
            links.append(Found(match.span(), (start, end)))
    within = [link.span for link in links]
    last = 0
    for match in hosts:
        for start, end in _tight(plain, *match.span()):
            while within and within[0][1] <= start:
                within.pop(0)
            if start < last or (within and within[0][0] <= start):
                continue
            labels = SEPARATOR.split(plain[start:end])
            if any(_decoded(label.strip("-_")) in TOP_LEVEL for label in labels[1:]):
                rest = REST_OF_LINK.match(plain, end)
                last = rest.end() if rest else end
                links.append(Found((start, last), (start, end)))
    return sorted(links)


def _tight(plain: str, start: int, end: int) -> Iterator[Span]:
    """The parts of what may be a host without the dots after which sentences begin."""
    for dot in SEPARATOR.finditer(plain, start, end):
        if OF_PROSE.fullmatch(dot[0]):
            yield start, dot.start()
            start = dot.end()
    yield start, end


def _exact(host: str) -> list[str]:
    """The labels of a host as they are looked up in the DNS, more or less."""
    whole = unicodedata.normalize("NFKC", host).lower()
    return [_decoded(label.strip("-_")) for label in SEPARATOR.split(whole)]


def _looks(labels: Iterable[str]) -> str:
    return ".".join([_look(label) for label in labels])


def _look(label: str) -> str:
    label = _decoded(label.strip("-_"))
    return label if label.isascii() else letters.fold(label)


def _decoded(label: str) -> str:
    """Of a label in punycode what it stands for."""
    if not label.startswith(PUNYCODE) or len(label) > MAX_LABEL:
        return label
    try:
        return label.removeprefix(PUNYCODE).encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
