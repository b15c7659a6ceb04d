"""What can be asked about links, visits and whose sale it would be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from distributors.links import buffer
from distributors.links.attribution import BondFact, CreditFacts, StoreFact, TouchFact
from distributors.links.bonds import bond_fact
from distributors.links.models import Bond, ShareLink, Touch
from distributors.links.rules import Opening, stronger_bond
from distributors.stores.models import Store
from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.base.numbers import token_hash

# The newest this many openings of a buyer are looked at; more than anyone reads in the evidence.
TOUCHES_MAX = 100

# Openings by this visitor (unless the visitor turned out to be somebody else), by this account, and by
# every visitor that turned out to be this account. Each row begins with whom the visitor turned out to
# be; without any opening there is one row that says only that.
_TOUCHES = """
SELECT owner.id, t.*
FROM (SELECT (SELECT user_id FROM links_visitor WHERE key_hash = %(visitor)s) AS id) owner
LEFT JOIN LATERAL (
    SELECT t.number, t.at, t.token, t.store_id, s.code, t.product_id, t.channel
    FROM links_touch t JOIN stores_store s ON s.id = t.store_id
    WHERE t.at > %(since)s AND t.at <= %(now)s
      AND (t.product_id IS NULL OR t.product_id = ANY(%(products)s))
      AND (
        (t.visitor_hash = %(visitor)s AND (t.user_id IS NULL OR t.user_id = %(user)s)
         AND (owner.id IS NULL OR owner.id = %(user)s))
        OR t.user_id = %(user)s
        OR t.visitor_hash IN (SELECT v.key_hash FROM links_visitor v WHERE v.user_id = %(user)s)
      )
    ORDER BY t.at DESC, t.number DESC LIMIT %(most)s
) t ON true
"""

# The stores in question and the buyer's own: open or not, whose, and who would earn level 2. ``kin``
# are all accounts of the buyer's person: they share a verified openid or unionid with hers.
_STORES = """
WITH kin AS (
    SELECT %(user)s::bigint AS id
    UNION
    SELECT other.user_id
    FROM accounts_wechatidentity mine
    JOIN accounts_wechatidentity other
      ON other.openid = mine.openid OR (mine.unionid <> '' AND other.unionid = mine.unionid)
    WHERE mine.user_id = %(user)s
)
SELECT s.id, s.code, d.state = 'active', d.user_id, d.user_id IN (SELECT id FROM kin), d.grade,
       rs.id, rs.code
FROM stores_store s
JOIN stores_distributor d ON d.id = s.distributor_id
LEFT JOIN referrals_referral r ON r.distributor_id = d.id
LEFT JOIN stores_distributor rd ON rd.id = r.referrer_id AND rd.state = 'active'
      AND NOT EXISTS (SELECT FROM kin WHERE kin.id = rd.user_id)
