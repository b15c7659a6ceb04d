"""What checkout asks: everything a quote is made of, as it stands now, in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.utils.translation import gettext_lazy as _

from distributors.commissions.queries import rules_from
from distributors.commissions.rules import RuleFact
from distributors.links.attribution import CreditFacts
from distributors.links.queries import (
    TOUCHES_MAX,
    CreditQuestion,
    credit_facts_from,
    credit_question,
    credit_question_ahead,
    tells_of,
)
from orders.checkout.items import Item
from orders.checkout.rules import Goods
from orders.lifecycle.rules import Recipient
from shop.accounts.models import Address, User
from shop.accounts.queries import no_address, person_told
from shop.base.errors import NotFound
from shop.base.numbers import token_hash
from shop.coupons.queries import pieces_from
from shop.coupons.rules import Piece
from shop.freight.queries import PriceLists, price_lists_from
from shop.work.idempotency import Once

_ASKED = "(%s, %s, %s::text[], %s::text[], %s, %s, %s::bigint[], %s, %s, %s, %s, %s)"
_READ = f"SELECT checkout_facts{_ASKED}, checkout_coupons(%s, %s)::text"
_READ_SIGNED_IN = f"SELECT checkout_facts_signed_in{_ASKED}"
# Read by a function of the database, so as they are stored: sealed.
_SEALED: list[Any] = [Address._meta.get_field(name) for name in ("name", "phone", "detail")]


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides a quote, seen in one moment. ``goods`` are the items' SKUs, item by item.

    ``freight`` is None without a place. ``has_cart``: the visitor still has a cart of her own.
    """

    goods: Sequence[Goods]
    credit: CreditFacts
    rules: Sequence[RuleFact]
    freight: PriceLists | None
    region_code: str | None
    recipient: Recipient | None
    has_cart: bool
    # Her pieces of coupons, the stores whose codes some came by, and whether she never bought before.
    pieces: Sequence[Piece] = ()
    code_stores: Mapping[str, int] = field(default_factory=dict)
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to know the price of, and from when it counts.

    The place is a region, or that of one of her addresses; neither is known yet where both are None.
    ``coupons`` are the pieces to use, () for none; None takes those that save most.
    """

    user: User | None
    items: Sequence[Item]
    now: datetime
    visitor_key: str = ""
    region_code: str | None = None
    address_number: str | None = None
    coupons: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was asked about a wish, and the answer."""

    asked: CreditQuestion
    answer: dict[str, Any]

    @property
    def is_visitor_owned(self) -> bool:
        """Whether the visitor's key belongs to a person, so that there is nothing left to make hers."""
        return "credit" in self.answer and self.answer["credit"][0] is not None

    @property
    def has_cart(self) -> bool:
        """Whether the visitor still has a cart of her own, which becomes the person's first of all."""
        return bool(self.answer.get("has_cart"))


def facts_of(wish: Wish) -> Facts:
    """Return what the quote of a wish is made of.

    One statement, whatever the items, and one question to Redis. Raises ``NotFound`` for an unknown
    address (field ``address_number``) or SKU (``items.0.sku_number``).
    """
    return _facts(wish, _ask(wish, None))


def facts_once(wish: Wish, once: Once, reading: Reading | None = None) -> Facts | Sequence[Any]:
    """Return the same, or the record (hash, status, body) of what was answered under this key before.

    ``reading`` is what :func:`read_signed_in` brought about this wish; without one it is read now.
    """
    reading = reading or _ask(wish, once)
    if "answered" in reading.answer:
        record: Sequence[Any] = reading.answer["answered"]
        return record
    return _facts(wish, reading)


def read_signed_in(wish: Wish, *, token: str, caller: str, key: str) -> tuple[User, Reading] | None:
    """Return whose access token it is, and the reading of her wish; None when it is nobody's.

    One statement, while Redis looks for what the visitor has just opened; a second one when that was of a store nobody
    knew to ask about. ``wish.user`` is not known yet; ``caller`` stands before her number where her keys are kept.
    """
    asked, opened = credit_question_ahead(visitor_key=wish.visitor_key, now=wish.now)
    told = _signed_in(wish, asked, token, caller, key)
    pending = opened()
    if told is not None and pending:
        asked = replace(asked, pending=pending)
        if not tells_of(told[0].get("credit") or (None, None, None, None), pending):
            told = _signed_in(wish, asked, token, caller, key)
    if told is None:
        return None
    answer, coupons, person = told
    user = person_told(person)
    return user, _reading(replace(asked, user_id=user.pk), answer, coupons)


