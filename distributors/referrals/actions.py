"""Binding a distributor to who recruited her: once, never to herself, never in a loop.

Recruiting earns nothing. A referrer's level 2 share comes from a paid sale only.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from distributors.referrals.models import Referral
from distributors.stores.models import Distributor
from distributors.stores.states import DistributorState
from shop.base.errors import Conflict, Invalid
from shop.base.locks import retry_on_contention


class AlreadyBound(Conflict):
    """The distributor has a referrer already; that never changes."""

    code = "already_bound"


class WouldLoop(Conflict):
    """The referrer was herself recruited, directly or not, by this distributor."""

    code = "referral_loop"


@retry_on_contention()
def bind(*, distributor: Distributor, referrer: Distributor, now: datetime, reason: str = "") -> Referral:
    """Bind a distributor to her referrer, for good. Binding the same two again changes nothing.

    Raises ``Invalid`` for oneself and for a referrer who is not active, :class:`AlreadyBound`,
    :class:`WouldLoop`. The database decides about loops, under a lock, so that binds at the same time
    cannot close one together.
    """
    if distributor.pk == referrer.pk:
        raise Invalid(_("Nobody can recruit herself."), field="referrer", code="referral_self")
    earlier = Referral.objects.filter(distributor=distributor).first()
    if earlier is not None:
        return _same(earlier, referrer)
    if referrer.state != DistributorState.ACTIVE:
        raise Invalid(_("Only a distributor with an open store can recruit."), field="referrer")
    try:
        with transaction.atomic():
            return Referral.objects.create(distributor=distributor, referrer=referrer, bound_at=now, reason=reason)
    except IntegrityError as error:
        if _constraint(error) == "referrals_no_loop":
            raise WouldLoop(_("This would close a loop: the referrer was recruited by this distributor.")) from None
        earlier = Referral.objects.filter(distributor=distributor).first()
        if earlier is None:
            raise
        return _same(earlier, referrer)


def bind_invited(*, distributor: Distributor, now: datetime) -> Referral | None:
    """Bind a distributor to the store whose code she applied with; None when there was none.

    A code that no longer leads to an open store, or an earlier bind, leaves things as they are.
    """
    if not distributor.referrer_code:
        return None
    referrer = Distributor.objects.filter(store__code=distributor.referrer_code, state=DistributorState.ACTIVE).first()
    if referrer is None:
        return None
    try:
        return bind(distributor=distributor, referrer=referrer, now=now, reason="application")
    except (AlreadyBound, WouldLoop, Invalid):
        return None


def _same(earlier: Referral, referrer: Distributor) -> Referral:
    if earlier.referrer_id != referrer.pk:
        raise AlreadyBound(_("This distributor has a referrer already, and that never changes."))
    return earlier


def _constraint(error: IntegrityError) -> str:
    diagnostics = getattr(error.__cause__, "diag", None)
    return str(getattr(diagnostics, "constraint_name", "") or "")
