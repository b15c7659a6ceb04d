"""How the amount of a case came about, in words: one line per fact, in the reader's language."""

from dataclasses import dataclass, fields

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orders.aftersales.models import AfterSale
from orders.aftersales.rules import FreightRule, Proposal

FREIGHT_WORDS: dict[str, str | Promise] = {
    FreightRule.NONE_PAID: gettext_lazy("Nothing was paid for delivery."),
    FreightRule.NOT_LAST: gettext_lazy("Delivery goes back with the last goods of the parcel; some stay with you."),
    FreightRule.DELIVERED: gettext_lazy("The delivery was made; it goes back only when the supplier is at fault."),
    FreightRule.NOT_SHIPPED: gettext_lazy("Nothing was sent, so the delivery goes back, too."),
    FreightRule.SUPPLIERS_FAULT: gettext_lazy("The supplier is at fault, so the delivery goes back, too."),
}


@dataclass(frozen=True)
class Explained:
    """One line of the account: what, how much in fen, and why."""

    text: str
    fen: int
    note: str = ""


def explain(proposal: Proposal) -> list[Explained]:
    """Return how a proposal's amount came about; its last line is the sum."""
    left = proposal.quantity - proposal.refunded_quantity
    paid = ngettext("Paid for %(count)s piece", "Paid for %(count)s pieces", proposal.quantity)
    lines = [Explained(paid % {"count": proposal.quantity}, proposal.paid_fen)]
    if proposal.refunded_fen:
        before = ngettext(
            "Gone back before (%(count)s piece)", "Gone back before (%(count)s pieces)", proposal.refunded_quantity
        )
        lines.append(Explained(before % {"count": proposal.refunded_quantity}, -proposal.refunded_fen))
    if proposal.asked == 0:
        goods, note = _("Goods: all that is left"), ""
    else:
        goods = ngettext("Goods: %(asked)s of %(left)s piece", "Goods: %(asked)s of %(left)s pieces", left)
        goods %= {"asked": proposal.asked, "left": left}
        note = _("Their share of what you really paid: discounts are spread over the pieces.")
    lines.append(Explained(goods, proposal.goods_fen, note))
    lines.append(Explained(_("Delivery"), proposal.freight_fen, str(FREIGHT_WORDS[proposal.freight_rule])))
    lines.append(Explained(_("Goes back to you"), proposal.amount_fen))
    return lines


def explain_case(case: AfterSale) -> list[Explained]:
    """Return how a case's amount came about; nothing for a case from before reasons were kept."""
    if not case.basis:
        return []
    return explain(Proposal(**{field.name: case.basis[field.name] for field in fields(Proposal)}))
