"""Placing an order: what the body may hold, and the answer made without asking the database again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from orders.api.access import cart_owner, visitor_key
from orders.api.cart import ItemInput, coupons_of, items_of
from orders.checkout.items import Item, check_items
from orders.checkout.place import Checkout, Placed, place_once
from orders.checkout.queries import Reading, Wish, read_signed_in
from orders.checkout.split import QuoteGroup, QuoteLine
from orders.lifecycle.rules import OrderDraft
from orders.lifecycle.states import OrderState, SupplierOrderState
from shop.accounts.models import User
from shop.api.auth import TokenAuthentication, caller, sign_in_ended, token_of
from shop.api.bodies import reader_of
from shop.api.catalogue import small_image
from shop.api.idempotency import CALLER, asked_of, key_of, once_of, respond
from shop.api.parsers import JSON_BYTES_MAX
from shop.api.throttles import require_rate
from shop.base.errors import DomainError
from shop.coupons.queries import CouponPart
from shop.work.idempotency import Once, answered

_JSON = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"})


class PlaceInput(serializers.Serializer[None]):
    items = ItemInput(
        many=True,
        required=False,
        help_text="Left out: the cart's selected lines.",
    )
    address = serializers.CharField(max_length=20, help_text="One of my addresses.")
    note = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    coupons = serializers.ListField(
        child=serializers.CharField(max_length=32),
        max_length=20,
        required=False,
        help_text="Numbers of my pieces to use, none for []; one that cannot be used is refused. Left out: those that "
        "save most.",
    )
    expected_payable_fen = serializers.IntegerField(
        min_value=1,
        max_value=10**12,
        required=False,
        help_text="From the quote; another price is refused, not charged.",
    )


_read = reader_of(PlaceInput())


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """What an order is made of, read while its customer signed in."""

    once: Once
    checkout: Checkout
    reading: Reading


class PlacingAuthentication(TokenAuthentication):
    """Signs a customer in by the same statement that reads what her order is made of.

    For a body that names its goods and is plainly right. Whatever is not is left to the view, which then says what is
    wrong with it to whoever is signed in.
    """

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        """Return the customer, with her :class:`ReadAhead` or just her token."""
        token = token_of(request)
        found = _plain_body(request) if token is not None and request.method == "POST" else None
        if token is None or found is None:
            return super().authenticate(request)
        body, data, items, key = found
        wish = _wish(request, data, user=None, items=items)
        signed_in = read_signed_in(wish, token=token, caller=CALLER, key=key)
        if signed_in is None:
            raise sign_in_ended()
        user, reading = signed_in
        once = Once(f"{CALLER}{user.number}", key, asked_of(request, body))
        return user, ReadAhead(once, _checkout(replace(wish, user=user), data), reading)


def place(request: Request) -> Response:
    """Place an order once under the request's key."""
    try:
        return _once(request)
    finally:
        # Whatever else there is to say, to who asks too often this is said.
        require_rate(request)


def _once(request: Request) -> Response:
    ahead = request.auth
    if isinstance(ahead, ReadAhead):
        return _place(request, ahead.checkout, ahead.once, ahead.reading)
    once = once_of(request)
    data = _read(request.data)
    if "items" not in data:
        # What was bought has left the cart: an answer on record must be found before looking into it.
        seen = answered(once)
        if seen is not None:
            return respond(*seen, replayed=True)
    items = items_of(data, cart_owner(request)) if "items" not in data else items_of(data)
    return _place(request, _checkout(_wish(request, data, user=caller(request), items=items), data), once, None)


def _place(request: Request, checkout: Checkout, once: Once, reading: Reading | None) -> Response:
    def answer(placed: Placed) -> dict[str, Any]:
        # Made before anything is written.
        require_rate(request)
        return placed_facts(request, placed)

    if reading is None or reading.has_cart:
        # What she put in as a visitor becomes hers before anything else is made.
        require_rate(request)
    done = place_once(checkout=checkout, once=once, answer=answer, reading=reading)
    response = respond(*done)
    # Told to the middleware of share links, which would ask Redis.
    response.is_visitor_known = reading is not None and reading.is_visitor_owned  # type: ignore[attr-defined]
    return response


def _plain_body(request: Request) -> tuple[Any, dict[str, Any], Sequence[Item], str] | None:
    """Return the body, what was read from it, its items and the request's key, where all of it is plainly right."""
    kind, length = request.META.get("CONTENT_TYPE", ""), request.META.get("CONTENT_LENGTH") or ""
    if kind not in _JSON or not length.isdecimal() or int(length) > JSON_BYTES_MAX:
        return None
    try:
        body = orjson.loads(request.body)
        data, key = _read(body), key_of(request)
        visitor_key(request)
        # A thousand goods are refused before they are looked up.
        items = check_items(items_of(data))
    except (ValueError, APIException, DomainError):
        return None
    return body, data, items, key


