"""The lives of a supplier."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class SupplierState(models.TextChoices):
    APPLIED = "applied", _("applied")
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    LEFT = "left", _("left")


SUPPLIER = Table(
    "supplier",
    {
        SupplierState.APPLIED: (SupplierState.ACTIVE, SupplierState.LEFT),
        SupplierState.ACTIVE: (SupplierState.SUSPENDED, SupplierState.LEFT),
        SupplierState.SUSPENDED: (SupplierState.ACTIVE, SupplierState.LEFT),
        SupplierState.LEFT: (),
    },
)
