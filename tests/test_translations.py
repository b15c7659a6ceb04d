"""The shop speaks Chinese: every text of the code and the templates has its translation."""

import re
from pathlib import Path

import polib
import pytest
from babel.messages.extract import extract
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.utils.translation.template import templatize

PROJECT = Path(__file__).resolve().parent.parent
CATALOGUES = [Path(folder) / "zh_Hans" / "LC_MESSAGES" / "django.po" for folder in settings.LOCALE_PATHS]
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "N_": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2), "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3), "npgettext_lazy": ((1, "c"), 2, 3),
}  # fmt: skip
# What Django's templatize() leaves of a template: calls among XXX.
LITERAL = r"""(u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
# The first text; a context, where there is one, comes before it and is none.
CALL = re.compile(rf"\b(?:n?gettext\(|n?pgettext\({LITERAL}\s*,\s*){LITERAL}")
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")


def texts_of_code() -> dict[str, str]:
    found: dict[str, str] = {}
    for floor in ("shop", "distributors", "orders", "settings"):
        for path in sorted((PROJECT / floor).rglob("*.py")):
            with path.open("rb") as file:
                for line, message, _comments, _context in extract("python", file, KEYWORDS, (), {}):
                    single = message[0] if isinstance(message, tuple) else message
                    found.setdefault(single, f"{path.relative_to(PROJECT)}:{line}")
    return found


def texts_of_templates() -> dict[str, str]:
    found: dict[str, str] = {}
    folders = [PROJECT / "frontend" / "templates", *(PROJECT / floor for floor in ("shop", "distributors", "orders"))]
    for folder in folders:
        for path in sorted([*folder.rglob("*.html"), *folder.rglob("*.txt")]):
            for _context, literal in CALL.findall(templatize(path.read_text(encoding="utf-8"), origin=str(path))):
                text = literal.lstrip("u")[1:-1].replace("\\'", "'").replace('\\"', '"').replace("\\n", "\n")
                found.setdefault(text, str(path.relative_to(PROJECT)))
    return found


@pytest.fixture(scope="module")
def entries() -> list[polib.POEntry]:
    return [entry for path in CATALOGUES for entry in polib.pofile(str(path)).translated_entries()]


def test_every_text_is_translated(entries: list[polib.POEntry]) -> None:
    translated = {entry.msgid for entry in entries}
    missing = {
        text: place
        for text, place in (texts_of_code() | texts_of_templates()).items()
        if text and text not in translated
    }
    assert missing == {}


def test_translations_fill_in_only_what_the_text_has(entries: list[polib.POEntry]) -> None:
    broken = {}
    for entry in entries:
        known = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural))
        for text in [entry.msgstr, *entry.msgstr_plural.values()]:
            if not set(PLACEHOLDER.findall(text)) <= known:
                broken[entry.msgid] = text
    assert broken == {}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parents[2].name)
def test_translations_are_compiled(path: Path) -> None:
    """What is compiled is what is written: `manage.py compile_locale` ran after the last change."""
    written = {(entry.msgctxt, entry.msgid): entry.msgstr for entry in polib.pofile(str(path)).translated_entries()}
    compiled = {(entry.msgctxt, entry.msgid): entry.msgstr for entry in polib.mofile(str(path.with_suffix(".mo")))}
    assert compiled == written


def test_django_speaks_it() -> None:
    with override("zh-hans"):
        assert _("Save") == "保存"
    assert settings.LANGUAGE_CODE == "zh-hans"
