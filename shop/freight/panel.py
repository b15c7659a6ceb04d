"""Supplier panel: what my delivery costs."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shop.base.backoffice import Act, ActForm, YuanField, yuan
from shop.base.errors import NotFound
from shop.freight import actions
from shop.freight.models import FreightRule, FreightTemplate
from shop.panel.rows import OwnInline, OwnRows
from shop.panel.site import own_supplier, supplier_site
from shop.regions.queries import names, place_named


class RuleForm(ActForm):
    region_code = forms.CharField(
        label=_("Region"),
        max_length=80,
        required=False,
        help_text=_(
            "Its names from the province down, down to the village if you like, or its code. Empty: the whole country."
        ),
    )
    is_deliverable = forms.BooleanField(label=_("Deliverable"), required=False, initial=True)
    first_units = forms.IntegerField(label=_("First units (pieces or grams)"), min_value=1, initial=1)
    first_fen = YuanField(label=_("First price (¥)"), initial=0)
    continued_units = forms.IntegerField(label=_("Each further units"), min_value=1, initial=1)
    continued_fen = YuanField(label=_("Each further price (¥)"), initial=0)
    free_above_fen = YuanField(label=_("Free above (¥)"), required=False)

    def clean_region_code(self) -> str:
        """Return the code of the place that is named."""
        written: str = self.cleaned_data["region_code"]
        try:
            return place_named(written).code if written else ""
        except NotFound as error:
            raise forms.ValidationError(str(error)) from error


def _set_rule(request: HttpRequest, row: FreightTemplate, data: dict[str, Any]) -> None:
    actions.set_rule(template=row, **data)


class RuleInline(OwnInline):
    model = FreightRule
    owner_path = "template__supplier"
    fields = (
        "place",
        "is_deliverable",
        "first_units",
        yuan("first_fen", _("first price")),
        "continued_units",
        yuan("continued_fen", _("each further price")),
        yuan("free_above_fen", _("free above")),
    )
    readonly_fields = fields

    @admin.display(description=_("region"))
    def place(self, row: FreightRule) -> str:
        if not row.region_code:
            return str(_("Everywhere else"))
        try:
            return f"{names(row.region_code)} ({row.region_code})"
        except NotFound:
            return row.region_code


@admin.register(FreightTemplate, site=supplier_site)
class FreightPanel(OwnRows):
    may_add = True
    list_display = ("name", "basis", "is_default")
    fields = ("name", "basis", "is_default")
    inlines = (RuleInline,)
    acts = (
        Act("rule", _("Set the price for a region"), _set_rule, RuleForm),
        Act(
            "default",
            _("Make it the default"),
            lambda request, row, data: actions.set_default(template=row),
            offered=lambda row: not row.is_default,
        ),
    )

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A new template is made by the same action as everywhere, owned by the supplier."""
        supplier = own_supplier(request)
        made = actions.create_template(supplier=supplier, **form.cleaned_data)  # type: ignore[arg-type]
        obj.__dict__.update(made.__dict__)
