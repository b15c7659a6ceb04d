"""What stands on a poster. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

# Changed with every change of the look, so that posters drawn before are drawn anew.
LOOK = "1"


@dataclass(frozen=True, slots=True)
class PosterFacts:
    """What stands on a poster. ``pictures`` and ``portrait`` are image files; empty texts are left out."""

    url: str
    title: str
    subtitle: str = ""
    price: str = ""
    was: str = ""
    store_name: str = ""
    store_line: str = ""
    scan: str = ""
    shop: str = ""
    portrait: bytes = b""
    pictures: Sequence[bytes] = ()
