"""
Sentences for people: `gettext_lazy` where they are written, and put into words where they are told,
in the language of whoever is told (docs/architecture.md, "Languages").
"""

from collections.abc import Iterable

from django.http import HttpRequest, parse_cookie
from django.utils import translation
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

Sentence = str | Promise
# The headers on which the language of an answer depends: see `language_of`.
LANGUAGE_FROM = ("Accept-Language", "Cookie")


def counted(singular: str, plural: str, number: int) -> Promise:
    """A sentence about `{number}` things: "no more than {number} characters"."""
    return format_lazy(ngettext_lazy(singular, plural, number), number=number)


def at_most(characters: int) -> Promise:
    return counted(
        "no more than {number} character", "no more than {number} characters", characters
    )


def one_of(words: Iterable[str]) -> Promise:
    """ "say group or private": the words themselves are the API's, in every language."""
    *rest, last = words
    if not rest:
        return format_lazy(_("say {word}"), word=last)
    return format_lazy(_("say {words} or {last}"), words=", ".join(rest), last=last)


def language_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """
    What a request or a handshake wants to be spoken to in, as Django's own middleware finds it: the
    language that somebody chose on a page of ours, else by `Accept-Language`, else LANGUAGE_CODE.
    """
    request = HttpRequest()
    for name, value in headers:
        if name == b"accept-language":
            request.META["HTTP_ACCEPT_LANGUAGE"] = value.decode("latin-1")
        elif name == b"cookie":
            request.COOKIES = parse_cookie(value.decode("latin-1"))
    return translation.get_language_from_request(request)
