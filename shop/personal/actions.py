"""Agreeing and taking back, asking for one's data, leaving for good."""

import tempfile
from datetime import datetime, timedelta

from django.conf import settings
from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop.accounts.devices import end_others
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows
from shop.media.queries import private_storage
from shop.notifications.actions import notify
from shop.personal.gathering import write_all
from shop.personal.models import Consent, Export, Leaving
from shop.personal.queries import reasons_to_stay
from shop.personal.rules import PURPOSES, years_after
from shop.privacy.parts import parts
from shop.states.models import StateChange
from shop.work import actions as work

MAKE_EXPORT, END_EXPORT = "export.make", "export.end"
ERASE, EXPIRE = "account.erase", "account.expire"


class ExportWaits(Conflict):
    """There is an export already: being made, or waiting to be fetched."""

    code = "export_waits"


class MustStay(Conflict):
    """Something of the person is still open. ``extra["reasons"]``: each as a sentence."""

    code = "account_in_use"


def agree(*, user: User, purpose: str, now: datetime) -> None:
    """Note that a person agreed to the present text of a purpose; once per version. Raises ``Invalid`` (purpose)."""
    _known(purpose)
    try:
        with transaction.atomic():
            Consent.objects.create(user=user, purpose=purpose, version=PURPOSES[purpose].version, given_at=now)
    except IntegrityError:
        # She agreed to this very text before, and it stands.
        return


def arrive(*, user: User, now: datetime) -> bool:
    """A person signed in: she uses the service by its present text, and stays. Returns whether she was leaving."""
    service = Consent.objects.filter(user=user, purpose="service", version=PURPOSES["service"].version)
    if not service.exists():
        agree(user=user, purpose="service", now=now)
    return stay(user=user, now=now)


@transaction.atomic
def take_back(*, user: User, purpose: str, now: datetime) -> None:
    """Take a consent back, with what follows from it. Raises ``Invalid`` (purpose) where leaving is the only way."""
    _known(purpose)
    if not PURPOSES[purpose].may_withdraw:
        raise Invalid(PURPOSES[purpose].consequence, field="purpose")
    if Consent.objects.filter(user=user, purpose=purpose, withdrawn_at=None).update(withdrawn_at=now):
        for part in parts():
            part.withdraw(user.pk, purpose, now)


def _known(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise Invalid(_("There is no such text to agree to."), field="purpose")


def ask_for_export(*, user: User, now: datetime) -> Export:
    """Ask for everything about oneself; it is made as due work. Raises :class:`ExportWaits`: one at a time."""
    try:
        with transaction.atomic():
            export = Export.objects.create(user=user, asked_at=now)
            work.remember(what=MAKE_EXPORT, subject=export.number, due_at=now)
    except IntegrityError as error:
        raise ExportWaits(_("There is a file already. Fetch it, or throw it away before you ask again.")) from error
    return export


def make_export(*, number: str, now: datetime) -> None:
    """Write an export's file and tell the person. Nothing when it was thrown away meanwhile; may run twice."""
    export = Export.objects.filter(number=number, ended_at=None, made_at=None).first()
    if export is None:
        return
    with tempfile.TemporaryFile() as file:
        write_all(export.user_id, file)
        size = file.tell()
        file.seek(0)
        private_storage().delete(export.file)
        private_storage().save(export.file, File(file))
    ends_at = now + timedelta(days=settings.LINJIA_EXPORT_DAYS)
    with transaction.atomic():
        made = Export.objects.filter(pk=export.pk, ended_at=None, made_at=None)
        if made.update(made_at=now, ends_at=ends_at, size_bytes=size):
            work.remember(what=END_EXPORT, subject=number, due_at=ends_at)
            notify(user_id=export.user_id, kind="export_ready", facts={}, link="/me/privacy/", at=now)
            return
    private_storage().delete(export.file)


def end_export(*, number: str, now: datetime) -> None:
    """Throw an export's file away; nothing when it is gone."""
    export = Export.objects.filter(number=number).first()
    if export is not None:
        Export.objects.filter(pk=export.pk, ended_at=None).update(ended_at=now)
        private_storage().delete(export.file)


def leave(*, user: User, now: datetime) -> Leaving:
    """Ask for one's account to be deleted after a time of waiting. Who asks has just proved again who she is.

    She is signed out everywhere. Raises :class:`MustStay` while money, orders or cases of hers are open.
    """
    reasons = reasons_to_stay(user)
    if reasons:
        raise MustStay(" ".join(reasons), extra={"reasons": reasons})
    due_at = now + timedelta(days=settings.LINJIA_LEAVING_DAYS)
    with transaction.atomic():
        lock_rows(User.objects.filter(pk=user.pk))
        leaving, is_new = Leaving.objects.get_or_create(
            user=user, cancelled_at=None, defaults={"asked_at": now, "due_at": due_at}
        )
        if is_new:
            _note(user, "active", "leaving", f"user:{user.number}", now)
            work.remember(what=ERASE, subject=user.number, due_at=due_at)
    end_others(user=user, session_key="", now=now)
    return leaving


def stay(*, user: User, now: datetime) -> bool:
    """Take a deletion back: the person signed in again. Returns whether there was one."""
    with transaction.atomic():
        if not Leaving.objects.filter(user=user, cancelled_at=None, done_at=None).update(cancelled_at=now):
            return False
        work.forget(what=ERASE, subject=user.number)
        _note(user, "leaving", "active", f"user:{user.number}", now)
    return True


def erase(*, number: str, now: datetime) -> None:
    """Erase a person who left and did not come back: what the law does not keep goes; who she was is nobody's.

    When something of hers was opened meanwhile, the account stays, and she is told why. May run twice.
    """
    user = User.objects.filter(number=number).first()
    leaving = Leaving.objects.filter(user=user, cancelled_at=None, done_at=None).first() if user else None
    if user is None or leaving is None or leaving.due_at > now:
        return
    reasons = reasons_to_stay(user)
    if reasons:
        with transaction.atomic():
            Leaving.objects.filter(pk=leaving.pk, done_at=None).update(cancelled_at=now)
            _note(user, "leaving", "active", "system", now)
            notify(user_id=user.pk, kind="account_stays", facts={"reason": reasons[0]}, link="/me/privacy/", at=now)
        return
    for export in Export.objects.filter(user=user, ended_at=None):
        end_export(number=export.number, now=now)
    with transaction.atomic():
        lock_rows(User.objects.filter(pk=user.pk))
        expires_at = years_after(now, settings.LINJIA_RECORD_YEARS, timezone.get_default_timezone())
        if not Leaving.objects.filter(pk=leaving.pk, cancelled_at=None, done_at=None).update(
            done_at=now, expires_at=expires_at
        ):
            return
        for part in parts():
            part.erase(user.pk, now)
        work.remember(what=EXPIRE, subject=number, due_at=expires_at)
        _note(user, "leaving", "erased", "system", now)


def expire(*, number: str, now: datetime) -> None:
    """Erase what was kept for the law when its time is over. May run twice."""
    leaving = Leaving.objects.filter(user__number=number, cancelled_at=None, expires_at__lte=now).first()
    if leaving is None or leaving.expired_at is not None:
        return
    with transaction.atomic():
        for part in parts():
            part.expire(leaving.user_id, now)
        Leaving.objects.filter(pk=leaving.pk).update(expired_at=now)


def _note(user: User, source: str, target: str, actor: str, now: datetime) -> None:
    StateChange.objects.create(
        subject=f"user:{user.number}", source=source, target=target, actor=actor, reason="", at=now
    )
