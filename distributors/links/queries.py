"""What can be asked about links, visits and whose sale it would be."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from distributors.links import buffer
from distributors.links.attribution import BondFact, CreditFacts, StoreFact, TouchFact
from distributors.links.models import Bond, ShareLink, Touch
from distributors.links.rules import Opening, stronger_bond
from distributors.stores.models import Store
from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.base.numbers import token_hash

# The newest this many openings of a buyer are looked at; more than anyone reads in the evidence.
TOUCHES_MAX = 100


@dataclass(frozen=True, slots=True)
class CreditQuestion:
    """Who buys, and which openings count: what ``links_credit_facts`` is asked with. ``user_id`` 0: nobody.

    ``pending`` are the visitor's openings of the last second, which may not be stored yet.
    """

    user_id: int
    visitor_hash: str
    since: datetime
    now: datetime
    pending: Sequence[Opening]

    @property
    def pending_store_ids(self) -> list[int]:
        """The stores of the pending openings, which the stored ones may not name."""
        return sorted({opening.touch.store_id for opening in self.pending})


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


def credit_question(*, user: User | None, visitor_key: str, now: datetime) -> CreditQuestion:
    """Return what to ask about a buyer; asks Redis for what this visitor opened in the last second."""
    asked = _question(user, visitor_key, now)
    return replace(asked, pending=buffer.pending_of(asked.visitor_hash)) if asked.visitor_hash else asked


def credit_question_ahead(*, visitor_key: str, now: datetime) -> tuple[CreditQuestion, Callable[[], Sequence[Opening]]]:
    """Return the same for a buyer who is not known yet, and what tells her pending openings, asked for already.

    They change nothing that ``links_credit_facts`` answers where :func:`tells_of` says so.
    """
    asked = _question(None, visitor_key, now)
    return asked, buffer.ask_pending(asked.visitor_hash) if asked.visitor_hash else tuple


def tells_of(answer: Sequence[Any], pending: Iterable[Opening]) -> bool:
    """Whether an answer of ``links_credit_facts`` tells of the stores of these openings."""
    _owner_id, _touches, _bonds, stores = answer
    return {opening.touch.store_id for opening in pending} <= {row[0] for row in stores or ()}


def _question(user: User | None, visitor_key: str, now: datetime) -> CreditQuestion:
    return CreditQuestion(
        # No account has the id 0.
        user_id=user.pk if user is not None else 0,
        visitor_hash=token_hash(visitor_key) if visitor_key else "",
        since=now - timedelta(days=settings.LINJIA_TOUCH_WINDOW_DAYS),
        now=now,
        pending=(),
    )


def credit_facts(*, user: User | None, visitor_key: str, product_ids: Iterable[int], now: datetime) -> CreditFacts:
    """Return all that decides whose sale these products would be, for ``attribution.credit``.

    One statement, and one question to Redis for what this visitor opened in the last second.
    ``lines`` are the products themselves; a caller with other line keys replaces them.
    """
    products = list(dict.fromkeys(product_ids))
    asked = credit_question(user=user, visitor_key=visitor_key, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT links_credit_facts(%s, %s, %s::bigint[], %s::bigint[], %s, %s, %s)::text",
            [
                asked.user_id,
                asked.visitor_hash,
                products,
                asked.pending_store_ids,
                asked.since,
                asked.now,
                TOUCHES_MAX,
            ],
        )
        (answer,) = cursor.fetchone()
    return credit_facts_from(asked, orjson.loads(answer), [(product, product) for product in products])


def credit_facts_from(asked: CreditQuestion, answer: Sequence[Any], lines: Sequence[tuple[int, int]]) -> CreditFacts:
    """Return the facts from what ``links_credit_facts`` answered; ``lines`` are (line key, product id)."""
    owner_id, touches, bonds, stores = answer
    found = {row[0]: _touch_fact(row) for row in touches or ()}
    if asked.pending and owner_id in (None, asked.user_id):
        products = {product_id for _line, product_id in lines}
        for opening in asked.pending:
            if _belongs(opening, asked, products):
                found.setdefault(opening.touch.number, opening.touch)
    return CreditFacts(
        now=asked.now,
        buyer_user_id=asked.user_id or None,
        lines=lines,
        touches=sorted(found.values(), key=lambda one: (one.at, one.number), reverse=True),
        bond=_bond(bonds or (), asked.now),
        stores={row[0]: _store_fact(row) for row in stores or ()},
        touch_window=asked.now - asked.since,
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


def _touch_fact(row: Sequence[Any]) -> TouchFact:
    number, at, token, store_id, store_code, product_id, channel = row
    return TouchFact(number, datetime.fromisoformat(at), token, store_id, store_code, product_id, channel)


def _belongs(opening: Opening, asked: CreditQuestion, products: Collection[int]) -> bool:
    touch = opening.touch
    return (
        asked.since < touch.at <= asked.now
        and opening.user_id in (None, asked.user_id or None)
        and (touch.product_id is None or touch.product_id in products)
    )


def _bond(rows: Iterable[Sequence[Any]], now: datetime) -> BondFact | None:
    """Return the bond that counts: the person's, or her visitor's as it would be after merging."""
    mine: BondFact | None = None
    theirs: BondFact | None = None
    for user_id, store_id, started_at, protected_until, valid_until, reason, touch_number in rows:
        fact = BondFact(
            store_id=store_id,
            started_at=datetime.fromisoformat(started_at),
            protected_until=datetime.fromisoformat(protected_until),
            valid_until=datetime.fromisoformat(valid_until),
            reason=reason,
            touch_number=touch_number,
        )
        if user_id is None:
            theirs = fact
        else:
            mine = fact
    holder = stronger_bond(mine=mine, visitors=theirs, now=now)
    # An expired bond is told as well, so that the evidence can say that it expired.
    return theirs if holder == "visitors" else mine or theirs


def _store_fact(row: Sequence[Any]) -> StoreFact:
    return StoreFact(
        code=row[1],
        is_active=row[2],
        owner_user_id=row[3],
        is_buyers=row[4],
        grade=row[5],
        referrer_store_id=row[6],
        referrer_store_code=row[7] or "",
    )
