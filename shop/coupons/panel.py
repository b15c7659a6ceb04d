"""Supplier panel: my coupons, which I bear myself; and what both back offices do with coupons.

Make one, open, pause, close it, let its limits grow, watch its budget.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop.base.backoffice import Act, ActForm, Acting, ReasonForm, YuanField, yuan
from shop.base.errors import DomainError
from shop.base.money import FEN_PER_YUAN, format_yuan
from shop.coupons import actions
from shop.coupons.models import Coupon
from shop.coupons.states import CouponState
from shop.coupons.wording import benefit
from shop.panel.rows import OwnRows, supplier_person
from shop.panel.site import own_supplier, supplier_site

Actor = Callable[[HttpRequest], str]


class PercentField(forms.DecimalField):
    """A percentage as people write it; ``cleaned_data`` has it in basis points, 0 when nothing was written."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=100, max_digits=5, decimal_places=2, **kwargs)

    def clean(self, value: Any) -> Any:
        share = super().clean(value)
        return 0 if share is None else int(share * 100)


class MomentField(forms.DateTimeField):
    """A moment, chosen in the browser's own calendar."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **kwargs)


class CouponForm(ActForm):
    """A coupon's terms; its supplier bears it."""

    code = forms.RegexField(
        regex=r"^[0-9A-Za-z]{4,16}$", label=_("Code"), max_length=16, help_text=_("4 to 16 letters and digits.")
    )
    name = forms.CharField(label=_("Name"), max_length=40, help_text=_("What customers read."))
    kind = forms.ChoiceField(label=_("Kind"), choices=Coupon.Kind.choices)
    amount_fen = YuanField(label=_("Takes off (¥)"), required=False, help_text=_("Empty for a percentage."))
    percent_bp = PercentField(label=_("Takes off (%)"), required=False)
    ceiling_fen = YuanField(label=_("At most (¥)"), required=False, help_text=_("Of a percentage."))
    min_fen = YuanField(label=_("Goods from (¥)"), required=False, help_text=_("Empty: any amount."))
    scope = forms.ChoiceField(label=_("Counts for"), choices=Coupon.Scope.choices)
    scope_keys = forms.CharField(
        label=_("Codes or numbers"),
        max_length=1_000,
        required=False,
        help_text=_("Of the suppliers, categories or products, with commas between."),
    )
    claim_from = MomentField(label=_("To be taken from"), required=False, help_text=_("Empty: from now on."))
    claim_until = MomentField(label=_("To be taken until"))
    use_days = forms.IntegerField(label=_("Usable for days after that"), min_value=1, max_value=366, initial=14)
    per_person_max = forms.IntegerField(label=_("Pieces per person"), min_value=1, max_value=99, initial=1)
    pieces_max = forms.IntegerField(label=_("Pieces in all"), min_value=1, max_value=10_000_000)
    budget_fen = YuanField(label=_("Budget (¥)"), help_text=_("What it may take off in all; then it stops."))
    stacking_group = forms.CharField(
        label=_("Stacking group"),
        max_length=20,
        initial="standard",
        help_text=_("Of one group a customer uses one coupon; groups add up."),
    )
    for_distributors = forms.BooleanField(label=_("Distributors may make codes of it"), required=False)
    by_code_only = forms.BooleanField(label=_("Only by those codes, not in the coupon centre"), required=False)

    def terms(self) -> dict[str, Any]:
        """Return the fields of the coupon to be."""
        return self.terms_from(self.cleaned_data)

    @staticmethod
    def terms_from(cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a coupon from what the form found good."""
        facts = dict(cleaned)
        for name in ("amount_fen", "ceiling_fen", "min_fen"):
            facts[name] = facts[name] or 0
        is_percent = facts["kind"] == Coupon.Kind.PERCENT
        facts |= {"amount_fen": 0} if is_percent else {"percent_bp": 0, "ceiling_fen": 0}
        words = facts["scope_keys"].replace("，", ",").split(",")
        facts["scope_keys"] = [word.strip() for word in words if word.strip()]
        facts["claim_from"] = facts["claim_from"] or timezone.now()
        return facts


class GrowForm(ActForm):
    """What may grow of an open coupon; what is left empty stays."""

    budget_fen = YuanField(label=_("Budget (¥)"), required=False)
    pieces_max = forms.IntegerField(label=_("Pieces in all"), min_value=1, max_value=10_000_000, required=False)
    claim_until = MomentField(label=_("To be taken until"), required=False)


def terms_of(row: Coupon) -> dict[str, Any]:
    """Return a draft's terms as the form shows them: yuan, per cent, codes with commas, the clock on the wall."""
    facts = {name: getattr(row, name) for name in CouponForm.base_fields if hasattr(row, name)}
    for name in ("amount_fen", "ceiling_fen", "min_fen", "budget_fen"):
        facts[name] = Decimal(facts[name]) / FEN_PER_YUAN or None
    bears = {name: getattr(row, name) for name in ("platform_bp", "supplier_bp", "store_bp")}
    for name, value in {"percent_bp": row.percent_bp, **bears}.items():
        facts[name] = Decimal(value) / FEN_PER_YUAN
    facts["scope_keys"] = ", ".join(row.scope_keys)
    for name in ("claim_from", "claim_until"):
        facts[name] = timezone.localtime(facts[name])
    return facts | {"supplier": row.supplier}


def explain(row: Coupon) -> str:
    """Return what a coupon does and what it may still cost."""
    text = benefit(
        kind=row.kind,
        amount_fen=row.amount_fen,
        percent_bp=row.percent_bp,
        ceiling_fen=row.ceiling_fen,
        min_fen=row.min_fen,
    )
    facts = {"text": text, "spent": format_yuan(row.spent_fen), "budget": format_yuan(row.budget_fen)}
    return _("%(text)s. Spent ¥%(spent)s of ¥%(budget)s.") % facts


def _edit_act(form: type[CouponForm], permission: str) -> Act:
    def edits(_request: HttpRequest, row: Coupon, data: dict[str, Any]) -> None:
        actions.edit_coupon(coupon=row, terms=form.terms_from(data))

    return Act(
        "edit",
        _("Change the draft"),
        edits,
        form,
        offered=lambda row: row.state == CouponState.DRAFT,
        initial=terms_of,
        explain=_("Customers see it when you open it; then its terms are fixed."),
        permission=permission,
    )


def coupon_acts(actor: Actor, permission: str = "", form: type[CouponForm] = CouponForm) -> tuple[Act, ...]:
    """Return what can be done to a coupon, by whom ``actor`` names; ``form`` asks for a draft's terms."""

    def opens(request: HttpRequest, row: Coupon, data: dict[str, Any]) -> None:
        actions.open_coupon(coupon=row, actor=actor(request), now=timezone.now())

    def pauses(request: HttpRequest, row: Coupon, data: dict[str, Any]) -> None:
        actions.pause_coupon(coupon=row, actor=actor(request), now=timezone.now(), **data)

    def closes(request: HttpRequest, row: Coupon, data: dict[str, Any]) -> None:
        actions.close_coupon(coupon=row, actor=actor(request), now=timezone.now(), **data)

    def grows(request: HttpRequest, row: Coupon, data: dict[str, Any]) -> None:
        actions.grow_coupon(coupon=row, **{name: value for name, value in data.items() if value is not None})

    living = (CouponState.OPEN, CouponState.PAUSED)
    return (
        _edit_act(form, permission),
        Act(
            "open",
            _("Open it"),
            opens,
            offered=lambda row: row.state in (CouponState.DRAFT, CouponState.PAUSED),
            explain=lambda row: explain(row) + "\n" + str(_("People can take and use it; its terms are fixed then.")),
            permission=permission,
        ),
        Act(
            "pause",
            _("Pause it"),
            pauses,
            ReasonForm,
            offered=lambda row: row.state == CouponState.OPEN,
            explain=_("Nobody takes or uses it until it is opened again."),
            permission=permission,
        ),
        Act(
            "grow",
            _("Raise its limits"),
            grows,
            GrowForm,
            offered=lambda row: row.state in living,
            explain=explain,
            permission=permission,
        ),
        Act(
            "close",
            _("Close it"),
            closes,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state != CouponState.CLOSED,
            explain=_("For good. Nobody takes it any more; pieces people have stay usable until their end."),
            permission=permission,
        ),
    )


class CouponDesk(Acting):
    """A list of coupons with their budgets, and a page to make one."""

    coupon_form: type[CouponForm] = CouponForm
    list_display = (
        "name",
        "code",
        "state",
        "kind",
        "taken",
        yuan("spent_fen", _("spent")),
        yuan("budget_fen", _("budget")),
        "claim_until",
    )
    list_filter: ClassVar[Any] = ("state", "kind")
    search_fields: ClassVar[Any] = ("code", "name")
    ordering: ClassVar[Any] = ("-pk",)
    fields: ClassVar[Any] = (
        *("name", "code", "state", "kind"),
        *(yuan("amount_fen", _("takes off")), "percent_bp", yuan("ceiling_fen", _("at most"))),
        *(yuan("min_fen", _("goods from")), "scope", "scope_keys", "claim_from", "claim_until", "use_from"),
        *("use_until", "use_days", "per_person_max", "taken", yuan("spent_fen", _("spent"))),
        *(yuan("budget_fen", _("budget")), "stacking_group", "platform_bp", "supplier_bp", "store_bp"),
        *("for_distributors", "by_code_only", "created_at"),
    )
    readonly_fields: ClassVar[Any] = fields

    @admin.display(description=_("taken"))
    def taken(self, row: Coupon) -> str:
        return f"{row.claimed} / {row.pieces_max}"

    def made(self, request: HttpRequest, terms: dict[str, Any]) -> Coupon:
        """Return the coupon to be, with its owner and who bears it."""
        raise NotImplementedError

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make a coupon; it is a draft until it is opened."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        week = timezone.localtime() + timedelta(days=7)
        form = self.coupon_form(request.POST or None, initial={"claim_until": week})
        if request.method == "POST" and form.is_valid():
            try:
                coupon = actions.create_coupon(coupon=self.made(request, form.terms()), now=timezone.now())
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            else:
                return HttpResponseRedirect(self._change_url(coupon))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("New coupon"),
            "act": {"label": _("Make a draft"), "explain": ""},
            "explain": _("Customers see it when you open it."),
            "row": _("New coupon"),
            "form": form,
            "back": reverse(f"{self.admin_site.name}:coupons_coupon_changelist"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.act_template, context, status=400 if form.errors else 200)


@admin.register(Coupon, site=supplier_site)
class CouponPanel(CouponDesk, OwnRows):
    may_add = True
    acts = coupon_acts(supplier_person)

    def made(self, request: HttpRequest, terms: dict[str, Any]) -> Coupon:
        return Coupon(supplier=own_supplier(request), platform_bp=0, supplier_bp=10_000, **terms)