def _signed_in(wish: Wish, asked: CreditQuestion, token: str, caller: str, key: str) -> Sequence[Any] | None:
    with connection.cursor() as cursor:
        cursor.execute(_READ_SIGNED_IN, [token_hash(token), *_arguments(wish, asked), caller, key])
        (told,) = cursor.fetchone()
    found: Sequence[Any] | None = orjson.loads(told) if told is not None else None
    return found


def goods_of(items: Sequence[Item]) -> dict[str, Goods]:
    """Return the items' SKUs by number, on sale or not; unknown numbers are left out.

    The own prices of the items' stores come along: open stores only, and only what lies within the
    supplier's present band – outside it the retail price counts.
    """
    wanted = [
        list({item.sku_number for item in items}),
        list({item.store_code for item in items if item.store_code}),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT goods::text FROM checkout_goods(%s::text[], %s::text[])", wanted)
        rows = [orjson.loads(text) for (text,) in cursor.fetchall()]
    return {row[1]: goods_from(row) for row in rows}


def goods_from(row: Sequence[Any]) -> Goods:
    """Return a SKU from what ``checkout_goods`` answered; its values stand in the order of the fields."""
    facts = list(row)
    facts[8] = tuple(facts[8])
    facts[-1] = facts[-1] or {}
    return Goods(*facts)


def _ask(wish: Wish, once: Once | None) -> Reading:
    asked = credit_question(user=wish.user, visitor_key=wish.visitor_key, now=wish.now)
    caller, key = (once.caller, once.key) if once else ("", "")
    with connection.cursor() as cursor:
        cursor.execute(_READ, [asked.user_id, *_arguments(wish, asked), caller, key, asked.user_id, asked.now])
        answer, coupons = cursor.fetchone()
    return _reading(asked, orjson.loads(answer), orjson.loads(coupons) if coupons else None)


def _reading(asked: CreditQuestion, answer: dict[str, Any], coupons: Sequence[Any] | None) -> Reading:
    return Reading(asked, answer | {"coupons": coupons or (None, None, False)})


def _arguments(wish: Wish, asked: CreditQuestion) -> list[Any]:
    """What a reading is asked with, between who asks and under which key."""
    return [
        asked.visitor_hash,
        list({item.sku_number for item in wish.items}),
        list({item.store_code for item in wish.items if item.store_code}),
        wish.address_number or "",
        wish.region_code or "",
        asked.pending_store_ids,
        asked.since,
        asked.now,
        TOUCHES_MAX,
    ]


def _facts(wish: Wish, reading: Reading) -> Facts:
    asked, answer = reading.asked, reading.answer
    address = answer["address"]
    recipient = _recipient(address) if address else None
    if wish.address_number is not None and recipient is None:
        raise no_address()
    found = {row[1]: goods_from(row) for row in answer.get("goods") or ()}
    goods = [_known(found, index, item) for index, item in enumerate(wish.items)]
    pieces, code_stores, is_new = answer["coupons"]
    return Facts(
        goods=goods,
        credit=credit_facts_from(
            asked, answer["credit"], [(n, one.product_id) for n, one in enumerate(goods, start=1)]
        ),
        rules=rules_from(answer["rules"]),
        freight=price_lists_from(answer["freight"]) if answer["freight"] else None,
        region_code=recipient.region_code if recipient else wish.region_code,
        recipient=recipient,
        has_cart=answer["has_cart"],
        pieces=pieces_from(pieces),
        code_stores=code_stores or {},
        is_new=is_new,
    )


def _recipient(row: Sequence[str]) -> Recipient:
    name, phone, region_code, region_names, detail = row
    name, phone, detail = (
        field.from_db_value(text, None, connection) for field, text in zip(_SEALED, (name, phone, detail), strict=True)
    )
    return Recipient(name, phone, region_code, region_names, detail)


def _known(found: Mapping[str, Goods], index: int, item: Item) -> Goods:
    if item.sku_number not in found:
        raise NotFound(_("There is no such article. Take it out of the order."), field=f"items.{index}.sku_number")
    return found[item.sku_number]
