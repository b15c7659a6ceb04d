"""The lives of an after-sale."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class AfterSaleState(models.TextChoices):
    OPENED = "opened", _("waiting for the supplier")
    AGREED = "agreed", _("agreed")
    RETURNING = "returning", _("on its way back")
    RECEIVED = "received", _("returned goods received")
    REFUNDED = "refunded", _("refunded")
    REJECTED = "rejected", _("rejected")
    ESCALATED = "escalated", _("with the platform")
    WITHDRAWN = "withdrawn", _("withdrawn")


AFTER_SALE = Table(
    "after_sale",
    {
        AfterSaleState.OPENED: (
            AfterSaleState.AGREED,
            AfterSaleState.REJECTED,
            AfterSaleState.WITHDRAWN,
        ),
        AfterSaleState.AGREED: (
            AfterSaleState.RETURNING,
            AfterSaleState.REFUNDED,
            AfterSaleState.WITHDRAWN,
        ),
        AfterSaleState.RETURNING: (AfterSaleState.RECEIVED,),
        AfterSaleState.RECEIVED: (AfterSaleState.REFUNDED,),
        AfterSaleState.REJECTED: (AfterSaleState.ESCALATED,),
        AfterSaleState.ESCALATED: (AfterSaleState.AGREED, AfterSaleState.WITHDRAWN),
        AfterSaleState.REFUNDED: (),
        AfterSaleState.WITHDRAWN: (),
    },
)

# While one of these is open the line's money stays frozen.
OPEN_STATES = (
    AfterSaleState.OPENED,
    AfterSaleState.AGREED,
    AfterSaleState.RETURNING,
    AfterSaleState.RECEIVED,
    AfterSaleState.ESCALATED,
)
