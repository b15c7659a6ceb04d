"""Staff: the dated rules of commissions, and every commission to look at."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from distributors.commissions import actions
from distributors.commissions.models import ClawBack, Commission, CommissionRule
from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, staff_actor, yuan
from shop.base.errors import DomainError

BASE = yuan("base_fen", _("base"))
AMOUNT = yuan("amount_fen", _("amount"))
TAKEN = yuan("clawed_back_fen", _("clawed back"))


class MomentField(forms.DateTimeField):
    """A moment from now on; empty means now."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(required=False, widget=widget, **kwargs)


class RatesForm(ActForm):
    level1_bp = forms.IntegerField(label=_("Level 1 (bp)"), min_value=0, max_value=10_000, help_text=_("1000 is 10 %."))
    level2_bp = forms.IntegerField(label=_("Level 2 (bp)"), min_value=0, max_value=10_000, initial=0)
    funding = forms.ChoiceField(label=_("Who pays"), choices=CommissionRule.Funding.choices)
    effective_from = MomentField(label=_("From"), help_text=_("Empty: from now on."))


class RuleForm(RatesForm):
    scope = forms.ChoiceField(label=_("What it is about"), choices=CommissionRule.Scope.choices)
    scope_key = forms.CharField(
        label=_("Its number or code"),
        max_length=40,
        required=False,
        help_text=_("Of the SKU, product, category, supplier or grade; empty for everything."),
    )
    effective_until = MomentField(label=_("Until"), help_text=_("Empty: until it is superseded."))

    field_order = ("scope", "scope_key", "level1_bp", "level2_bp", "funding", "effective_from", "effective_until")


class EndForm(ActForm):
    effective_until = MomentField(label=_("Ends"), help_text=_("Empty: now."))


def _supersede(request: HttpRequest, row: CommissionRule, data: dict[str, Any]) -> None:
    now = timezone.now()
    data["effective_from"] = data["effective_from"] or now
    actions.supersede_rule(rule=row, actor=staff_actor(request), now=now, **data)


def _end(request: HttpRequest, row: CommissionRule, data: dict[str, Any]) -> None:
    now = timezone.now()
    actions.end_rule(rule=row, effective_until=data["effective_until"] or now, now=now)


def _is_running(row: CommissionRule) -> bool:
    return row.effective_until is None or row.effective_until > timezone.now()


@admin.register(CommissionRule)
class CommissionRuleAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = (
        "number",
        "scope",
        "scope_key",
        "level1_bp",
        "level2_bp",
        "funding",
        "version",
        "effective_from",
        "effective_until",
    )
    list_filter = ("scope", "funding")
    search_fields = ("number", "scope_key")
    ordering = ("-pk",)
    fields = (*list_display, "supersedes", "created_by", "created_at")
    readonly_fields = fields
    acts = (
        Act(
            "supersede",
            _("Change the rates"),
            _supersede,
            RatesForm,
            offered=_is_running,
            explain=_("The rule ends and its next version begins. Orders placed before keep their rates."),
            permission="commissions.add_commissionrule",
        ),
        Act(
            "end",
            _("End it"),
            _end,
            EndForm,
            is_dangerous=True,
            offered=_is_running,
            explain=_("Then the next less specific rule applies."),
            permission="commissions.change_commissionrule",
        ),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return bool(user.has_perm("commissions.add_commissionrule"))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Agree on a new rule; refused with a report where the margin cannot pay it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RuleForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            now = timezone.now()
            facts = form.cleaned_data | {"effective_from": form.cleaned_data["effective_from"] or now}
            try:
                made = actions.create_rule(actor=staff_actor(request), now=now, **facts)
            except DomainError as error:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            else:
                return HttpResponseRedirect(self._change_url(made))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("New rule"),
            "act": {
                "label": _("Agree on it"),
                "explain": _("The most specific rule wins; a rule that some margin cannot pay is refused."),
            },
            "row": _("New rule"),
            "form": form,
            "back": reverse(f"{self.admin_site.name}:commissions_commissionrule_changelist"),
        }
        return TemplateResponse(request, self.act_template, context, status=400 if form.errors else 200)


class ClawBackInline(ReadOnly, TabularInline):
    model = ClawBack
    fields = ("at", "refund_number", AMOUNT)
    readonly_fields = fields
    extra = 0


@admin.register(Commission)
class CommissionAdmin(ReadOnly, ModelAdmin):
    list_display = (
        "order_number",
        "line",
        "level",
        "store",
        BASE,
        "rate_bp",
        AMOUNT,
        TAKEN,
        "state",
        "due_at",
        "settled_at",
    )
    list_filter = ("state", "level")
    search_fields = ("order_number", "store__name", "store__code", "rule_number")
    list_select_related = ("store",)
    ordering = ("-pk",)
    show_full_result_count = False
    inlines = (ClawBackInline,)
    fields = (
        "order_number",
        "line",
        "level",
        "store",
        BASE,
        "rate_bp",
        AMOUNT,
        TAKEN,
        "state",
        "rule_number",
        "accrued_at",
        "due_at",
        "settled_at",
    )
    readonly_fields = fields
