"""Making, ending and entering a distributor's coupon code."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from distributors.codes.models import CouponCode
from distributors.links import buffer
from distributors.links.actions import store_openings
from distributors.links.attribution import CODE_CHANNEL, TouchFact
from distributors.links.rules import Opening
from distributors.stores.models import Store
from distributors.stores.states import DistributorState
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.numbers import new_number, token_hash
from shop.coupons.actions import LimitReached, claim
from shop.coupons.models import Coupon, CouponClaim
from shop.coupons.queries import usable_of
from shop.coupons.states import CouponState

_READABLE = re.compile("[0-9A-Z]{4,16}")


@dataclass(frozen=True, slots=True)
class Entered:
    """What entering a code did: the piece it gave, None when she has none of it to use (any more)."""

    code: CouponCode
    piece: CouponClaim | None
    is_new: bool


def make_code(*, store: Store, coupon: Coupon, code: str, now: datetime) -> CouponCode:
    """Give a store a word of its own for a coupon.

    Raises ``Invalid`` for a word that cannot be read out, ``Conflict`` for one that is taken, a second
    one for the same coupon, a closed store, or a coupon distributors may not pass on (any more).
    """
    word = code.strip().upper()
    if not _READABLE.fullmatch(word):
        raise Invalid(_("A code has 4 to 16 letters A–Z and digits."), field="code")
    if store.distributor.state != DistributorState.ACTIVE:
        raise Conflict(_("Your store is not open, so it cannot give codes."), code="store_not_open")
    if not coupon.for_distributors or coupon.state != CouponState.OPEN or now >= coupon.claim_until:
        raise Conflict(_("This coupon is not offered to distributors (any more)."), field="coupon")
    if CouponCode.objects.filter(store=store, coupon=coupon, ended_at=None).exists():
        raise Conflict(_("You have a code for this coupon already."), field="coupon")
    if Coupon.objects.filter(code=word).exists():
        raise Conflict(_("This code is taken. Choose another one."), field="code")
    try:
        with transaction.atomic():
            return CouponCode.objects.create(code=word, store=store, coupon=coupon, created_at=now)
    except IntegrityError as error:
        raise Conflict(_("This code is taken. Choose another one."), field="code") from error


def end_code(*, code: CouponCode, now: datetime) -> None:
    """Let a code give nothing more; pieces it gave stay usable. Twice is once."""
    CouponCode.objects.filter(pk=code.pk, ended_at=None).update(ended_at=now)
    code.ended_at = code.ended_at or now


def note_code(
    *, code: CouponCode, visitor_key: str, user: User | None, now: datetime, address: str | None = None
) -> TouchFact:
    """Note that somebody came by a code: a touch of its store like that of a link.

    It is stored at once; with the network's ``address`` it waits in Redis as an opened link does, and one
    network makes only so many in a minute.
    """
    touch = TouchFact(
        number=new_number("T"),
        at=now,
        token=code.code,
        store_id=code.store_id,
        store_code=code.store.code,
        product_id=None,
        channel=CODE_CHANNEL,
    )
    opening = Opening(touch, token_hash(visitor_key) if visitor_key else "", user.pk if user is not None else None)
    if address is None or not buffer.push(opening, address=address):
        store_openings(openings=[opening])
    return touch


def enter_code(*, code: CouponCode, user: User, visitor_key: str = "", now: datetime) -> Entered:
    """Let a customer use a code: she gets a piece of its coupon, and its store has touched her.

    One piece is enough: while she holds a usable one she gets no other. Raises what ``claim`` raises
    but for the limit: a code she used up still says whose customer she is.
    """
    with transaction.atomic():
        note_code(code=code, visitor_key=visitor_key or f"user:{user.number}", user=user, now=now)
        held = usable_of(user, now).filter(coupon_id=code.coupon_id).first()
        if held is not None:
            return Entered(code, held, is_new=False)
        try:
            return Entered(code, claim(coupon=code.coupon, user=user, code=code.code, now=now), is_new=True)
        except LimitReached:
            return Entered(code, None, is_new=False)
