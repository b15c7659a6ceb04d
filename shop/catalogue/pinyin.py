"""How Chinese words are spelled in Latin letters, for those who type letters and for those who mistake a character.

Pure. A character has up to two readings here; the rest of a dictionary's are too rare to be searched by.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

READINGS_MAX = 2
_SYLLABLE_LENGTH_MAX = 6
_SYLLABLES_MAX = 12
_ENTRY = re.compile(r'"(\d+)": *"([^"]*)"')
_LETTERS = re.compile(r"[a-z]+")
# Every syllable of Mandarin as it is typed, without tones; ü is v.
_INITIALS = ("", *"bpmfdtnlgkhjqxrzcsyw", "zh", "ch", "sh")
_FINALS = frozenset(
    [
        "a",
        "o",
        "e",
        "ai",
        "ei",
        "ao",
        "ou",
        "an",
        "en",
        "ang",
        "eng",
        "ong",
        "er",
        "i",
        "ia",
        "ie",
        "iao",
        "iu",
        "ian",
        "in",
        "iang",
        "ing",
        "iong",
        "u",
        "ua",
        "uo",
        "uai",
        "ui",
        "uan",
        "un",
        "uang",
        "ue",
        "v",
        "ve",
    ]
)


@lru_cache(maxsize=8192)
def readings(character: str) -> tuple[str, ...]:
    """Return how a character is read, the usual reading first: ``("zhang", "chang")``; none for what is not Chinese."""
    code = ord(character)
    place = bisect_left(_CODES, code)
    return _READINGS[_READ_AS[place]] if place < len(_CODES) and _CODES[place] == code else ()


def spelling(han: str) -> str:
    """Return a run of Chinese characters in letters, each in its usual reading: ``shuimitao``."""
    return "".join(reading[0] for reading in map(readings, han) if reading)


def spelled_tokens(han: str) -> list[str]:
    """Return what a run of characters is found by in letters.

    ``~shui``, ``~shuimi``: syllables and pairs of neighbouring ones; ``!sm``, ``!smt``: initials of two to four
    neighbours. The marks keep them apart from words that look the same.
    """
    every = [readings(character) for character in han]
    tokens: dict[str, None] = {}
    for place, here in enumerate(every):
        following = every[place + 1] if place + 1 < len(every) else ()
        for reading in here:
            tokens["~" + reading] = None
            tokens.update(dict.fromkeys(f"~{reading}{other}" for other in following))
        initials = [""]
        for later in every[place : place + 4]:
            letters = dict.fromkeys(reading[0] for reading in later)
            initials = [known + letter for known in initials for letter in letters]
            tokens.update(dict.fromkeys("!" + known for known in initials if len(known) > 1))
    return list(tokens)


def asked_by_sound(han: str) -> list[str]:
    """Return the tokens of whatever sounds like these characters: a question with a wrong character finds by them."""
    return _pairs([reading[0] for reading in map(readings, han) if reading])


def asked_by_letters(word: str, *, is_unfinished: bool = False) -> list[str]:
    """Return the tokens of a word of letters read as syllables; none where it cannot be read so.

    Of an ``is_unfinished`` word the last letters may be the beginning of a syllable: ``shuimit``.
    """
    for left in range(_SYLLABLE_LENGTH_MAX if is_unfinished else 1):
        if len(word) - left > 1 and (found := syllables(word[: len(word) - left])):
            return _pairs(found)
    return []


def asked_by_initials(word: str) -> list[str]:
    """Return the tokens of a word of letters read as initials, two to twelve of them; none else."""
    if not _LETTERS.fullmatch(word) or not 2 <= len(word) <= _SYLLABLES_MAX:
        return []
    if len(word) <= 4:
        return ["!" + word]
    return ["!" + word[place : place + 4] for place in range(len(word) - 3)]


@lru_cache(maxsize=1024)
def syllables(word: str) -> tuple[str, ...]:
    """Return the syllables a word of letters is made of, the fewest; none where it is not made of any."""
    if not _LETTERS.fullmatch(word) or len(word) > _SYLLABLES_MAX * _SYLLABLE_LENGTH_MAX:
        return ()
    ways: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - _SYLLABLE_LENGTH_MAX), end):
            before, piece = ways[start], word[start:end]
            known = ways[end]
            if before is None or not _is_syllable(piece):
                continue
            if known is None or len(before) + 1 < len(known):
                ways[end] = (*before, piece)
    found = ways[-1] or ()
    return found if len(found) <= _SYLLABLES_MAX else ()


def _is_syllable(piece: str) -> bool:
    return any(piece.startswith(initial) and piece[len(initial) :] in _FINALS for initial in _INITIALS)


def _pairs(spoken: Sequence[str]) -> list[str]:
    if len(spoken) < 2:
        return ["~" + one for one in spoken]
    return ["~" + spoken[place] + spoken[place + 1] for place in range(len(spoken) - 1)]


@cache
def _plain(reading: str) -> str:
    bare = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in bare if letter.isascii() and letter.isalpha())


def _packed() -> "tuple[array[int], array[int], tuple[tuple[str, ...], ...]]":
    """Read the table of `pypinyin`: code points in order, which readings each has, and these readings.

    As its own dictionary it would be 9 MB of every process; so it is a third of one.
    """
    package = find_spec("pypinyin")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pypinyin", name="pypinyin")
    text = Path(package.origin).with_name("pinyin_dict.json").read_text(encoding="utf-8")
    known: dict[tuple[str, ...], int] = {}
    codes, read_as = array("I"), array("H")
    # One after the other: all of them at once would leave as much room behind in the process as was to be saved.
    for entry in _ENTRY.finditer(text):
        found = dict.fromkeys(_plain(reading) for reading in entry[2].split(",") if reading)
        codes.append(int(entry[1]))
        read_as.append(known.setdefault(tuple(found)[:READINGS_MAX], len(known)))
    return codes, read_as, tuple(known)


_CODES, _READ_AS, _READINGS = _packed()
_plain.cache_clear()