def _wish(request: Request, data: dict[str, Any], *, user: User | None, items: Sequence[Item]) -> Wish:
    return Wish(
        user=user,
        items=items,
        address_number=data["address"],
        visitor_key=visitor_key(request),
        coupons=coupons_of(data),
        now=timezone.now(),
    )


def _checkout(wish: Wish, data: dict[str, Any]) -> Checkout:
    return Checkout(wish, data["note"], data.get("expected_payable_fen"))


def placed_facts(request: Request, placed: Placed) -> dict[str, Any]:
    """Return a new order as ``OrderDetailOutput`` shows it."""
    order = placed.rows.draft
    parts = zip(placed.rows.part_numbers, placed.quote.groups, _first_lines(placed), strict=True)
    return {
        "number": placed.rows.number,
        "state": str(OrderState.PLACED),
        "state_label": str(OrderState.PLACED.label),
        **_sums(order),
        "paid_fen": 0,
        "refunded_fen": 0,
        "recipient_name": order.recipient.name,
        "recipient_phone": order.recipient.phone,
        "region_names": order.recipient.region_names,
        "address_detail": order.recipient.detail,
        "note": order.note,
        "placed_at": _instant(order.placed_at),
        "expires_at": _instant(order.expires_at),
        "paid_at": None,
        "cancelled_at": None,
        "cancel_reason": "",
        "completed_at": None,
        "supplier_orders": [_part(request, number, group, first) for number, group, first in parts],
        "coupon_fen": placed.quote.coupons.discount_fen,
        "coupons": [coupon_facts(one) for one in _coupons(placed)],
        "parcels": [],
        "refunds": [],
    }


def coupon_facts(part: CouponPart) -> dict[str, Any]:
    """Return what one coupon took off an order as ``OrderCouponOutput`` shows it."""
    return {
        "code": part.code,
        "name": part.name,
        "supplier": part.supplier_code,
        "discount_fen": part.discount_fen,
        "is_returned": part.is_returned,
        "lines": [{"line": line, "discount_fen": fen} for line, fen in part.lines],
    }


def _coupons(placed: Placed) -> list[CouponPart]:
    """The coupons of an order that is being placed, by the lines as the order numbers them."""
    place = {line.line: index for index, line in enumerate(placed.quote.lines, start=1)}
    return [
        CouponPart(
            code=one.piece.coupon_code,
            name=one.piece.name,
            supplier_code=one.piece.supplier_code,
            discount_fen=one.discount_fen,
            is_returned=False,
            lines=tuple(sorted((place[share.line], share.discount_fen) for share in one.shares)),
        )
        for one in sorted(placed.quote.coupons.applied, key=lambda one: (one.piece.coupon_id, one.piece.number))
    ]


def _first_lines(placed: Placed) -> list[int]:
    """Lines are numbered 1, 2, 3 … through the parts."""
    first, found = 1, []
    for group in placed.quote.groups:
        found.append(first)
        first += len(group.lines)
    return found


def _part(request: Request, number: str, group: QuoteGroup, first: int) -> dict[str, Any]:
    return {
        "number": number,
        "supplier": group.supplier_code,
        "supplier_name": group.supplier_name,
        "state": str(SupplierOrderState.WAITING),
        "state_label": str(SupplierOrderState.WAITING.label),
        **_sums(group),
        "refunded_fen": 0,
        "dispatch_by_at": None,
        "shipped_at": None,
        "auto_receive_at": None,
        "received_at": None,
        "completed_at": None,
        "lines": [_line(request, line, place) for place, line in enumerate(group.lines, start=first)],
    }


def _line(request: Request, line: QuoteLine, place: int) -> dict[str, Any]:
    return {
        "line": place,
        "sku": line.sku_number,
        "product": line.product_number,
        "title": line.title,
        "option_text": line.option_text,
        "image": small_image(request, line.image),
        "quantity": line.quantity,
        "unit_fen": line.unit_fen,
        "discount_fen": line.discount_fen,
        "paid_fen": line.paid_fen,
        "refunded_quantity": 0,
        "refunded_fen": 0,
        "window_ends_at": None,
    }


def _sums(row: OrderDraft | QuoteGroup) -> dict[str, int]:
    return {name: getattr(row, name) for name in ("goods_fen", "discount_fen", "freight_fen", "payable_fen")}


def _instant(at: datetime) -> str:
    return timezone.localtime(at).isoformat()
