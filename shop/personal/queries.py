"""What a person agreed to, her export, and whether she may leave. Each question starts from the person."""

from dataclasses import dataclass

from shop.accounts.models import User
from shop.personal.models import Consent, Export, Leaving
from shop.personal.rules import PURPOSES, Purpose
from shop.privacy.parts import parts


@dataclass(frozen=True, slots=True)
class Standing:
    """One purpose and what the person said to it, newest first."""

    purpose: Purpose
    given: Consent | None
    history: tuple[Consent, ...]


def standings_of(user: User) -> list[Standing]:
    """Return every purpose with what the person said to it."""
    said = list(Consent.objects.filter(user=user).order_by("-given_at", "-pk"))
    found = []
    for purpose in PURPOSES.values():
        history = tuple(one for one in said if one.purpose == purpose.code)
        given = next((one for one in history if one.withdrawn_at is None), None)
        found.append(Standing(purpose, given, history))
    return found


def has_agreed(user: User, purpose: str) -> bool:
    """Whether the person agreed to a purpose and did not take it back."""
    return Consent.objects.filter(user=user, purpose=purpose, withdrawn_at=None).exists()


def export_of(user: User) -> Export | None:
    """Return the person's export, being made or ready; None when there is none."""
    return Export.objects.filter(user=user, ended_at=None).first()


def leaving_of(user: User) -> Leaving | None:
    """Return the deletion a person asked for and did not take back."""
    return Leaving.objects.filter(user=user, cancelled_at=None).first()


def reasons_to_stay(user: User) -> list[str]:
    """Return why a person cannot leave yet, as sentences for her; empty: she may."""
    return [str(reason) for part in parts() for reason in part.reasons(user.pk)]
