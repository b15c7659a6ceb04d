"""The rows of a case: open it, answer it, move it on. What follows from it stands in ``orders.flow``."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.states import AfterSaleState
from orders.lifecycle.models import OrderLine
from shop.base.errors import Conflict, Invalid
from shop.base.locks import require_transaction
from shop.base.numbers import new_token
from shop.media.drawing import BYTES_MAX, draw
from shop.states.machine import move
from shop.work import actions as work

IMAGES_MAX = 6
TEXT_LENGTH_MAX = 500


class CaseOpen(Conflict):
    """There is an open case about this line already."""

    code = "aftersale_open"


def open_case(
    *,
    order_line: OrderLine,
    kind: str,
    reason: str,
    quantity: int,
    amount_fen: int,
    freight_fen: int,
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
                quantity=quantity,
                amount_fen=amount_fen,
                freight_fen=freight_fen,
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
    move(case, to, actor=actor, at=now, reason=reason[:300], changes=values)
    set_deadline(case=case, hours=hours, now=now)


def add_evidence(
    *, case: AfterSale, author: str, text: str, images: Sequence["File[bytes]"], now: datetime
) -> list[Evidence]:
    """Add words and pictures to the conversation; return what was added.

    Pictures are drawn anew: whatever else hides in the files, and their names, is gone. Raises
    ``Invalid`` for more than six pictures, for what is no picture, too many words, or an author we do
    not know.
    """
    words = text.strip()
    if len(words) > TEXT_LENGTH_MAX:
        raise Invalid(_("Say it in at most %(most)s characters.") % {"most": TEXT_LENGTH_MAX}, field="text")
    if len(images) > IMAGES_MAX:
        raise Invalid(_("At most %(most)s pictures.") % {"most": IMAGES_MAX}, field="images")
    if author not in Evidence.Author.values:
        raise Invalid(_("Somebody must have said it."), field="author")
    drawn = [_draw_anew(image) for image in images]
    first = drawn[0] if drawn else ""
    said = [(words, first), *(("", image) for image in drawn[1:])]
    return [
        Evidence.objects.create(aftersale=case, author=author, text=text, image=image, at=now)
        for text, image in said
        if text or image
    ]


def _draw_anew(image: "File[bytes]") -> "ContentFile[bytes]":
    try:
        picture = draw(image.read(BYTES_MAX + 1)).large
    except Invalid as error:
        raise Invalid(error.message, field="images") from error
    return ContentFile(picture, name=f"{new_token(24)}.webp")
