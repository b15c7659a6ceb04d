"""What can be asked about coupons and the pieces people hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.catalogue.models import Product
from shop.coupons.models import Coupon, CouponClaim, CouponShare, CouponUse
from shop.coupons.rules import Piece
from shop.coupons.states import USABLE, CouponState
from shop.suppliers.models import Supplier


def pieces_from(rows: Sequence[Sequence[Any]] | None) -> list[Piece]:
    """Return the pieces from what ``coupons_pieces`` answered; its values stand in the order of the fields."""
    found = []
    for row in rows or ():
        facts = list(row)
        facts[10] = tuple(facts[10])
        facts[18:20] = [datetime.fromisoformat(text) for text in facts[18:20]]
        found.append(Piece(*facts))
    return found


def centre(now: datetime) -> QuerySet[Coupon]:
    """Return the coupons anybody may claim now, what ends first at the top."""
    rows = Coupon.objects.filter(
        Q(supplier=None) | Q(supplier__state="active"),
        state=CouponState.OPEN,
        by_code_only=False,
        claim_from__lte=now,
        claim_until__gt=now,
        claimed__lt=F("pieces_max"),
        spent_fen__lt=F("budget_fen"),
    )
    return rows.select_related("supplier").order_by("claim_until", "pk")


def for_product(product: Product, now: datetime) -> QuerySet[Coupon]:
    """Return the coupons of the centre that count for a product."""
    shelves = [product.category, product.category.parent, product.category.parent and product.category.parent.parent]
    in_scope = (
        Q(scope=Coupon.Scope.ALL)
        | Q(scope=Coupon.Scope.SUPPLIERS, scope_keys__contains=[product.supplier.code])
        | Q(scope=Coupon.Scope.PRODUCTS, scope_keys__contains=[product.number])
    )
    for shelf in shelves:
        if shelf is not None:
            in_scope |= Q(scope=Coupon.Scope.CATEGORIES, scope_keys__contains=[shelf.code])
    return centre(now).filter(in_scope, Q(supplier=None) | Q(supplier=product.supplier))


def coupon_by_code(code: str) -> Coupon:
    """Return a coupon that is or was open. Raises ``NotFound`` (field ``code``)."""
    found = Coupon.objects.filter(code=code.strip().upper()).exclude(state=CouponState.DRAFT).first()
    if found is None:
        raise NotFound(_("There is no coupon “%(code)s”.") % {"code": code}, field="code")
    return found


def claims_of(user: User) -> QuerySet[CouponClaim]:
    """Return a person's pieces with their coupons, what ends first at the top."""
    rows = CouponClaim.objects.filter(user=user).select_related("coupon__supplier")
    return rows.order_by("use_until", "pk")


def usable_of(user: User, now: datetime) -> QuerySet[CouponClaim]:
    """Return the pieces a person can still use, now or later."""
    return claims_of(user).filter(state__in=USABLE, use_until__gt=now)


def held_by(user: User) -> dict[int, int]:
    """Return how many pieces of each coupon (by id) a person ever took."""
    held: dict[int, int] = {}
    for coupon_id in CouponClaim.objects.filter(user=user).values_list("coupon_id", flat=True):
        held[coupon_id] = held.get(coupon_id, 0) + 1
    return held


def coupons_of(supplier: Supplier) -> QuerySet[Coupon]:
    """Return a supplier's coupons, newest first."""
    return Coupon.objects.filter(supplier=supplier).order_by("-pk")


def uses_of(order_number: str) -> QuerySet[CouponUse]:
    """Return what coupons an order used, given back or not."""
    rows = CouponUse.objects.filter(order_number=order_number).select_related("coupon__supplier", "claim")
    return rows.prefetch_related("shares").order_by("pk")


@dataclass(frozen=True, slots=True)
class CouponPart:
    """One coupon of an order: what it took off, in all and by line, in fen. Given back with the order or not."""

    code: str
    name: str
    supplier_code: str
    discount_fen: int
    is_returned: bool
    lines: tuple[tuple[int, int], ...]


def parts_of(order_number: str) -> list[CouponPart]:
    """Return what each coupon took off an order and its lines."""
    return [
        CouponPart(
            code=use.coupon.code,
            name=use.coupon.name,
            supplier_code=use.coupon.supplier.code if use.coupon.supplier else "",
            discount_fen=use.discount_fen,
            is_returned=use.returned_at is not None,
            lines=tuple(sorted((share.line, share.discount_fen) for share in use.shares.all())),
        )
        for use in uses_of(order_number)
    ]


def borne_by(order_number: str) -> dict[str, int]:
    """Return who bears how much of an order's coupons, in fen: ``platform``, ``supplier``, ``store``."""
    sums = CouponShare.objects.filter(use__order_number=order_number).aggregate(
        platform=Sum("platform_fen"), supplier=Sum("supplier_fen"), store=Sum("store_fen")
    )
    return {name: fen or 0 for name, fen in sums.items()}
