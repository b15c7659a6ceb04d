"""Telling a person, and noting that she read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from shop.accounts.models import User
from shop.notifications.models import Notification
from shop.notifications.queries import notifications_of
from shop.notifications.rules import render


@dataclass(frozen=True)
class Notice:
    """One message to be: who, what kind, the facts its words are made from, where it leads."""

    user_id: int
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""


def notify(*, user_id: int, kind: str, facts: Mapping[str, Any], link: str = "", at: datetime) -> None:
    """Write one message in the caller's transaction. Raises ``KeyError`` for facts that do not fit."""
    notify_all(notices=[Notice(user_id, kind, facts, link)], at=at)


def notify_all(*, notices: Sequence[Notice], at: datetime) -> None:
    """Write many messages with one statement."""
    if notices:
        with connection.cursor() as cursor:
            cursor.execute("SELECT notifications_tell(%s::json, %s)", [message_rows(notices), at])


def message_rows(notices: Sequence[Notice]) -> str:
    """Return messages as ``notifications_tell`` takes them. Raises ``KeyError`` for facts that do not fit."""
    for notice in notices:
        render(notice.kind, notice.facts)
    return orjson.dumps([(one.user_id, one.kind, one.facts, one.link) for one in notices]).decode()


def mark_all_read(*, user: User, group: str = "", at: datetime) -> int:
    """Mark the user's messages as read, those of one group or all; return how many were new."""
    return notifications_of(user, group).filter(read_at=None).update(read_at=at)


def mark_read(*, user: User, notices: Sequence[Notification], at: datetime) -> int:
    """Mark some of the user's messages as read; return how many were new."""
    chosen = [notice.pk for notice in notices]
    return Notification.objects.filter(user=user, pk__in=chosen, read_at=None).update(read_at=at)


def forget_words(*, user_ids: Sequence[int], kind: str, fact: str, values: Sequence[str], words: str) -> int:
    """Take a fact (``words``) out of some people's messages of a kind whose ``fact`` is one of ``values``; return how many.

    For what somebody said who has left: others were told of it, and keep that they were told.
    """
    changed = []
    for row in Notification.objects.filter(user_id__in=user_ids, kind=kind, **{f"facts__{fact}__in": list(values)}):
        row.facts = {**row.facts, words: ""}
        changed.append(row)
    return Notification.objects.bulk_update(changed, ["facts"], batch_size=200)
