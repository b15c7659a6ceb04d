"""How much is remembered, and for how long."""

from datetime import timedelta

SEARCHES_MAX = 10
FOOTPRINT_DAYS = timedelta(days=90)
FOOTPRINTS_MAX = 300
FAVOURITES_MAX = 500
WORDS_LENGTH_MAX = 60
# How long nothing more is said of the same product: pieces that come and go, prices that go up and down.
BACK_PAUSE = timedelta(hours=6)
CHEAPER_PAUSE = timedelta(days=7)


def clean_words(text: str) -> str:
    """Return words as they are remembered: one line, short."""
    return " ".join("".join(one for one in text if one.isprintable()).split())[:WORDS_LENGTH_MAX]
