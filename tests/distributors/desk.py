"""A distributor's desk for tests: pages as words, money in a store's books, a payee whom WeChat knows."""

import re

from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount
from distributors.stores.models import Store
from shop.accounts.models import User, WechatIdentity
from shop.ledger import chart
from shop.ledger.actions import Entry, post
from tests import world

APP = "wx0000linjiasandbox"
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}


def text(html: bytes) -> str:
    """Return a page's words, one blank between them."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


def earn(store: Store, fen: int) -> None:
    """Let a store have this much available, by the moves a sale makes. In fen."""
    order = f"O{store.code}{fen}"
    steps = [
        (chart.JournalKind.PAYMENT_RECEIVED, chart.gateway("sandbox"), chart.clearing(order)),
        (chart.JournalKind.COMMISSION_ACCRUED, chart.clearing(order), chart.store_frozen(store.code)),
        (chart.JournalKind.COMMISSION_SETTLED, chart.store_frozen(store.code), chart.store_available(store.code)),
    ]
    for kind, debit, credit in steps:
        post(kind=kind, reference=order, key=f"{kind}:{order}", entries=[Entry(debit, credit, fen)], at=world.now())


def wechat(user: User) -> None:
    """Let WeChat have proved who somebody is."""
    WechatIdentity.objects.create(user=user, app_id=APP, openid=f"openid-{user.pk}")


def payee(store: Store, name: str = "何阿禾") -> PayoutAccount:
    """Say where a store's owner is paid."""
    wechat(store.distributor.user)
    return payouts.save_payout_account(store=store, real_name=name, now=world.now())
