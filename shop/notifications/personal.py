"""What a person was told."""

from datetime import datetime

from shop.notifications.models import Notification
from shop.notifications.rules import render
from shop.privacy.parts import Part, Row


def _tell(user_id: int) -> dict[str, list[Row]]:
    told = []
    for notice in Notification.objects.filter(user_id=user_id).order_by("pk"):
        title, text = render(notice.kind, notice.facts)
        told.append({"title": title, "text": text, "created_at": notice.created_at, "read_at": notice.read_at})
    return {"messages": told}


def _erase(user_id: int, now: datetime) -> None:
    Notification.objects.filter(user_id=user_id).delete()


PART = Part(name="notifications", tables=frozenset({"notifications.notification"}), tell=_tell, erase=_erase)
