"""
Ways of writing that have let others in before: none is in the source but those that are listed
here, each with its reason.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

OURS = ("accounts", "chats", "messaging", "presence", "moderation", "messenger")
PAGES = ("templates", "static", "clients/javascript")
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|ALTER|DROP|CREATE|TRUNCATE|SET)\s")


@dataclass(frozen=True)
class Rule:
    """`pattern` is in no file with one of `suffixes` but the `allowed`: {file: (times, reason)}."""

    pattern: str
    suffixes: tuple[str, ...] = (".py",)
    folders: tuple[str, ...] = OURS
    allowed: dict[str, tuple[int, str]] = field(default_factory=dict)


RULES = {
    "HTML that nobody escaped": Rule(
        r"mark_safe|SafeString\(|__html__|\|\s*safe\b|autoescape off",
        (".py", ".html"),
        (*OURS, "templates"),
    ),
    "HTML from a script": Rule(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function",
        (".js", ".mjs", ".html"),
        PAGES,
    ),
    "inline scripts and styles": Rule(
        r"<script(?![^>]*\bsrc=)|<style\b|\sstyle=|\son\w+=|javascript:", (".html",), PAGES
    ),
    "SQL beside the query": Rule(r"\.extra\(|RawSQL|\.raw\("),
    "a form without its token": Rule(
        r"csrf_exempt",
        allowed={"messenger/urls.py": (2, "the language of a page; it changes nothing else")},
    ),
    "a row without asking who may see it": Rule(
        r"objects\.get\(",
        allowed={
            "accounts/selectors.py": (1, "people are known to everybody"),
            "messaging/services.py": (1, "of a message that message_for has let through"),
            "moderation/export.py": (1, "the person whose data it is"),
            "moderation/staff.py": (1, "a group of moderators, by its name"),
        },
    ),
    "messages into the layer past the doorbell": Rule(
        r"\bgroup_send(_many)?\(",
        allowed={
            "messenger/realtime/doorbell.py": (1, "events, of services"),
            "messenger/realtime/layer.py": (1, "its definition"),
            "messenger/realtime/relay.py": (2, "events, of services"),
        },
    ),
    "code from data": Rule(r"\bpickle\b|\bmarshal\b|yaml\.load\(|\b(eval|exec)\(|__import__\("),
    "other programs": Rule(r"\bsubprocess\b|os\.system|os\.popen"),
    "chance that can be guessed": Rule(r"^\s*(import random\b|from random import)"),
    "certificates that nobody looks at": Rule(r"verify=False|CERT_NONE|check_hostname\s*=\s*False"),
    "tokens that are not signed": Rule(r"verify_signature|alg\W+none\b"),
    "requests of the server's own": Rule(r"\b(requests|httpx|urlopen)\b\.?\("),
}


def files(root: Path, rule: Rule) -> Iterator[Path]:
    for folder in rule.folders:
        for path in sorted((root / folder).rglob("*")):
            kept = path.suffix in rule.suffixes and "node_modules" not in path.parts
            if kept and "migrations" not in path.parts:
                yield path


@pytest.mark.parametrize("name", RULES)
def test_it_is_not_written_but_where_it_may_be(root: Path, name: str) -> None:
    rule = RULES[name]
    pattern = re.compile(rule.pattern, re.MULTILINE)
    found = {
        str(path.relative_to(root)): count
        for path in files(root, rule)
        if (count := len(pattern.findall(path.read_text())))
    }
    assert found == {path: times for path, (times, _) in rule.allowed.items()}
    assert all(reason for _, reason in rule.allowed.values())


# What is put into SQL there is written in the source, never sent by anybody.
PUT_TOGETHER = {
    "messaging/stats.py": "the same part twice",
    "messenger/checks/stores.py": "a sentence for who reads the check",
    "presence/services.py": "one placeholder for each row",
    "messenger/bulk.py": "names of columns and types, of our models",
    "messenger/locks.py": "the names of two settings",
}


def sql_put_together(tree: ast.AST) -> list[int]:
    """The lines where SQL is made of pieces: f"…", "…" % …, "…".format(…), "…" + …."""

    def text(node: ast.AST) -> str:
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        return "".join(
            str(part.value)
            for part in parts
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        )

    found = []
    for node in ast.walk(tree):
        pieces: ast.AST | None = None
        if isinstance(node, ast.JoinedStr) and any(
            isinstance(part, ast.FormattedValue) for part in node.values
        ):
            pieces = node
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            pieces = node.left
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "format"
        ):
            pieces = node.func.value
        if pieces is not None and SQL.search(text(pieces)):
            found.append(node.lineno)  # type: ignore[attr-defined]
    return found


def test_sql_is_not_put_together_from_what_clients_send(root: Path) -> None:
    found = {
        str(path.relative_to(root))
        for path in files(root, Rule(""))
        if sql_put_together(ast.parse(path.read_text()))
    }
    assert found == set(PUT_TOGETHER)


@pytest.mark.parametrize(
    "line",
    ['f"SELECT {x}"', '"DELETE FROM t WHERE id = %s" % x', '"SELECT {}".format(x)',
     '"UPDATE t SET a = " + x'],
)  # fmt: skip
def test_sql_in_pieces_is_found(line: str) -> None:
    assert sql_put_together(ast.parse(line)) == [1]
    assert sql_put_together(ast.parse('cursor.execute("SELECT %s", [x])')) == []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("HTML that nobody escaped", "{{ text|safe }}"),
        ("HTML from a script", "box.innerHTML = text"),
        ("inline scripts and styles", "<p onclick='go()'>"),
        ("inline scripts and styles", "<script>go()</script>"),
        ("SQL beside the query", "Message.objects.extra(where=[x])"),
        ("a row without asking who may see it", "Chat.objects.get(id=id)"),
        ("messages into the layer past the doorbell", "await layer.group_send(name, frame)"),
        ("chance that can be guessed", "import random"),
        ("tokens that are not signed", 'options={"verify_signature": False}'),
    ],
)
def test_a_rule_finds_what_it_is_for(name: str, line: str) -> None:
    assert re.search(RULES[name].pattern, line, re.MULTILINE)
    assert not re.search(RULES["inline scripts and styles"].pattern, '<script src="x.js"></script>')
