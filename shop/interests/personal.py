"""What a person looked for, looked at and kept."""

from datetime import datetime

from shop.interests.models import Curiosity, Discretion, Favourite, Footprint, PastSearch
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "searches": rows(PastSearch.objects.filter(user_id=user_id), "words", "searched_at"),
        "footprints": rows(Footprint.objects.filter(user_id=user_id), "product__title", "seen_at"),
        "favourites": rows(Favourite.objects.filter(user_id=user_id), "kind", "number", "kept_at", "is_watched"),
        "wants_to_be_told": rows(Curiosity.objects.filter(user_id=user_id), "since"),
        "no_footprints_wanted": rows(Discretion.objects.filter(user_id=user_id), "since"),
    }


def _erase(user_id: int, now: datetime) -> None:
    for gone in (PastSearch, Footprint, Favourite, Discretion, Curiosity):
        gone.objects.filter(user_id=user_id).delete()


PART = Part(
    name="interests",
    tables=frozenset(
        {f"interests.{name}" for name in ("pastsearch", "footprint", "favourite", "discretion", "curiosity")}
    ),
    tell=_tell,
    erase=_erase,
)
