"""The palette: what is written can be read, in light and in dark, and there is one only."""

import re
from pathlib import Path

import pytest
from django.test import Client

from tests.people import make_user

pytestmark = pytest.mark.once

COLOUR = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
BACKGROUNDS = ("page", "surface", "raised", "hover", "selected", "own", "other")
TEXTS = ["text", "quiet", "accent", "danger", "good", "warning"]
TEXTS += [f"person-{number}" for number in range(1, 7)]
EDGES = ["edge", "focus"]
FILLED = ("accent", "danger", "good")
# What draws in colours of its own: the mark, which is the same everywhere.
OWN = {"mark.svg"}


def palette(root: Path, scheme: int) -> dict[str, str]:
    """The colours by name: 0 is light, 1 is dark."""
    found = COLOUR.findall((root / "static" / "colours.css").read_text())
    return {name: both[scheme] for name, *both in found}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """As WCAG counts it."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_whatever_is_written_stands_out_from_whatever_it_stands_on(root: Path, scheme: int) -> None:
    colours = palette(root, scheme)
    low = [
        (name, behind)
        for names, least in ((TEXTS, 4.5), (EDGES, 3.0))
        for name in names
        for behind in BACKGROUNDS
        if contrast(colours[name], colours[behind]) < least
    ]
    low += [
        (f"on-{name}", name)
        for name in FILLED
        if contrast(colours[f"on-{name}"], colours[name]) < 4.5
    ]
    assert low == []


def test_black_on_white_is_as_much_as_there_is() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21


def test_no_other_file_has_colours_of_its_own(root: Path) -> None:
    wild = re.compile(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|\b(rgb|hsl)a?\(")
    found = {
        path.name
        for path in (root / "static").rglob("*")
        if path.suffix in (".css", ".svg") and wild.search(path.read_text())
    }
    assert found == {"colours.css", *OWN}


def test_every_colour_that_is_used_is_in_the_palette(root: Path) -> None:
    files = [*(root / "static").glob("*.css")]
    defined = {
        name for path in files for name in re.findall(r"(--[\w-]+):", path.read_text())
    } | admins_own(root)
    for path in files:
        used = set(re.findall(r"var\((--[\w-]+)", path.read_text()))
        assert used <= defined, path.name


def admins_own(root: Path) -> set[str]:
    """Names of Django's admin, which its pages of ours may use."""
    return set(re.findall(r"(--[\w-]+):", (root / "static" / "admin.css").read_text()))


def test_the_admin_and_the_pages_have_the_same_palette_and_mark(api: Client) -> None:
    api.force_login(make_user("olga", is_staff=True, is_superuser=True))
    for path in ("/", "/about", "/docs", "/docs/ws", "/admin/", "/admin/accounts/user/"):
        page = api.get(path).text
        assert "/static/colours.css" in page, path
        assert re.search('<link rel="icon"[^>]*href="/static/mark.svg"', page), path
    # After Django's own, or it would be Django's that count.
    admin = api.get("/admin/").text
    assert admin.index("admin/css/dark_mode.css") < admin.index("/static/colours.css")
