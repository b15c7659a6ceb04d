"""Coupons as people read them: what one takes off, from what, until when, and whether it is theirs to take."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shop.catalogue.models import Category, Product
from shop.coupons.models import Coupon, CouponClaim
from shop.coupons.rules import PERCENT
from shop.coupons.states import ClaimState
from shop.coupons.wording import benefit, short_yuan
from shop.suppliers.models import Supplier


@dataclass(frozen=True)
class CouponCard:
    """A coupon on a page; ``number`` is that of a person's piece, "" in the centre. ``figure`` is its big number."""

    code: str
    name: str
    figure: str
    unit: str
    is_percent: bool
    text: str
    scope: str
    funder: str
    until: datetime
    number: str = ""
    note: str = ""
    order_number: str = ""
    is_held: bool = False
    is_used_up: bool = False


def coupon_text(coupon: Coupon) -> str:
    """Return what a coupon does in one line."""
    return benefit(
        kind=coupon.kind,
        amount_fen=coupon.amount_fen,
        percent_bp=coupon.percent_bp,
        ceiling_fen=coupon.ceiling_fen,
        min_fen=coupon.min_fen,
    )


def scope_texts(coupons: Iterable[Coupon]) -> dict[int, str]:
    """Return for each coupon (by id) what it counts for, in words; three questions whatever their number."""
    rows = list(coupons)

    def keys(scope: str) -> set[str]:
        return {key for row in rows if row.scope == scope for key in row.scope_keys}

    english = (get_language() or "").startswith("en")
    suppliers = dict(Supplier.objects.filter(code__in=keys(Coupon.Scope.SUPPLIERS)).values_list("code", "name"))
    products = dict(Product.objects.filter(number__in=keys(Coupon.Scope.PRODUCTS)).values_list("number", "title"))
    categories = {
        row.code: (row.name_en or row.name) if english else row.name
        for row in Category.objects.filter(code__in=keys(Coupon.Scope.CATEGORIES))
    }
    names: Mapping[str, Mapping[str, str]] = {
        Coupon.Scope.SUPPLIERS: suppliers,
        Coupon.Scope.CATEGORIES: categories,
        Coupon.Scope.PRODUCTS: products,
    }
    found = {}
    for row in rows:
        named = (
            [names[row.scope][key] for key in row.scope_keys if key in names[row.scope]] if row.scope in names else []
        )
        if named:
            found[row.pk] = _("For %(what)s") % {"what": _(", ").join(named[:3]) + ("…" if len(named) > 3 else "")}
        elif row.supplier is not None:
            found[row.pk] = _("For goods of %(name)s") % {"name": row.supplier.name}
        else:
            found[row.pk] = _("For all goods")
    return found


def centre_cards(coupons: Iterable[Coupon], held: Mapping[int, int]) -> list[CouponCard]:
    """Return the coupons of the centre; ``held`` says how many pieces of each she took already."""
    rows = list(coupons)
    scopes = scope_texts(rows)
    return [
        _card(
            row,
            scopes[row.pk],
            until=row.claim_until,
            is_held=held.get(row.pk, 0) > 0,
            is_used_up=held.get(row.pk, 0) >= row.per_person_max,
        )
        for row in rows
    ]


def piece_cards(pieces: Iterable[CouponClaim], now: datetime) -> list[CouponCard]:
    """Return a person's pieces as cards."""
    rows = list(pieces)
    scopes = scope_texts(piece.coupon for piece in rows)
    return [
        _card(
            piece.coupon,
            scopes[piece.coupon_id],
            until=piece.use_until,
            number=piece.number,
            note=_note(piece, now),
            order_number=piece.order_number,
        )
        for piece in rows
    ]


def _note(piece: CouponClaim, now: datetime) -> str:
    if piece.state == ClaimState.RETURNED:
        return _("Yours again: the order it was used for was given up.")
    if piece.coupon.state == "paused":
        return _("Paused for now.")
    return (
        _("Usable from %(day)s") % {"day": f"{timezone.localtime(piece.use_from):%Y-%m-%d}"}
        if now < piece.use_from
        else ""
    )


def _card(
    coupon: Coupon,
    scope: str,
    *,
    until: datetime,
    number: str = "",
    note: str = "",
    order_number: str = "",
    is_held: bool = False,
    is_used_up: bool = False,
) -> CouponCard:
    is_percent = coupon.kind == PERCENT
    return CouponCard(
        code=coupon.code,
        name=coupon.name,
        figure=f"{coupon.percent_bp / 100:g}" if is_percent else short_yuan(coupon.amount_fen),
        unit="%" if is_percent else "¥",
        is_percent=is_percent,
        text=coupon_text(coupon),
        scope=_("Your first order only") + " · " + scope if coupon.kind == Coupon.Kind.NEW_CUSTOMER else scope,
        funder=coupon.supplier.name if coupon.supplier else _("Linjia"),
        until=until,
        number=number,
        note=note,
        order_number=order_number,
        is_held=is_held,
        is_used_up=is_used_up,
    )
