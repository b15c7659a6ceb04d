"""Whose links a person opened, and to which store she belongs."""

from datetime import datetime

from distributors.links.models import Bond, Touch, Visitor
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    hashes = list(Visitor.objects.filter(user_id=user_id).values_list("key_hash", flat=True))
    touches = Touch.objects.filter(visitor_hash__in=hashes) | Touch.objects.filter(user_id=user_id)
    return {
        "openings": [dict(row) for row in touches.order_by("at", "number").values("number", "at", "token", "channel")],
        "bonds": rows(
            Bond.objects.filter(user_id=user_id),
            *("store__name", "started_at", "protected_until", "valid_until", "reason", "ended_at"),
        ),
    }


def _erase(user_id: int, now: datetime) -> None:
    # Openings stay for the sellers' accounts: what is left of them is a random key that nobody holds any more.
    Bond.objects.filter(user_id=user_id).delete()
    Visitor.objects.filter(user_id=user_id).delete()


PART = Part(name="links", tables=frozenset({"links.visitor", "links.bond"}), tell=_tell, erase=_erase)
