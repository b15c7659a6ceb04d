"""Suppliers, the people who work for them, and their papers."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from shop.base.numbers import new_token
from shop.privacy.fields import SealedField
from shop.privacy.rules import mask_tail
from shop.suppliers.states import SUPPLIER, SupplierState

# What most platforms ask for, and the longest a supplier may say (made to order, pre-sold).
DISPATCH_HOURS_USUAL, DISPATCH_HOURS_MAX = 48, 720


def new_supplier_code() -> str:
    return "s" + new_token(11)


class Supplier(models.Model):
    """A company that puts goods, stock, delivery and after-sales behind the distributors."""

    class Contract(models.TextChoices):
        # The supplier earns its supply price; the margin is the platform's and distributors'.
        SUPPLY_PRICE = "supply_price", _("supply price")
        # The supplier earns the net sale less the platform's fee and the commissions.
        COMMISSION = "commission", _("commission")

    lifecycle = SUPPLIER

    code = models.CharField(_("code"), max_length=24, unique=True, default=new_supplier_code)
    name = models.CharField(_("name"), max_length=80, unique=True)
    state = models.CharField(_("state"), max_length=12, choices=SupplierState, default=SupplierState.APPLIED)
    contract = models.CharField(_("contract"), max_length=16, choices=Contract, default=Contract.SUPPLY_PRICE)
    fee_bp = models.PositiveIntegerField(_("platform fee (bp)"), default=0)
    contact_name = SealedField(_("contact"), max_length=40, blank=True)
    contact_phone = SealedField(_("contact phone"), max_length=20, blank=True)
    return_address = SealedField(_("return address"), max_length=200, blank=True)
    # Where statements are paid, by bank transfer.
    bank_name = models.CharField(_("bank"), max_length=80, blank=True)
    bank_holder = SealedField(_("account holder"), max_length=80, blank=True)
    bank_account = SealedField(_("account number"), max_length=34, blank=True)
    about = models.CharField(_("about"), max_length=300, blank=True)
    # Within how many hours of the payment it hands a parcel to the carrier; each order keeps what was said then.
    dispatch_hours = models.PositiveSmallIntegerField(_("sends within (hours)"), default=DISPATCH_HOURS_USUAL)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("supplier")
        verbose_name_plural = _("suppliers")
        constraints = [
            models.CheckConstraint(condition=Q(fee_bp__lte=10_000), name="suppliers_fee_at_most_all"),
            models.CheckConstraint(
                condition=Q(dispatch_hours__gte=1, dispatch_hours__lte=DISPATCH_HOURS_MAX),
                name="suppliers_dispatch_hours",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def number(self) -> str:
        return self.code

    @property
    def masked_bank_account(self) -> str:
        """The account as screens may show it: its bank and the last four digits; empty when there is none."""
        return f"{self.bank_name} {mask_tail(self.bank_account)}".strip()


class SupplierMember(models.Model):
    """A person who works in a supplier's panel."""

    class Role(models.TextChoices):
        OWNER = "owner", _("owner")
        STAFF = "staff", _("staff")

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="members")
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="supplier_member", verbose_name=_("person")
    )
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.STAFF)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("supplier member")
        verbose_name_plural = _("supplier members")

    def __str__(self) -> str:
        return f"{self.user} · {self.supplier}"


class Qualification(models.Model):
    """A paper that lets a supplier sell a kind of goods, with its end date."""

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="qualifications")
    kind = models.CharField(_("kind"), max_length=40)
    paper_number = models.CharField(_("number"), max_length=60)
    valid_until_date = models.DateField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("qualification")
        verbose_name_plural = _("qualifications")
        constraints = [models.UniqueConstraint(fields=["supplier", "kind"], name="suppliers_paper_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.paper_number}"
