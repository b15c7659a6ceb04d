"""Coupons, the pieces people hold, their uses, and each use's share of every order line."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from shop.base.numbers import new_number
from shop.coupons import rules
from shop.coupons.states import CLAIM, COUPON, ClaimState, CouponState
from shop.suppliers.models import Supplier


def new_claim_number() -> str:
    return new_number("C")


class Coupon(models.Model):
    """A coupon's terms, who funds it, and the counters of its limits.

    ``supplier`` says whose it is: None for the platform's. ``spent_fen`` is what unreturned uses took
    off, never above ``budget_fen``. The terms are fixed once it is no draft any more.
    """

    lifecycle = COUPON

    class Kind(models.TextChoices):
        AMOUNT = rules.AMOUNT, _("amount off")
        PERCENT = rules.PERCENT, _("percentage off")
        NEW_CUSTOMER = rules.NEW_CUSTOMER, _("amount off the first order")

    class Scope(models.TextChoices):
        ALL = rules.ALL, _("all goods")
        SUPPLIERS = rules.SUPPLIERS, _("some suppliers")
        CATEGORIES = rules.CATEGORIES, _("some categories")
        PRODUCTS = rules.PRODUCTS, _("some products")

    code = models.CharField(_("code"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=40)
    supplier = models.ForeignKey(
        Supplier, models.PROTECT, null=True, blank=True, related_name="coupons", verbose_name=_("supplier")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.AMOUNT)
    amount_fen = models.BigIntegerField(_("amount off (fen)"), default=0)
    percent_bp = models.PositiveIntegerField(_("percentage off (bp)"), default=0)
    ceiling_fen = models.BigIntegerField(_("at most (fen)"), default=0)
    min_fen = models.BigIntegerField(_("goods from (fen)"), default=0)
    scope = models.CharField(_("counts for"), max_length=12, choices=Scope, default=Scope.ALL)
    # Codes of suppliers or categories, numbers of products.
    scope_keys = models.JSONField(_("codes or numbers"), default=list, blank=True)
    claim_from = models.DateTimeField(_("to be claimed from"))
    claim_until = models.DateTimeField(_("to be claimed until"))
    # Either both instants, or days after the claim.
    use_from = models.DateTimeField(_("usable from"), null=True, blank=True)
    use_until = models.DateTimeField(_("usable until"), null=True, blank=True)
    use_days = models.PositiveSmallIntegerField(_("usable for days after the claim"), null=True, blank=True)
    per_person_max = models.PositiveSmallIntegerField(_("pieces per person"), default=1)
    pieces_max = models.PositiveIntegerField(_("pieces in all"))
    claimed = models.PositiveIntegerField(_("claimed"), default=0)
    budget_fen = models.BigIntegerField(_("budget (fen)"))
    spent_fen = models.BigIntegerField(_("spent (fen)"), default=0)
    # Of one group a customer uses one piece; groups add up.
    stacking_group = models.CharField(_("stacking group"), max_length=20, default="standard")
    platform_bp = models.PositiveIntegerField(_("platform bears (bp)"), default=10_000)
    supplier_bp = models.PositiveIntegerField(_("supplier bears (bp)"), default=0)
    store_bp = models.PositiveIntegerField(_("the code's store bears (bp)"), default=0)
    # Only by the codes distributors make of it, not in the coupon centre.
    by_code_only = models.BooleanField(_("by distributors' codes only"), default=False)
    for_distributors = models.BooleanField(_("distributors may make codes"), default=False)
    state = models.CharField(_("state"), max_length=8, choices=CouponState, default=CouponState.DRAFT)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        indexes = [models.Index(fields=["state", "claim_until"]), models.Index(fields=["supplier", "-id"])]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(kind="percent", percent_bp__gt=0, percent_bp__lt=10_000, ceiling_fen__gt=0)
                    | (~Q(kind="percent") & Q(amount_fen__gt=0))
                )
                & Q(min_fen__gte=0),
                name="coupons_takes_something",
            ),
            models.CheckConstraint(
                condition=Q(platform_bp=10_000 - F("supplier_bp") - F("store_bp")), name="coupons_funded_whole"
            ),
            models.CheckConstraint(
                condition=(Q(supplier_bp=0) | Q(supplier__isnull=False))
                & (Q(store_bp=0) | Q(supplier=None, by_code_only=True)),
                name="coupons_funders_agree",
            ),
            models.CheckConstraint(
                condition=Q(claim_until__gt=F("claim_from"))
                & (
                    Q(use_days=None, use_from__isnull=False, use_until__gt=F("use_from"))
                    | Q(use_days__gte=1, use_from=None, use_until=None)
                ),
                name="coupons_windows",
            ),
            models.CheckConstraint(
                condition=Q(claimed__lte=F("pieces_max"), per_person_max__gte=1), name="coupons_pieces_within"
            ),
            models.CheckConstraint(
                condition=Q(spent_fen__gte=0, spent_fen__lte=F("budget_fen"), budget_fen__gt=0),
                name="coupons_budget_within",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CouponClaim(models.Model):
    """A person's piece of a coupon. ``turn`` counts her pieces of it: 1, 2, 3 … up to the limit."""

    lifecycle = CLAIM

    number = models.CharField(_("number"), max_length=32, unique=True, default=new_claim_number)
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="claims", verbose_name=_("coupon"))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("person"))
    turn = models.PositiveSmallIntegerField(_("which of hers"))
    # The distributor's code it came by, "" when she took it herself.
    code = models.CharField(_("by code"), max_length=16, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=ClaimState, default=ClaimState.CLAIMED)
    claimed_at = models.DateTimeField(_("claimed at"))
    use_from = models.DateTimeField(_("usable from"))
    use_until = models.DateTimeField(_("usable until"))
    order_number = models.CharField(_("used by order"), max_length=32, blank=True)

    class Meta:
        verbose_name = _("coupon piece")
        verbose_name_plural = _("coupon pieces")
        indexes = [
            models.Index(fields=["user", "state", "use_until"]),
            models.Index(
                fields=["use_until"], condition=Q(state__in=["claimed", "returned"]), name="coupons_to_expire"
            ),
            models.Index(fields=["code"], condition=~Q(code=""), name="coupons_by_code"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["coupon", "user", "turn"], name="coupons_turn_once"),
            models.CheckConstraint(condition=Q(use_until__gt=F("use_from"), turn__gte=1), name="coupons_claim_window"),
            models.CheckConstraint(
                condition=Q(state="used") & ~Q(order_number="") | ~Q(state="used") & Q(order_number=""),
                name="coupons_used_by_an_order",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class CouponUse(models.Model):
    """One piece used by one order; it stays as history when the piece is given back."""

    order_number = models.CharField(_("order"), max_length=32, db_index=True)
    claim = models.ForeignKey(CouponClaim, models.PROTECT, related_name="uses", verbose_name=_("coupon piece"))
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="uses", verbose_name=_("coupon"))
    discount_fen = models.BigIntegerField(_("discount (fen)"))
    # Whose first order this is: the database writes it with an order's first use of a coupon for new customers.
    first_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    at = models.DateTimeField(_("at"))
    returned_at = models.DateTimeField(_("given back at"), null=True, blank=True)

    class Meta:
        verbose_name = _("coupon use")
        verbose_name_plural = _("coupon uses")
        constraints = [
            models.UniqueConstraint(fields=["claim"], condition=Q(returned_at=None), name="coupons_piece_used_once"),
            models.UniqueConstraint(fields=["order_number", "claim"], name="coupons_use_once"),
            # Two orders at the same moment are not both somebody's first.
            models.UniqueConstraint(
                fields=["first_of"],
                condition=Q(returned_at=None, first_of__isnull=False),
                name="coupons_first_order_once",
            ),
            models.CheckConstraint(condition=Q(discount_fen__gt=0), name="coupons_use_some"),
        ]

    def __str__(self) -> str:
        return f"{self.order_number}: {self.discount_fen}"


class CouponShare(models.Model):
    """What a use took off one order line, and who bears it."""

    use = models.ForeignKey(CouponUse, models.PROTECT, related_name="shares")
    line = models.PositiveSmallIntegerField(_("line"))
    discount_fen = models.BigIntegerField(_("discount (fen)"))
    platform_fen = models.BigIntegerField(_("platform bears (fen)"), default=0)
    supplier_fen = models.BigIntegerField(_("supplier bears (fen)"), default=0)
    store_fen = models.BigIntegerField(_("store bears (fen)"), default=0)

    class Meta:
        verbose_name = _("coupon share")
        verbose_name_plural = _("coupon shares")
        constraints = [
            models.UniqueConstraint(fields=["use", "line"], name="coupons_share_once"),
            models.CheckConstraint(
                condition=Q(discount_fen=F("platform_fen") + F("supplier_fen") + F("store_fen"))
                & Q(discount_fen__gt=0, platform_fen__gte=0, supplier_fen__gte=0, store_fen__gte=0),
                name="coupons_share_borne_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.use_id}/{self.line}: {self.discount_fen}"
