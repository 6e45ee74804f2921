"""
`manage.py texts`: bring the Russian catalogue up to date with the code, and compile it.

New sentences come without a translation, those that are gone go. `tests/project` says what is
missing. Needs Babel (requirements-dev.txt), and no gettext on the machine.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import templatize

LANGUAGE = "ru"
# What marks a sentence, and which of its arguments are ones.
MARKS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), (1,)),
    **dict.fromkeys(("ngettext", "ngettext_lazy", "counted"), (1, 2)),
}
# What Django REST framework may say here, and knows no Russian of.
BORROWED = (
    "Not a valid string.",
    "Surrogate characters are not allowed: U+{code_point:X}.",
    "Ensure this field has no more than {max_length} elements.",
)


class Command(BaseCommand):
    help = "Update and compile the catalogue of translations (needs Babel)."

    def handle(self, *args: Any, **options: Any) -> None:
        catalogue = updated()
        po, mo = paths()
        po.parent.mkdir(parents=True, exist_ok=True)
        po.write_bytes(written(catalogue))
        mo.write_bytes(compiled(catalogue))
        missing = [message.id for message in catalogue if message.id and not translated(message)]
        self.stdout.write(f"{len(catalogue)} sentences, {len(missing)} without a translation.")


def paths() -> tuple[Path, Path]:
    """The catalogue, and the same as the server reads it."""
    folder = Path(settings.LOCALE_PATHS[0]) / LANGUAGE / "LC_MESSAGES"
    return folder / "django.po", folder / "django.mo"


def marked() -> Iterator[tuple[str, Any]]:
    """(file, sentence) of all that is marked in our code and templates; a plural is two."""
    from babel.messages.extract import extract

    yield from (("rest_framework", sentence) for sentence in BORROWED)
    base = Path(settings.BASE_DIR)
    own = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == base]
    sources = {path: path.read_text() for folder in own for path in folder.rglob("*.py")}
    for path in (base / "templates").rglob("*.html"):
        # As Python, whose indentation is not that of the page.
        lines = templatize(path.read_text(), origin=str(path)).splitlines()
        sources[path] = "\n".join(line.strip() for line in lines)
    for path, source in sorted(sources.items()):
        name = path.relative_to(base).as_posix()
        found = extract("python", io.BytesIO(source.encode()), MARKS)
        yield from ((name, sentence) for _, sentence, _, _ in found)


def read() -> Any:
    """The catalogue as it is."""
    from babel.messages.pofile import read_po

    po, _ = paths()
    with po.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def updated() -> Any:
    """The catalogue as it should be: the sentences of now, with what is translated of them."""
    from babel.messages.catalog import Catalog

    old = read() if paths()[0].exists() else Catalog(locale=LANGUAGE)
    new = Catalog(
        locale=LANGUAGE,
        header_comment="# The Russian of all sentences for people. `manage.py texts` updates it.",
        project="Messenger",
        version="1",
        msgid_bugs_address="-",
        last_translator="-",
        language_team="ru",
        creation_date=old.creation_date,
        revision_date=old.creation_date,
        fuzzy=False,
    )
    for name, sentence in marked():
        known: Any = old.get(sentence[0] if isinstance(sentence, tuple) else sentence)
        same = known is not None and known.id == sentence
        new.add(sentence, known.string if same else "", [(name, 0)])
    return new


def translated(message: Any) -> bool:
    """Whether there is a translation, in every plural form."""
    forms = message.string if isinstance(message.string, tuple) else (message.string,)
    return all(forms) and not message.fuzzy


def written(catalogue: Any) -> bytes:
    from babel.messages.pofile import write_po

    file = io.BytesIO()
    write_po(file, catalogue, width=100, sort_output=True, include_lineno=False)
    return file.getvalue()


def compiled(catalogue: Any) -> bytes:
    from babel.messages.mofile import write_mo

    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()
