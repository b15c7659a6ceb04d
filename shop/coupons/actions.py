"""What can happen to coupons: made, opened, paused, closed; claimed; given back; expired.

Using a piece is part of placing an order: ``coupons_use`` and ``coupons_count`` of this app's migrations.
Locks: the order (the caller's), then the pieces, then the coupons' counters.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows, require_transaction, retry_on_contention
from shop.coupons.models import Coupon, CouponClaim, CouponUse
from shop.coupons.states import USABLE, ClaimState, CouponState
from shop.states.machine import move, move_many

_REFUSED = "LJ002"


class NotClaimable(Conflict):
    """The coupon gives nobody a piece now; ``code`` says why."""

    code = "not_claimable"


class LimitReached(Conflict):
    """She took all the pieces one person may have."""

    code = "limit_reached"


class CouponRefused(Conflict):
    """A chosen coupon cannot be used any more: someone was faster, or its budget is spent."""

    code = "coupon_refused"


@retry_on_contention()
def claim(*, coupon: Coupon, user: User, code: str = "", now: datetime) -> CouponClaim:
    """Give a person a piece of a coupon; both counters and the piece, or nothing.

    ``code`` is the distributor's code it came by. Raises :class:`NotClaimable` and :class:`LimitReached`.
    """
    with transaction.atomic():
        given = Coupon.objects.filter(
            pk=coupon.pk,
            state=CouponState.OPEN,
            claim_from__lte=now,
            claim_until__gt=now,
            claimed__lt=F("pieces_max"),
            spent_fen__lt=F("budget_fen"),
        ).update(claimed=F("claimed") + 1)
        if given != 1:
            raise _not_claimable(coupon, now)
        if coupon.by_code_only and not code:
            raise NotClaimable(_("This coupon comes with a distributor's code only."), code="by_code_only")
        # The counter's row is locked now, so nobody counts at the same time.
        turn = CouponClaim.objects.filter(coupon=coupon, user=user).count() + 1
        if turn > coupon.per_person_max:
            raise LimitReached(
                _("You have taken this coupon already; one person gets %(max)d.") % {"max": coupon.per_person_max}
            )
        return CouponClaim.objects.create(
            coupon=coupon,
            user=user,
            turn=turn,
            code=code,
            claimed_at=now,
            use_from=coupon.use_from or now,
            use_until=coupon.use_until or now + timedelta(days=coupon.use_days or 0),
        )


def _not_claimable(coupon: Coupon, now: datetime) -> NotClaimable:
    coupon.refresh_from_db()
    if now < coupon.claim_from:
        return NotClaimable(_("This coupon is not given out yet."), code="not_yet")
    if coupon.state == CouponState.PAUSED:
        return NotClaimable(_("This coupon is paused. Try again later."), code="paused")
    if coupon.state != CouponState.OPEN or now >= coupon.claim_until:
        return NotClaimable(_("This coupon is not given out any more."), code="closed")
    return NotClaimable(_("All pieces of this coupon are taken."), code="all_taken")


def create_coupon(*, coupon: Coupon, now: datetime) -> Coupon:
    """Store a new coupon as a draft. Raises ``Invalid`` naming the first field at fault."""
    coupon.state, coupon.claimed, coupon.spent_fen, coupon.created_at = CouponState.DRAFT, 0, 0, now
    coupon.code = coupon.code.strip().upper()
    check_terms(coupon)
    coupon.save(force_insert=True)
    return coupon


def edit_coupon(*, coupon: Coupon, terms: Mapping[str, Any]) -> None:
    """Change a draft's terms; nobody has been promised anything yet.

    Raises ``Conflict`` for a coupon that is or was open, ``Invalid`` naming the first field at fault.
    """
    with transaction.atomic():
        (row,) = lock_rows(Coupon.objects.filter(pk=coupon.pk))
        if row.state != CouponState.DRAFT:
            raise Conflict(_("Its terms are fixed: people have been promised them. Close it and make another."))
        for name, value in terms.items():
            setattr(row, name, value)
        row.code = row.code.strip().upper()
        check_terms(row)
        row.save()
    coupon.refresh_from_db()


def grow_coupon(
    *,
    coupon: Coupon,
    budget_fen: int | None = None,
    pieces_max: int | None = None,
    claim_until: datetime | None = None,
) -> None:
    """Give a coupon more money, more pieces or more time; never less. Raises ``Invalid`` naming the field."""
    with transaction.atomic():
        (row,) = lock_rows(Coupon.objects.filter(pk=coupon.pk))
        asked = {"budget_fen": budget_fen, "pieces_max": pieces_max, "claim_until": claim_until}
        wanted = {name: value for name, value in asked.items() if value is not None}
        for name, value in wanted.items():
            if value < getattr(row, name):
                raise Invalid(_("It can only grow; close the coupon to end it."), field=name)
        Coupon.objects.filter(pk=row.pk).update(**wanted)
    coupon.refresh_from_db()


def check_terms(coupon: Coupon) -> None:
    """Raise ``Invalid`` with the field and the way out unless a coupon's terms make sense."""
    for is_wrong, field, message in (*_benefit_faults(coupon), *_window_faults(coupon), *_limit_faults(coupon)):
        if is_wrong:
            raise Invalid(message, field=field)
    try:
        coupon.full_clean(validate_constraints=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=field) from error


