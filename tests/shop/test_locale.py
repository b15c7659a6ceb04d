"""The Chinese catalogue: whole, with the same blanks as the English text."""

import re
from pathlib import Path

import polib
import pytest
from django.conf import settings

BLANK = re.compile(r"%\([a-z_]+\)[sd]|%[sd]")
CATALOGUES = [Path(folder) / "zh_Hans" / "LC_MESSAGES" / "django.po" for folder in settings.LOCALE_PATHS]


@pytest.fixture(scope="module", params=CATALOGUES, ids=["own", "panels"])
def entries(request: pytest.FixtureRequest) -> list[polib.POEntry]:
    found = [entry for entry in polib.pofile(str(request.param)) if not entry.obsolete]
    assert len(found) > 50
    return found


def chinese(entry: polib.POEntry) -> str:
    return entry.msgstr or "".join(entry.msgstr_plural.values())


def test_every_text_is_translated(entries: list[polib.POEntry]) -> None:
    assert [entry.msgid for entry in entries if not chinese(entry).strip() or entry.fuzzy] == []


def test_blanks_are_kept(entries: list[polib.POEntry]) -> None:
    wrong = [
        entry.msgid
        for entry in entries
        if set(BLANK.findall(chinese(entry))) != set(BLANK.findall(entry.msgid_plural or entry.msgid))
    ]
    assert wrong == []
