"""The rows of a case: open it, answer it, move it on. What follows from it stands in ``orders.flow``."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale, Evidence, EvidencePhoto
from orders.aftersales.rules import Proposal
from orders.aftersales.states import AfterSaleState
from orders.lifecycle.models import OrderLine
from shop.base.errors import Conflict, Invalid
from shop.base.locks import require_transaction
from shop.media import actions as media
from shop.media.models import Picture
from shop.states.machine import move
from shop.work import actions as work

PHOTOS_MAX = 6
TEXT_LENGTH_MAX = 500


class CaseOpen(Conflict):
    """There is an open case about this line already."""

    code = "aftersale_open"


def open_case(
    *,
    order_line: OrderLine,
    kind: str,
    reason: str,
    proposal: Proposal,
    now: datetime,
) -> AfterSale:
    """Open a case; the supplier's time to answer begins. Raises :class:`CaseOpen`."""
    require_transaction()
    try:
        with transaction.atomic():
            case = AfterSale.objects.create(
                order_id=order_line.order_id,
                supplier_order_id=order_line.supplier_order_id,
                order_line=order_line,
                kind=kind,
                reason=reason,
                quantity=proposal.asked,
                amount_fen=proposal.amount_fen,
                freight_fen=proposal.freight_fen,
                basis=proposal.facts(),
                opened_at=now,
            )
    except IntegrityError as error:
        raise CaseOpen(
            _("There is an open after-sale about these goods already. Go on with that one."),
            field="line",
        ) from error
    set_deadline(case=case, hours=settings.LINJIA_AFTERSALE_ANSWER_HOURS, now=now)
    return case


def set_deadline(*, case: AfterSale, hours: int | None, now: datetime) -> None:
    """Say when silence decides the case; None takes the deadline away."""
    require_transaction()
    case.deadline_at = now + timedelta(hours=hours) if hours is not None else None
    AfterSale.objects.filter(pk=case.pk).update(deadline_at=case.deadline_at)
    work.forget(what="aftersale.deadline", subject=case.number)
    if case.deadline_at is not None:
        work.remember(what="aftersale.deadline", subject=case.number, due_at=case.deadline_at)


def step(
    *,
    case: AfterSale,
    to: AfterSaleState,
    actor: str,
    now: datetime,
    reason: str = "",
    hours: int | None = None,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Move a case on and set its next deadline. Raises ``StateConflict``."""
    require_transaction()
    ends = to in (AfterSaleState.REFUNDED, AfterSaleState.WITHDRAWN)
    values = dict(changes or {}) | ({"closed_at": now} if ends else {})
    move(case, to, actor=actor, at=now, reason=reason, changes=values)
    set_deadline(case=case, hours=hours, now=now)


def add_evidence(
    *, case: AfterSale, author: str, text: str, pictures: Sequence[Picture] = (), now: datetime
) -> Evidence | None:
    """Add words and photos to the conversation; None when there is neither.

    Raises ``Invalid`` for more than six photos, too many words, an author we do not know, or a picture that was
    used already.
    """
    require_transaction()
    words = text.replace("\x00", "").strip()
    if len(words) > TEXT_LENGTH_MAX:
        raise Invalid(_("Say it in at most %(most)s characters.") % {"most": TEXT_LENGTH_MAX}, field="text")
    if len(pictures) > PHOTOS_MAX:
        raise Invalid(_("At most %(most)s pictures.") % {"most": PHOTOS_MAX}, field="pictures")
    if author not in Evidence.Author.values:
        raise Invalid(_("Somebody must have said it."), field="author")
    if not words and not pictures:
        return None
    said = Evidence.objects.create(aftersale=case, author=author, text=words, at=now)
    for position, picture in enumerate(pictures):
        if picture.purpose != Picture.Purpose.EVIDENCE:
            raise Invalid(_("This picture was sent for something else."), field="pictures")
        media.attach(picture=picture, now=now)
        EvidencePhoto.objects.create(evidence=said, picture=picture, position=position)
    return said
