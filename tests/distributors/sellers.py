"""Stores, visitors and money for the tests of the sellers' floor, made through its own actions."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

from django.db import connection, connections, transaction
from django.utils import timezone

from distributors.commissions import actions as commissions
from distributors.commissions.models import CommissionRule
from distributors.commissions.rules import Sale, SaleLine
from distributors.links import actions as links
from distributors.links.models import ShareLink
from distributors.payouts import actions as payouts
from distributors.referrals import actions as referrals
from distributors.stores import actions as stores
from distributors.stores.models import Store
from shop.accounts.models import WechatIdentity
from shop.catalogue.models import Product
from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, post_many
from shop.ledger.queries import balance_fen
from tests.world import STAFF, person, product, yunling

APP_ID = "wx0000linjiasandbox"
_numbers = itertools.count(1)


def moment() -> datetime:
    """Return now: tests stand at the edge."""
    return timezone.now()


def open_store(name: str, *, called: str = "", referrer: Store | None = None) -> Store:
    """Return the open store of somebody who applied and was approved, recruited if a referrer is given."""
    user = person(name)
    distributor = stores.apply(user=user, store_name=called or f"{name} 的小店", introduction="", now=moment())
    stores.approve(distributor=distributor, actor=STAFF, now=moment())
    if referrer is not None:
        referrals.bind(distributor=distributor, referrer=referrer.distributor, now=moment())
    return Store.objects.select_related("distributor__user").get(distributor=distributor)


def tea(title: str = "云岭白茶", **prices: Any) -> Product:
    """Return a tea on sale: supply ¥60, retail ¥98 unless said otherwise."""
    return product(yunling(), title, **prices)


def share(store: Store, goods: Product | None = None, *, at: datetime | None = None) -> ShareLink:
    """Return a link to the store, or to one product in it."""
    target = ShareLink.Target.PRODUCT if goods else ShareLink.Target.STORE
    return links.create_link(store=store, target=target, product=goods, now=at or moment())


def opened(link: ShareLink, visitor_key: str, *, user: Any = None, at: datetime | None = None) -> str:
    """Let a visitor open a link, and store it; return the touch's number."""
    touch = links.record_touch(link=link, visitor_key=visitor_key, user=user, now=at or moment())
    links.flush_touches(limit=1_000)
    return touch.number


def sold(
    store: Store,
    *,
    level1_fen: int = 1_000,
    paid_fen: int = 10_000,
    level1_bp: int = 1_000,
    referrer: Store | None = None,
    level2_fen: int = 0,
    level2_bp: int = 0,
    line: int = 1,
    rule_number: str = "",
    at: datetime | None = None,
) -> str:
    """Let a paid order of one line earn commissions, with its money on the books; return its number."""
    number = f"O{next(_numbers):016d}"
    when = at or moment()
    sale = Sale(
        order_number=number,
        paid_at=when,
        lines=[
            SaleLine(
                line=line,
                paid_fen=paid_fen,
                supplier_fen=paid_fen // 2,
                level1_bp=level1_bp,
                level1_fen=level1_fen,
                level2_bp=level2_bp,
                level2_fen=level2_fen,
                store_id=store.pk,
                store_code=store.code,
                referrer_store_id=referrer.pk if referrer else None,
                referrer_store_code=referrer.code if referrer else "",
                rule_number=rule_number,
            )
        ],
    )
    with transaction.atomic():
        receive(number, paid_fen, at=when)
        post_many(postings=commissions.accrue(sale=sale, at=when), at=when)
    return number


def receive(order_number: str, paid_fen: int, *, at: datetime) -> None:
    """Put a customer's money into the order's clearing account."""
    entry = Entry(debit=chart.gateway("sandbox"), credit=chart.clearing(order_number), amount_fen=paid_fen)
    key = f"payment_received:{order_number}"
    post_many(postings=[Posting(chart.JournalKind.PAYMENT_RECEIVED, order_number, key, [entry])], at=at)


def settle(order_number: str, *, lines: tuple[int, ...] = (1,), at: datetime | None = None) -> None:
    """Let the return window of an order pass and settle it."""
    when = at or moment()
    commissions.set_due(order_number=order_number, lines=lines, due_at=when)
    commissions.settle_due(limit=100, now=when + timedelta(seconds=1))


def refund(order_number: str, refund_number: str, refunded_fen: int, *, line: int = 1) -> None:
    """Claw back after refunds that come to ``refunded_fen`` in all."""
    with transaction.atomic():
        postings = commissions.claw_back(
            order_number=order_number,
            refund_number=refund_number,
            refunded_fen_by_line={line: refunded_fen},
            at=moment(),
        )
        post_many(postings=postings, at=moment())


def money(store: Store) -> dict[str, int]:
    """Return a store's four balances."""
    return {
        "frozen": balance_fen(chart.store_frozen(store.code)),
        "available": balance_fen(chart.store_available(store.code)),
        "paying": balance_fen(chart.store_paying(store.code)),
        "debt": balance_fen(chart.store_debt(store.code)),
    }


def with_wechat(store: Store, *, openid: str = "") -> None:
    """Let a store's owner have signed in with WeChat."""
    user = store.distributor.user
    WechatIdentity.objects.get_or_create(
        app_id=APP_ID, user=user, defaults={"openid": openid or f"openid-{user.number}"}
    )


def payee(store: Store, *, real_name: str = "何禾", openid: str = "") -> None:
    """Let a store's owner sign in with WeChat and say that she is paid there."""
    with_wechat(store, openid=openid)
    payouts.save_payout_account(store=store, real_name=real_name, now=moment())


def rich(name: str = "阿禾 Ahe", *, fen: int = 10_000) -> Store:
    """Return a store with a payout account and ``fen`` available."""
    store = open_store(name)
    payee(store)
    settle(sold(store, level1_fen=fen, paid_fen=fen * 10))
    return store


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    """Do several things at the same moment in threads; return what each returned or raised."""
    barrier = Barrier(len(deeds))
    outcomes: list[Any] = [None] * len(deeds)

    def run(place: int, deed: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=10)
            outcomes[place] = deed()
        except Exception as error:  # noqa: BLE001 - the test looks at what came out
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(place, deed)) for place, deed in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return outcomes


def rule(
    scope: str = "global", key: str = "", level1_bp: int = 1_000, level2_bp: int = 300, **more: Any
) -> CommissionRule:
    """Agree on rates from now on."""
    at = moment()
    return commissions.create_rule(
        scope=scope,
        scope_key=key,
        level1_bp=level1_bp,
        level2_bp=level2_bp,
        effective_from=at,
        actor=STAFF,
        now=at,
        **more,
    )


def rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query, such as one on an audit view."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
