"""Looking at personal data in full, on record."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from shop.base.errors import Invalid
from shop.privacy.models import Unmasking

REASON_LENGTH_MIN = 5


def note_looks(
    *, actor: str, subjects: Iterable[str], fields: Sequence[str], reason: str, now: datetime
) -> list[Unmasking]:
    """Write down that ``actor`` sees these fields of these subjects in full. Raises ``Invalid`` (``reason``)."""
    why = " ".join(reason.split())
    if not REASON_LENGTH_MIN <= len(why) <= 200:
        raise Invalid(_("Say why you need it, in 5 to 200 characters: it is kept."), field="reason")
    return Unmasking.objects.bulk_create(
        [
            Unmasking(actor=actor, subject=subject, fields=", ".join(fields)[:200], reason=why, at=now)
            for subject in subjects
        ]
    )