LEFT JOIN stores_store rs ON rs.distributor_id = rd.id
WHERE s.id = ANY(%(stores)s) OR (d.user_id = %(user)s AND d.approved_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class DayVisits:
    """The openings of a store's links on one day, and by how many different visitors."""

    day: date
    touches: int
    visitors: int


def link_by_token(token: str) -> ShareLink | None:
    """Return the link a token stands for with its store and product; None for a revoked or unknown one."""
    rows = ShareLink.objects.filter(token=token, revoked_at=None)
    return rows.select_related("store__distributor", "product").first()


def links_of(store: Store) -> QuerySet[ShareLink]:
    """Return a store's links that still lead somewhere, newest first."""
    rows = ShareLink.objects.filter(store=store, revoked_at=None)
    return rows.select_related("product").order_by("-pk")


def link_of(store: Store, token: str) -> ShareLink:
    """Return one of the store's links, revoked or not. Raises ``NotFound`` for another's."""
    link = ShareLink.objects.filter(store=store, token=token).select_related("store__distributor", "product").first()
    if link is None:
        raise NotFound(_("There is no such link among yours."), field="token")
    return link


def credit_facts(*, user: User | None, visitor_key: str, product_ids: Iterable[int], now: datetime) -> CreditFacts:
    """Return all that decides whose sale these products would be, for ``attribution.credit``.

    Three statements, and one question to Redis for what this visitor opened in the last second.
    ``lines`` are the products themselves; a caller with other line keys replaces them.
    """
    products = list(dict.fromkeys(product_ids))
    user_id = user.pk if user is not None else None
    visitor_hash = token_hash(visitor_key) if visitor_key else ""
    window = timedelta(days=settings.LINJIA_TOUCH_WINDOW_DAYS)
    touches = _touches(user_id, visitor_hash, products, since=now - window, now=now)
    bond = _bond(user_id, visitor_hash, now)
    wanted = {touch.store_id for touch in touches}
    if bond is not None:
        wanted.add(bond.store_id)
    return CreditFacts(
        now=now,
        buyer_user_id=user_id,
        lines=[(product_id, product_id) for product_id in products],
        touches=touches,
        bond=bond,
        stores=_stores(user_id, wanted),
        touch_window=window,
        self_purchase=settings.LINJIA_SELF_PURCHASE,
    )


def bond_of(user: User, now: datetime) -> Bond | None:
    """Return the bond a customer is in now, None when she is free."""
    rows = Bond.objects.filter(user=user, ended_at=None, valid_until__gt=now)
    return rows.select_related("store").first()


def customers_of(store: Store, now: datetime) -> QuerySet[Bond]:
    """Return the valid bonds of a store's customers, newest first."""
    rows = Bond.objects.filter(store=store, user__isnull=False, ended_at=None, valid_until__gt=now)
    return rows.select_related("user").order_by("-started_at", "-pk")


def visits_by_day(store: Store, *, since: datetime, until: datetime) -> list[DayVisits]:
    """Return the days with openings of a store's links, oldest first; may be a second late."""
    rows = (
        Touch.objects.filter(store_id=store.pk, at__gte=since, at__lt=until)
        .annotate(day=TruncDate("at"))
        .values("day")
        .annotate(touches=Count("number"), visitors=Count("visitor_hash", distinct=True))
        .order_by("day")
    )
    return [DayVisits(row["day"], row["touches"], row["visitors"]) for row in rows]


def visits_of_links(store: Store, tokens: Sequence[str], *, since: datetime) -> dict[str, int]:
    """Return how often each of the store's links was opened since then; may be a second late."""
    rows = (
        Touch.objects.filter(store_id=store.pk, token__in=list(tokens), at__gte=since)
        .values("token")
        .annotate(touches=Count("number"))
        .order_by("token")
    )
    return {row["token"]: row["touches"] for row in rows}


def _touches(
    user_id: int | None, visitor_hash: str, products: list[int], *, since: datetime, now: datetime
) -> list[TouchFact]:
    facts: dict[str, Any] = {
        "since": since,
        "now": now,
        "products": products,
        "visitor": visitor_hash,
        # No account has the id 0.
        "user": user_id or 0,
        "most": TOUCHES_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHES, facts)
        rows = cursor.fetchall()
    found = {row[1]: TouchFact(*row[1:]) for row in rows if row[1] is not None}
    if visitor_hash and rows[0][0] in (None, user_id):
        for opening in buffer.pending_of(visitor_hash):
            if _belongs(opening, user_id, products, since=since, now=now):
                found.setdefault(opening.touch.number, opening.touch)
    return sorted(found.values(), key=lambda one: (one.at, one.number), reverse=True)


def _belongs(opening: Opening, user_id: int | None, products: list[int], *, since: datetime, now: datetime) -> bool:
    touch = opening.touch
    return (
        since < touch.at <= now
        and opening.user_id in (None, user_id)
        and (touch.product_id is None or touch.product_id in products)
    )


def _bond(user_id: int | None, visitor_hash: str, now: datetime) -> BondFact | None:
    """Return the bond that counts: the person's, or her visitor's as it would be after merging."""
    who = Q(pk__in=[])
    if user_id is not None:
        who |= Q(user_id=user_id)
    if visitor_hash:
        who |= Q(user=None, visitor__key_hash=visitor_hash, visitor__user=None)
    rows = list(Bond.objects.filter(who, ended_at=None))
    mine = next((bond_fact(row) for row in rows if row.user_id is not None), None)
    theirs = next((bond_fact(row) for row in rows if row.user_id is None), None)
    holder = stronger_bond(mine=mine, visitors=theirs, now=now)
    # An expired bond is told as well, so that the evidence can say that it expired.
    return theirs if holder == "visitors" else mine or theirs


def _stores(user_id: int | None, ids: set[int]) -> dict[int, StoreFact]:
    if not ids and user_id is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_STORES, {"user": user_id or 0, "stores": sorted(ids)})
        rows = cursor.fetchall()
    return {
        row[0]: StoreFact(
            code=row[1],
            is_active=row[2],
            owner_user_id=row[3],
            is_buyers=row[4],
            grade=row[5],
            referrer_store_id=row[6],
            referrer_store_code=row[7] or "",
        )
        for row in rows
    }