def _benefit_faults(coupon: Coupon) -> list[tuple[bool, str, Any]]:
    return [
        (not 2 <= len(coupon.name.strip()) <= 40, "name", _("A name has 2 to 40 characters.")),
        (
            coupon.kind == Coupon.Kind.PERCENT and not 0 < coupon.percent_bp < 10_000,
            "percent_bp",
            _("A percentage lies between 0 and 100 %."),
        ),
        (
            coupon.kind == Coupon.Kind.PERCENT and coupon.ceiling_fen <= 0,
            "ceiling_fen",
            _("Say how much it takes off at most."),
        ),
        (
            coupon.kind != Coupon.Kind.PERCENT and coupon.amount_fen <= 0,
            "amount_fen",
            _("Say how much it takes off."),
        ),
        (
            coupon.kind != Coupon.Kind.PERCENT and 0 < coupon.min_fen <= coupon.amount_fen,
            "min_fen",
            _("The goods must cost more than the coupon takes off."),
        ),
        (
            coupon.scope != Coupon.Scope.ALL and not coupon.scope_keys,
            "scope_keys",
            _("Name what it counts for, by code or number."),
        ),
    ]


def _window_faults(coupon: Coupon) -> list[tuple[bool, str, Any]]:
    return [
        (coupon.claim_until <= coupon.claim_from, "claim_until", _("The end must lie after the beginning.")),
        (
            (coupon.use_days is None) == (coupon.use_from is None or coupon.use_until is None),
            "use_days",
            _("Give days after the claim, or a beginning and an end, not both."),
        ),
        (
            coupon.use_from is not None and coupon.use_until is not None and coupon.use_until <= coupon.use_from,
            "use_until",
            _("The end must lie after the beginning."),
        ),
    ]


def _limit_faults(coupon: Coupon) -> list[tuple[bool, str, Any]]:
    return [
        (
            coupon.platform_bp + coupon.supplier_bp + coupon.store_bp != 10_000,
            "platform_bp",
            _("The shares of those who bear it must be 100 % together."),
        ),
        (
            coupon.supplier_bp > 0 and coupon.supplier_id is None,
            "supplier_bp",
            _("A supplier bears a part of its own coupons only. Choose the supplier."),
        ),
        (
            coupon.store_bp > 0 and (coupon.supplier_id is not None or not coupon.by_code_only),
            "store_bp",
            _("A store bears a part only of the platform's coupons that come by its own code."),
        ),
        (
            coupon.budget_fen < max(coupon.amount_fen, coupon.ceiling_fen, coupon.spent_fen, 1),
            "budget_fen",
            _("The budget must suffice for what was spent, and for one piece."),
        ),
        (coupon.pieces_max < max(coupon.claimed, 1), "pieces_max", _("There are more pieces in people's hands.")),
        (coupon.per_person_max < 1, "per_person_max", _("One person gets at least one piece.")),
    ]


def open_coupon(*, coupon: Coupon, actor: str, now: datetime) -> None:
    """Let people claim a coupon, first or again. Raises ``Conflict`` for one that has ended."""
    if now >= coupon.claim_until:
        raise Conflict(_("Its time to be claimed is over. Move the end first."), field="claim_until")
    move(coupon, CouponState.OPEN, actor=actor, at=now)


def pause_coupon(*, coupon: Coupon, actor: str, reason: str = "", now: datetime) -> None:
    """Let nobody claim or use a coupon for the time being."""
    move(coupon, CouponState.PAUSED, actor=actor, at=now, reason=reason)


def close_coupon(*, coupon: Coupon, actor: str, reason: str = "", now: datetime) -> None:
    """Give out no more pieces, for good; those in people's hands can be used until their end."""
    move(coupon, CouponState.CLOSED, actor=actor, at=now, reason=reason)


def give_back(*, order_number: str, at: datetime) -> int:
    """Give the pieces an order used back to their owner and release their budget; return how many.

    The caller holds the order's lock. Twice is once.
    """
    require_transaction()
    uses = list(CouponUse.objects.filter(order_number=order_number, returned_at=None).order_by("coupon_id", "pk"))
    for piece in lock_rows(CouponClaim.objects.filter(pk__in=[use.claim_id for use in uses])):
        changes = {"order_number": ""}
        move(piece, ClaimState.RETURNED, actor="system", at=at, reason=order_number, changes=changes)
    CouponUse.objects.filter(pk__in=[use.pk for use in uses]).update(returned_at=at)
    # Everybody who uses the coupon waits for its counter, so it comes last.
    for use in uses:
        Coupon.objects.filter(pk=use.coupon_id).update(spent_fen=F("spent_fen") - use.discount_fen)
    return len(uses)


def expire_pieces(*, limit: int, now: datetime) -> int:
    """Note of up to ``limit`` pieces that their time is over; return how many."""
    over = CouponClaim.objects.filter(state__in=USABLE, use_until__lte=now).order_by("use_until")
    ids: dict[str, list[int]] = {}
    for pk, state in over.values_list("pk", "state")[:limit]:
        ids.setdefault(state, []).append(pk)
    return sum(
        len(move_many(CouponClaim, found, source=state, to=ClaimState.EXPIRED, actor="system", at=now))
        for state, found in ids.items()
    )


def coupon_refused(error: DatabaseError) -> CouponRefused | None:
    """Return our word for what ``coupons_use`` and ``coupons_count`` refuse; None when it was something else that failed."""
    cause: Any = error.__cause__
    if getattr(cause, "pgcode", None) != _REFUSED:
        return None
    number, why = json.loads(cause.diag.message_detail)
    words: Mapping[str, Any] = {
        "budget_spent": _("What this coupon may give is spent. Order without it, or choose another."),
        "not_new": _("It is for your first order, and you have just placed another one. Order without it."),
        "used": _("This coupon was used or has expired meanwhile. Choose another."),
    }
    return CouponRefused(words[why], field="coupons", extra={"coupon": number, "reason": why})
