"""What a sale earns, as it was agreed when the order was placed."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from distributors.commissions.states import COMMISSION, CommissionState
from distributors.stores.models import Store
from shop.base.money import share_bp
from shop.base.numbers import new_number


def new_rule_number() -> str:
    return new_number("R")


class CommissionRule(models.Model):
    """A dated rate. The most specific scope wins, then the newest start. Never edited: superseded."""

    class Scope(models.TextChoices):
        CAMPAIGN = "campaign", _("campaign line")
        SKU = "sku", _("SKU")
        PRODUCT = "product", _("product")
        CATEGORY = "category", _("category")
        SUPPLIER = "supplier", _("supplier")
        GRADE = "grade", _("distributor grade")
        GLOBAL = "global", _("everything")

    class Funding(models.TextChoices):
        # Out of the margin between retail and supply price; the rule is refused where it does not fit.
        MARGIN = "margin", _("margin")
        # The supplier earns less where the margin does not suffice.
        SUPPLIER = "supplier", _("supplier")
        # The platform's own share may shrink to nothing; what still does not fit is cut at the order.
        PLATFORM = "platform", _("platform")

    number = models.CharField(_("number"), max_length=20, unique=True, default=new_rule_number)
    scope = models.CharField(_("scope"), max_length=10, choices=Scope)
    # The public number or code of what the scope names; empty for everything.
    scope_key = models.CharField(_("scope key"), max_length=40, blank=True)
    level1_bp = models.PositiveIntegerField(_("level 1 (bp)"))
    level2_bp = models.PositiveIntegerField(_("level 2 (bp)"), default=0)
    funding = models.CharField(_("funding"), max_length=10, choices=Funding, default=Funding.MARGIN)
    # 1, 2, 3 … for rules that supersede one another.
    version = models.PositiveIntegerField(_("version"), default=1)
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="superseded_by", verbose_name=_("replaces")
    )
    effective_from = models.DateTimeField(_("effective from"))
    effective_until = models.DateTimeField(_("effective until"), null=True, blank=True)
    created_by = models.CharField(_("created by"), max_length=64, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("commission rule")
        verbose_name_plural = _("commission rules")
        indexes = [models.Index(fields=["scope", "scope_key", "-effective_from"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(level1_bp__lte=10_000 - F("level2_bp")), name="commissions_rates_within_all"
            ),
            models.CheckConstraint(
                condition=Q(scope="global", scope_key="") | (~Q(scope="global") & ~Q(scope_key="")),
                name="commissions_scope_has_its_key",
            ),
            models.CheckConstraint(
                condition=Q(effective_until=None) | Q(effective_until__gte=F("effective_from")),
                name="commissions_rule_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.scope_key} {self.level1_bp}/{self.level2_bp}"


class Commission(models.Model):
    """What one store earns from one order line at one level. Rate and base never change."""

    lifecycle = COMMISSION

    order_number = models.CharField(_("order"), max_length=32)
    line = models.PositiveSmallIntegerField(_("line"))
    level = models.PositiveSmallIntegerField(_("level"))
    store = models.ForeignKey(Store, models.PROTECT, related_name="commissions", verbose_name=_("store"))
    base_fen = models.BigIntegerField(_("base (fen)"))
    rate_bp = models.PositiveIntegerField(_("rate (bp)"))
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    clawed_back_fen = models.BigIntegerField(_("clawed back (fen)"), default=0)
    state = models.CharField(_("state"), max_length=12, choices=CommissionState, default=CommissionState.FROZEN)
    rule_number = models.CharField(_("rule"), max_length=20, blank=True)
    accrued_at = models.DateTimeField(_("accrued at"))
    # When the line's return window has passed; unknown until it is received.
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("commission")
        verbose_name_plural = _("commissions")
        constraints = [
            models.UniqueConstraint(fields=["order_number", "line", "level"], name="commissions_once_per_level"),
            # Nobody is her own referrer: a store earns from a line at one level.
            models.UniqueConstraint(fields=["order_number", "line", "store"], name="commissions_one_level_each"),
            models.CheckConstraint(condition=Q(level__in=[1, 2]), name="commissions_two_levels"),
            models.CheckConstraint(
                condition=Q(amount_fen__gt=0, amount_fen__lte=F("base_fen")), name="commissions_amount"
            ),
            models.CheckConstraint(
                condition=Q(clawed_back_fen__gte=0, clawed_back_fen__lte=F("amount_fen")),
                name="commissions_claw_back_within",
            ),
            # Settled only after the line's return window, and with the time it happened.
            models.CheckConstraint(
                condition=~Q(state="settled") | Q(due_at__isnull=False, settled_at__gte=F("due_at")),
                name="commissions_settled_after_due",
            ),
            models.CheckConstraint(
                condition=~Q(state="clawed_back") | Q(clawed_back_fen=F("amount_fen")),
                name="commissions_clawed_back_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-id"]),
            # The sums of a store read this alone.
            models.Index(fields=["store", "state"], include=["amount_fen", "clawed_back_fen"], name="commissions_sums"),
            models.Index(fields=["due_at", "id"], condition=Q(state="frozen"), name="commissions_frozen_due"),
        ]

    def __str__(self) -> str:
        return f"{self.order_number}/{self.line} L{self.level}"

    @property
    def left_fen(self) -> int:
        """What it is still worth after claw-backs."""
        return self.amount_fen - self.clawed_back_fen

    @property
    def is_capped(self) -> bool:
        """Whether the margin guard cut it below its rate."""
        return self.amount_fen < share_bp(self.base_fen, self.rate_bp)


class ClawBack(models.Model):
    """What one refund took back from one commission. A row of its own, never an edit."""

    commission = models.ForeignKey(Commission, models.PROTECT, related_name="claw_backs")
    refund_number = models.CharField(_("refund"), max_length=32)
    amount_fen = models.BigIntegerField(_("amount (fen)"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("claw-back")
        verbose_name_plural = _("claw-backs")
        constraints = [
            models.UniqueConstraint(fields=["commission", "refund_number"], name="commissions_claw_back_once"),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="commissions_claw_back_some"),
        ]

    def __str__(self) -> str:
        return f"{self.refund_number}: {self.amount_fen}"
