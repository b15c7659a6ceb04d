"""The lives of a reservation."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class ReservationState(models.TextChoices):
    OPEN = "open", _("reserved")
    CONSUMED = "consumed", _("consumed")
    RELEASED = "released", _("released")


RESERVATION = Table(
    "reservation",
    {
        ReservationState.OPEN: (ReservationState.CONSUMED, ReservationState.RELEASED),
        ReservationState.CONSUMED: (),
        ReservationState.RELEASED: (),
    },
)
