"""Telling people that what they keep is back in stock or cheaper: only who asked, once for each return.

What was last known stands in the favourite itself. A look compares it with what is, and the one statement that notes the
news is the one that finds them: of two looks at the same moment the second finds nothing new.
"""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from shop.accounts.models import User
from shop.catalogue.listing import IN_STOCK
from shop.interests.rules import BACK_PAUSE, CHEAPER_PAUSE
from shop.notifications.actions import Notice, notify_all

_IS_AVAILABLE = f"(p.state = 'on_sale' AND s.state = 'active' AND p.min_retail_fen > 0 AND {IN_STOCK})"
_GOODS = "catalogue_product p JOIN suppliers_supplier s ON s.id = p.supplier_id"

# What is known from now on: nothing is news that was so when she asked.
_WATCH = f"""
UPDATE interests_favourite f
SET is_watched = true, was_available = {_IS_AVAILABLE}, seen_fen = p.min_retail_fen
FROM {_GOODS}
WHERE p.number = f.number AND f.kind = 'product' AND f.user_id = %(user)s AND NOT f.is_watched
  AND (%(number)s = '' OR f.number = %(number)s)"""  # noqa: S608 - constants above

# The price she knows follows a rise without a word. ``news``: 'back', 'cheaper' or nothing to say.
_LOOK = f"""
WITH chunk AS (
    SELECT f.id, f.was_available, f.seen_fen, p.title, p.min_retail_fen AS fen, {_IS_AVAILABLE} AS is_available,
        coalesce(f.told_back_at < %(back_before)s, true) AS may_say_back,
        coalesce(f.told_cheaper_at < %(cheaper_before)s, true) AS may_say_cheaper
    FROM interests_favourite f JOIN {_GOODS} ON p.number = f.number
    WHERE f.is_watched AND f.kind = 'product' AND f.id > %(after)s
    ORDER BY f.id LIMIT %(most)s
),
news AS (
    SELECT *, CASE
        WHEN is_available AND NOT was_available AND may_say_back THEN 'back'
        WHEN is_available AND was_available AND fen < seen_fen AND may_say_cheaper THEN 'cheaper'
        ELSE '' END AS news
    FROM chunk
),
told AS (
    UPDATE interests_favourite f
    SET was_available = n.is_available,
        seen_fen = CASE WHEN n.is_available AND (n.news <> '' OR n.fen > n.seen_fen) THEN n.fen ELSE n.seen_fen END,
        told_back_at = CASE n.news WHEN 'back' THEN %(now)s ELSE f.told_back_at END,
        told_cheaper_at = CASE n.news WHEN 'cheaper' THEN %(now)s ELSE f.told_cheaper_at END
    FROM news n
    WHERE f.id = n.id AND f.is_watched AND (f.was_available, f.seen_fen) = (n.was_available, n.seen_fen)
      AND (n.news <> '' OR n.is_available <> n.was_available OR (n.is_available AND n.fen > n.seen_fen))
    RETURNING f.user_id, f.number, n.title, n.news, n.fen, n.seen_fen
)
SELECT (SELECT max(id) FROM chunk), (SELECT count(*) FROM chunk),
    (SELECT json_agg(t) FROM (SELECT * FROM told WHERE news <> '' ORDER BY user_id, number) t)"""  # noqa: S608


def tell_watchers(*, now: datetime, after: int = 0, most: int = 2_000) -> tuple[int, int | None]:
    """Look at a stretch of what is watched and tell who asked; return how many messages, and where to go on (None: the end)."""
    facts: dict[str, Any] = {"after": after, "most": most, "now": now}
    facts |= {"back_before": now - BACK_PAUSE, "cheaper_before": now - CHEAPER_PAUSE}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_LOOK, facts)
            last, count, told = cursor.fetchone()
        notices = [_notice(row) for row in told or ()]
        notify_all(notices=notices, at=now)
    return len(notices), last if count == most else None


def begin(*, user: User, number: str = "") -> None:
    """Watch one product she keeps, or all of them, from what is so now; what is watched already stays as it is."""
    with connection.cursor() as cursor:
        cursor.execute(_WATCH, {"user": user.pk, "number": number})


def _notice(row: dict[str, Any]) -> Notice:
    facts = {"product": row["title"], "number": row["number"], "amount_fen": row["fen"], "was_fen": row["seen_fen"]}
    return Notice(row["user_id"], f"favourite_{row['news']}", facts)
