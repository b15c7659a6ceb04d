"""The lives of a distributor."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class DistributorState(models.TextChoices):
    APPLIED = "applied", _("applied")
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    LEFT = "left", _("left")
    BANNED = "banned", _("banned")
    REJECTED = "rejected", _("rejected")


DISTRIBUTOR = Table(
    "distributor",
    {
        DistributorState.APPLIED: (
            DistributorState.ACTIVE,
            DistributorState.REJECTED,
            DistributorState.LEFT,
        ),
        DistributorState.REJECTED: (DistributorState.APPLIED,),
        DistributorState.ACTIVE: (
            DistributorState.SUSPENDED,
            DistributorState.LEFT,
            DistributorState.BANNED,
        ),
        DistributorState.SUSPENDED: (
            DistributorState.ACTIVE,
            DistributorState.LEFT,
            DistributorState.BANNED,
        ),
        DistributorState.LEFT: (DistributorState.APPLIED,),
        DistributorState.BANNED: (),
    },
)
