"""What can happen to a distributor: joining, her life in the programme.

Joining is free by construction: nothing here takes money, asks for a purchase or counts recruits.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from distributors.stores.listings import arrange, list_product, unlist, update_store
from distributors.stores.models import Distributor, Store
from distributors.stores.rules import INTRODUCTION_LENGTH_MAX, NAME_LENGTH_MAX, checked_text
from distributors.stores.states import DistributorState
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid, NotAllowed
from shop.notifications.actions import notify
from shop.pages import marks
from shop.states.machine import move
from shop.work.actions import remember

__all__ = [
    "AlreadyApplied",
    "apply",
    "approve",
    "arrange",
    "ban",
    "leave",
    "list_product",
    "reinstate",
    "reject",
    "suspend",
    "unlist",
    "update_store",
]

REFERRAL_BIND = "referral.bind"


class AlreadyApplied(Conflict):
    """The person has an application or a store already."""

    code = "already_applied"


def apply(*, user: User, store_name: str, introduction: str, referrer_code: str = "", now: datetime) -> Distributor:
    """Ask to become a distributor; a store is prepared, closed until staff approve.

    ``referrer_code`` is the code of the store that invited her; the referral is bound from it once and
    earns nobody anything. Whoever was rejected or has left may ask again; her store keeps its code.
    Raises ``Invalid`` (``store_name``, ``introduction``, ``referrer_code``), :class:`AlreadyApplied`,
    ``NotAllowed`` for a banned person.
    """
    name = checked_text(store_name, field="store_name", longest=NAME_LENGTH_MAX, shortest=1)
    about = checked_text(introduction, field="introduction", longest=INTRODUCTION_LENGTH_MAX)
    invited_by = _referrer_code(user, referrer_code)
    try:
        with transaction.atomic():
            earlier = Distributor.objects.filter(user=user).first()
            if earlier is not None:
                return _apply_again(earlier, name, about, now=now)
            distributor = Distributor.objects.create(
                user=user, introduction=about, referrer_code=invited_by, applied_at=now
            )
            Store.objects.create(distributor=distributor, name=name)
            if invited_by:
                remember(what=REFERRAL_BIND, subject=distributor.number, due_at=now)
    except IntegrityError:
        # Two applications at once: the other one stands.
        raise _already_applied() from None
    return distributor


def approve(*, distributor: Distributor, actor: str, now: datetime) -> None:
    """Open an applicant's store. Raises ``StateConflict`` unless she has applied.

    Raises ``NotAllowed`` when a member of staff judges her own application.
    """
    _refuse_own(distributor, actor)
    if distributor.state != DistributorState.APPLIED:
        raise Conflict(_("Only an applicant can be approved; a suspended store is reinstated."))
    with transaction.atomic():
        move(
            distributor,
            DistributorState.ACTIVE,
            actor=actor,
            at=now,
            changes={"approved_at": now, "ended_at": None},
        )
        marks.store_changed(distributor.store.code)
        facts = {"store": distributor.store.name}
        notify(user_id=distributor.user_id, kind="distributor_approved", facts=facts, at=now)


def reject(*, distributor: Distributor, actor: str, reason: str, now: datetime) -> None:
    """Decline an application, with the reason she is told. Raises ``Invalid``, ``StateConflict``."""
    _end(distributor, DistributorState.REJECTED, "distributor_rejected", actor, reason, now)


def suspend(*, distributor: Distributor, actor: str, reason: str, now: datetime) -> None:
    """Stop new attribution for a while. What was earned stays hers, and is paid when asked for.

    Raises ``Invalid`` without a reason, ``StateConflict``.
    """
    _end(distributor, DistributorState.SUSPENDED, "distributor_suspended", actor, reason, now)


def reinstate(*, distributor: Distributor, actor: str, now: datetime) -> None:
    """Open a suspended store again. Raises ``Conflict`` in any other state."""
    _refuse_own(distributor, actor)
    if distributor.state != DistributorState.SUSPENDED:
        raise Conflict(_("Only a suspended store can be reinstated."))
    with transaction.atomic():
        move(distributor, DistributorState.ACTIVE, actor=actor, at=now)
        marks.store_changed(distributor.store.code)
        facts = {"store": distributor.store.name}
        notify(user_id=distributor.user_id, kind="distributor_approved", facts=facts, at=now)


def leave(*, distributor: Distributor, now: datetime, actor: str = "", reason: str = "") -> None:
    """Leave the programme. New attribution stops; earned money stays payable after its freeze.

    Raises ``StateConflict`` when she is not in it.
    """
    by = actor or f"user:{distributor.user.number}"
    with transaction.atomic():
        move(distributor, DistributorState.LEFT, actor=by, at=now, reason=reason, changes={"ended_at": now})
        marks.store_changed(distributor.store.code)


def ban(*, distributor: Distributor, actor: str, reason: str, now: datetime) -> None:
    """Exclude a distributor for good. What she earned is paid only after staff have looked at it.

    Raises ``Invalid`` without a reason, ``StateConflict``.
    """
    _end(distributor, DistributorState.BANNED, "distributor_suspended", actor, reason, now)


def _apply_again(earlier: Distributor, name: str, about: str, *, now: datetime) -> Distributor:
    if earlier.state == DistributorState.BANNED:
        raise NotAllowed(_("You cannot apply again. Write to us if you think that is wrong."))
    if earlier.state not in (DistributorState.REJECTED, DistributorState.LEFT):
        raise _already_applied()
    move(
        earlier,
        DistributorState.APPLIED,
        actor=f"user:{earlier.user.number}",
        at=now,
        changes={"introduction": about, "applied_at": now, "ended_at": None},
    )
    Store.objects.filter(distributor=earlier).update(name=name)
    return earlier


def _referrer_code(user: User, code: str) -> str:
    """Return the code of the open store that invited her, empty for none. Raises ``Invalid``."""
    clean = checked_text(code, field="referrer_code", longest=24)
    if not clean:
        return ""
    store = Store.objects.filter(code=clean).select_related("distributor").first()
    if store is None or store.distributor.state != DistributorState.ACTIVE:
        raise Invalid(
            _("There is no open store with this code. Check it, or leave it empty."),
            field="referrer_code",
        )
    if store.distributor.user_id == user.pk:
        raise Invalid(_("You cannot invite yourself. Leave the code empty."), field="referrer_code")
    return store.code


def _end(distributor: Distributor, to: str, kind: str, actor: str, reason: str, now: datetime) -> None:
    clean = checked_text(reason, field="reason", longest=300, shortest=1)
    changes = {"ended_at": now} if to == DistributorState.BANNED else {}
    with transaction.atomic():
        move(distributor, to, actor=actor, at=now, reason=clean, changes=changes)
        marks.store_changed(distributor.store.code)
        notify(user_id=distributor.user_id, kind=kind, facts={"reason": clean}, at=now)


def _refuse_own(distributor: Distributor, actor: str) -> None:
    if actor.partition(":")[2] == distributor.user.number:
        raise NotAllowed(_("Somebody else must decide about your own store."))


def _already_applied() -> AlreadyApplied:
    return AlreadyApplied(_("You have a store or an open application already."))
