"""Where a person is signed in: browsers with their sessions, mini-programs with their tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import AccessToken, BrowserSession, User
from shop.base.errors import NotFound

# A browser is noted again after this long; more often would write at every page.
_NOTED_EVERY = timedelta(hours=1)
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("HarmonyOS", "HarmonyOS"), ("Android", "Android"),
    ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_BROWSERS = (
    ("MicroMessenger", "WeChat"), ("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """One place where a person is signed in."""

    number: str
    name: str | Promise
    seen_at: datetime
    is_here: bool


def device_of(user_agent: str) -> str:
    """Return what a person calls this browser, ``Chrome · Windows``; "" for what nobody knows."""
    found = [next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(part for part in found if part)


def note_browser(*, user: User, session_key: str, user_agent: str, now: datetime) -> None:
    """Write down that a browser signed in."""
    BrowserSession.objects.update_or_create(
        session_key=session_key,
        defaults={"user": user, "device": device_of(user_agent), "signed_in_at": now, "seen_at": now},
    )


def devices_of(user: User, *, session_key: str, now: datetime) -> list[Device]:
    """Return where a person is signed in now, this browser first, then the one seen last."""
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    browsers = BrowserSession.objects.filter(user=user, session_key__in=alive)
    BrowserSession.objects.filter(user=user, session_key=session_key, seen_at__lt=now - _NOTED_EVERY).update(
        seen_at=now
    )
    found = [
        Device(row.number, row.device or _("A browser"), row.seen_at, row.session_key == session_key)
        for row in browsers
    ]
    tokens = AccessToken.objects.filter(
        user=user, kind=AccessToken.Kind.REFRESH, revoked_at=None, used_at=None, expires_at__gt=now
    )
    found += [
        Device(row.family, row.device or _("Mini-program"), row.created_at, is_here=False)
        for row in tokens.only("family", "device", "created_at")
    ]
    return sorted(found, key=lambda device: (not device.is_here, -device.seen_at.timestamp()))


@transaction.atomic
def end_device(*, user: User, number: str, now: datetime) -> None:
    """Sign a person out in one place. Raises ``NotFound`` for a place that is not hers."""
    browser = BrowserSession.objects.filter(user=user, number=number).first()
    if browser is not None:
        Session.objects.filter(session_key=browser.session_key).delete()
        browser.delete()
        return
    ended = AccessToken.objects.filter(user=user, family=number, revoked_at=None).update(revoked_at=now)
    if not ended:
        raise NotFound(_("You are not signed in there any more."))


@transaction.atomic
def end_others(*, user: User, session_key: str, now: datetime) -> None:
    """Sign a person out everywhere but in this browser ("": everywhere)."""
    others = BrowserSession.objects.filter(user=user).exclude(session_key=session_key)
    Session.objects.filter(session_key__in=list(others.values_list("session_key", flat=True))).delete()
    others.delete()
    AccessToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)


def follow_session(*, before: str, after: str) -> None:
    """Note that a browser's session goes on under another key."""
    BrowserSession.objects.filter(session_key=before).update(session_key=after)


def forget_ended(*, now: datetime) -> int:
    """Remove browsers whose sessions are over. Returns how many."""
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    return BrowserSession.objects.exclude(session_key__in=alive).delete()[0]
