"""What can be asked about distributors' coupon codes."""

from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from distributors.codes.models import CouponCode
from distributors.stores.models import Store
from distributors.stores.states import DistributorState
from shop.base.errors import NotFound
from shop.coupons.models import Coupon, CouponClaim
from shop.coupons.states import ClaimState, CouponState


def code_named(text: str) -> CouponCode:
    """Return a code of an open store that still gives. Raises ``NotFound`` (field ``code``)."""
    found = (
        CouponCode.objects.filter(
            code=text.strip().upper(), ended_at=None, store__distributor__state=DistributorState.ACTIVE
        )
        .select_related("store__distributor", "coupon__supplier")
        .first()
    )
    if found is None:
        raise NotFound(_("There is no code “%(code)s”. Look at it once more.") % {"code": text.strip()}, field="code")
    return found


def codes_of(store: Store) -> QuerySet[Any]:
    """Return a store's codes, living ones first, with how many pieces were ``pieces_taken`` and ``pieces_used`` by each."""
    pieces = CouponClaim.objects.filter(code=OuterRef("code")).order_by().values("code")
    taken = pieces.annotate(n=Count("pk")).values("n")
    used = pieces.filter(state=ClaimState.USED).annotate(n=Count("pk")).values("n")
    rows = CouponCode.objects.filter(store=store).select_related("coupon__supplier")
    rows = rows.annotate(pieces_taken=Coalesce(Subquery(taken), 0), pieces_used=Coalesce(Subquery(used), 0))
    return rows.order_by(F("ended_at").desc(nulls_first=True), "-pk")


def code_of(store: Store, text: str) -> CouponCode:
    """Return one of the store's codes. Raises ``NotFound`` for another's."""
    found = CouponCode.objects.filter(store=store, code=text).select_related("coupon").first()
    if found is None:
        raise NotFound(_("There is no such code among yours."), field="code")
    return found


def offered(now: datetime) -> QuerySet[Coupon]:
    """Return the coupons distributors may make codes of, what ends first at the top."""
    rows = Coupon.objects.filter(
        Q(supplier=None) | Q(supplier__state="active"),
        state=CouponState.OPEN,
        for_distributors=True,
        claim_until__gt=now,
    )
    return rows.select_related("supplier").order_by("claim_until", "pk")
