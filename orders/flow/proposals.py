"""What a case about a line may ask for: a question, before and when the case is opened."""

from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale
from orders.aftersales.rules import LineFacts, Proposal, freight_rule, refundable_fen, refundable_freight_fen
from orders.lifecycle.models import OrderLine
from shop.base.errors import Invalid


def line_left(line: OrderLine) -> LineFacts:
    """Return what was bought and paid on a line, and what of it went back."""
    return LineFacts(
        quantity=line.quantity,
        paid_fen=line.paid_fen,
        refunded_quantity=line.refunded_quantity,
        refunded_fen=line.refunded_fen,
    )


def propose(line: OrderLine, *, quantity: int, reason: str) -> Proposal:
    """Return what ``quantity`` pieces of a line give back, and why; 0 pieces ask for all money that is left.

    Raises ``Invalid`` (``quantity``, ``reason``) for pieces that are not there and reasons there are not.
    """
    facts, part = line_left(line), line.supplier_order
    if reason not in AfterSale.Reason.values:
        raise Invalid(_("Choose a reason."), field="reason")
    if not 0 <= quantity <= facts.left_quantity:
        raise Invalid(
            _("Choose from %(least)s to %(left)s pieces.") % {"least": 0, "left": facts.left_quantity}, field="quantity"
        )
    others = OrderLine.objects.filter(supplier_order=part).exclude(pk=line.pk)
    goods_fen = refundable_fen(facts, quantity)
    left_fen = part.freight_fen - part.freight_refunded_fen
    is_last = goods_fen == facts.left_fen and not any(line_left(other).left_fen for other in others)
    is_shipped = part.shipped_at is not None
    return Proposal(
        quantity=facts.quantity,
        paid_fen=facts.paid_fen,
        refunded_quantity=facts.refunded_quantity,
        refunded_fen=facts.refunded_fen,
        asked=quantity,
        goods_fen=goods_fen,
        freight_fen=refundable_freight_fen(left_fen=left_fen, is_last=is_last, is_shipped=is_shipped, reason=reason),
        freight_rule=freight_rule(left_fen=left_fen, is_last=is_last, is_shipped=is_shipped, reason=reason),
    )
