"""Sharing, and noting who opened what was shared."""

from collections.abc import Sequence
from datetime import UTC, datetime

import redis
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from distributors.links import buffer
from distributors.links.attribution import TouchFact
from distributors.links.bonds import bind_customer, bind_touched, merge_visitor
from distributors.links.carry import Carried
from distributors.links.models import ShareLink
from distributors.links.rules import Opening
from distributors.stores.models import Store
from distributors.stores.rules import checked_text
from distributors.stores.states import DistributorState
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.locks import retry_on_contention
from shop.base.numbers import new_number, token_hash
from shop.catalogue.models import Product
from shop.catalogue.queries import product_for_sale

__all__ = [
    "bind_customer",
    "buffer_touch",
    "create_link",
    "flush_touches",
    "merge_visitor",
    "open_months",
    "record_touch",
    "revoke_link",
    "store_carried",
    "store_openings",
]

LABEL_LENGTH_MAX = 40
LINKS_MAX = 5_000

_INSERT = """
INSERT INTO links_touch (number, at, token, store_id, product_id, channel, visitor_hash, user_id)
SELECT * FROM unnest(%s::varchar[], %s::timestamptz[], %s::varchar[], %s::bigint[], %s::bigint[],
                     %s::varchar[], %s::varchar[], %s::bigint[])
ON CONFLICT DO NOTHING
RETURNING number
"""


def create_link(
    *,
    store: Store,
    target: str,
    product: Product | None = None,
    channel: str = ShareLink.Channel.LINK,
    label: str = "",
    now: datetime,
) -> ShareLink:
    """Return a link that shows the store, or one product in it. Sharing the same again gives the same link.

    Raises ``Invalid`` (``target``, ``product``, ``channel``, ``label``), ``NotFound`` for a product
    that is not on sale, ``Conflict`` for a store that is not open.
    """
    if target not in ShareLink.Target.values:
        raise Invalid(_("Share the store or a product."), field="target")
    if channel not in ShareLink.Channel.values:
        raise Invalid(_("There is no such channel."), field="channel")
    if (target == ShareLink.Target.PRODUCT) != (product is not None):
        raise Invalid(_("A product link names its product, a store link names none."), field="product")
    clean = checked_text(label, field="label", longest=LABEL_LENGTH_MAX)
    if store.distributor.state != DistributorState.ACTIVE:
        raise Conflict(_("Your store is not open, so it cannot share."), code="store_not_open")
    if product is not None:
        product_for_sale(product.number)
    mine = ShareLink.objects.filter(store=store)
    earlier = mine.filter(target=target, product=product, channel=channel, label=clean, revoked_at=None).first()
    if earlier is not None:
        return earlier
    if mine.count() >= LINKS_MAX:
        raise Conflict(_("You have too many links. Share an earlier one."), code="too_many_links")
    return ShareLink.objects.create(
        store=store, target=target, product=product, channel=channel, label=clean, created_at=now
    )


def revoke_link(*, link: ShareLink, now: datetime) -> None:
    """Let a link lead nowhere from now on; what it brought so far stays. Twice is once."""
    ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=now)
    link.revoked_at = link.revoked_at or now


def record_touch(
    *,
    link: ShareLink,
    visitor_key: str,
    user: User | None = None,
    now: datetime,
    address: str = "",
) -> TouchFact:
    """Note that somebody opened a link; return the touch, whose number is made here.

    It waits in Redis for the next flush; with Redis away it is stored directly. ``address`` (the
    network's) limits how many one network can make in a minute; the touch returned beyond that is
    kept only if its visitor carries it (see ``carry``).
    """
    touch = _touch(link, now)
    opening = Opening(touch, token_hash(visitor_key), user.pk if user is not None else None)
    if not buffer.push(opening, address=address):
        store_openings(openings=[opening])
    return touch


def buffer_touch(*, link: ShareLink, visitor_hash: str, now: datetime, address: str) -> TouchFact | None:
    """Note that somebody who is not signed in opened a link; None when Redis is away and nothing was noted.

    As :func:`record_touch`, without the database.
    """
    touch = _touch(link, now)
    return touch if buffer.push(Opening(touch, visitor_hash, None), address=address) else None


def _touch(link: ShareLink, now: datetime) -> TouchFact:
    return TouchFact(
        number=new_number("T"),
        at=now,
        token=link.token,
        store_id=link.store_id,
        store_code=link.store.code,
        product_id=link.product_id,
        channel=link.channel,
    )


def flush_touches(*, limit: int) -> int:
    """Store up to ``limit`` waiting openings, and first what a killed flush left; return how many were new.

    An opening leaves Redis only after its commit, and its number makes storing it twice storing it
    once. With Redis away there is nothing to flush.
    """
    total = 0
    try:
        for name, openings in buffer.batches(limit=limit):
            total += store_openings(openings=openings)
            buffer.stored(name)
    except redis.RedisError:
        return total
    return total


@retry_on_contention()
def store_openings(*, openings: Sequence[Opening]) -> int:
    """Store openings with one statement and let the new ones bind; return how many were new."""
    if not openings:
        return 0
    rows = [
        (
            opening.touch.number,
            opening.touch.at,
            opening.touch.token,
            opening.touch.store_id,
            opening.touch.product_id,
            opening.touch.channel,
            opening.visitor_hash,
            opening.user_id,
        )
        for opening in openings
    ]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])
            new = {number for (number,) in cursor.fetchall()}
        bind_touched([opening for opening in openings if opening.touch.number in new])
    return len(new)


def store_carried(*, carried: Sequence[Carried], visitor_key: str, user: User | None = None) -> int:
    """Store the openings a visitor carries, before she does something that may depend on them.

    What was stored before, or came by a link that is revoked by then, changes nothing. Returns how many
    were new; two statements when there are none.
    """
    tokens = {one.token for one in carried}
    links = {link.token: link for link in ShareLink.objects.filter(token__in=tokens).select_related("store")}
    openings = []
    for one in carried:
        link = links.get(one.token)
        if link is None or (link.revoked_at is not None and link.revoked_at <= one.at):
            continue
        touch = TouchFact(
            number=one.number,
            at=one.at,
            token=one.token,
            store_id=link.store_id,
            store_code=link.store.code,
            product_id=link.product_id,
            channel=link.channel,
        )
        openings.append(Opening(touch, token_hash(visitor_key), user.pk if user else None))
    return store_openings(openings=openings)


def open_months(*, now: datetime, months: int, retention_months: int) -> tuple[int, int]:
    """Open the partitions of this and the coming months, drop those past retention.

    Returns how many were opened and dropped. Safe to run at any time and twice.
    """
    month = now.astimezone(UTC).date().replace(day=1)
    years, place = divmod(month.year * 12 + month.month - 1 - max(retention_months, 2), 12)
    oldest = month.replace(year=years, month=place + 1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT links_touch_open_months(%s, %s)", [month, months])
        (opened,) = cursor.fetchone()
        cursor.execute("SELECT links_touch_drop_before(%s)", [oldest])
        (dropped,) = cursor.fetchone()
    return opened, dropped
