"""The lives of a commission."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class CommissionState(models.TextChoices):
    FROZEN = "frozen", _("frozen")
    HELD = "held", _("held")
    SETTLED = "settled", _("settled")
    CLAWED_BACK = "clawed_back", _("clawed back")


COMMISSION = Table(
    "commission",
    {
        CommissionState.FROZEN: (
            CommissionState.SETTLED,
            CommissionState.HELD,
            CommissionState.CLAWED_BACK,
        ),
        CommissionState.HELD: (CommissionState.FROZEN, CommissionState.CLAWED_BACK),
        CommissionState.SETTLED: (CommissionState.CLAWED_BACK,),
        CommissionState.CLAWED_BACK: (),
    },
)
