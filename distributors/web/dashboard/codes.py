"""Coupon codes at the desk: make one, tell it, see what it brought, end it."""

from dataclasses import dataclass
from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from distributors.codes import actions, queries
from distributors.web.access import StoreRequest, store_owner
from shop.base.errors import DomainError
from shop.coupons.models import Coupon
from shop.web.access import show_refusal
from shop.web.coupon_cards import coupon_text, scope_texts

CODES_MAX = 100


class CodeForm(forms.Form):
    """Which coupon, and the word for it."""

    coupon = forms.ChoiceField(
        label=gettext_lazy("Coupon"),
        error_messages={"required": gettext_lazy("Choose a coupon.")},
    )
    code = forms.CharField(
        label=gettext_lazy("Your code"),
        max_length=16,
        help_text=gettext_lazy("4 to 16 letters and digits that are easily said, like AHE20."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Choose a word for your code.")},
    )


@dataclass(frozen=True)
class CodeRow:
    """A code at the desk: ``taken`` pieces it gave, ``used`` in orders."""

    code: str
    name: str
    text: str
    scope: str
    own_share: str
    url: str
    until: datetime
    taken: int
    used: int
    is_ended: bool


def code_url(request: HttpRequest, code: str) -> str:
    """Return the whole address of a code's page, to be sent to people."""
    return request.build_absolute_uri(reverse("code", args=[code]))


def _own_share(coupon: Coupon) -> str:
    if not coupon.store_bp:
        return ""
    share = f"{coupon.store_bp / 100:g}"
    return _("You bear %(share)s %% of what it takes off, out of your share of the sale.") % {"share": share}


@require_safe
@store_owner
def code_list(request: StoreRequest) -> HttpResponse:
    """The store's codes and what they brought."""
    found = list(queries.codes_of(request.store)[:CODES_MAX])
    scopes = scope_texts(row.coupon for row in found)
    rows = [
        CodeRow(
            code=row.code,
            name=row.coupon.name,
            text=coupon_text(row.coupon),
            scope=scopes[row.coupon_id],
            own_share=_own_share(row.coupon),
            url=code_url(request, row.code),
            until=row.coupon.claim_until,
            taken=row.pieces_taken,
            used=row.pieces_used,
            is_ended=row.ended_at is not None,
        )
        for row in found
    ]
    return render(request, "dashboard/codes.html", {"section": "codes", "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def code_new(request: StoreRequest) -> HttpResponse:
    """Make a word of one's own for a coupon that is offered."""
    now = timezone.now()
    offered = list(queries.offered(now)[:CODES_MAX])
    scopes = scope_texts(offered)
    form = CodeForm(request.POST or None)
    field = form.fields["coupon"]
    field.choices = [(row.code, row.name) for row in offered]  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        coupon = next(row for row in offered if row.code == form.cleaned_data["coupon"])
        try:
            made = actions.make_code(store=request.store, coupon=coupon, code=form.cleaned_data["code"], now=now)
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Your code %(code)s works from now on. Tell people!") % {"code": made.code})
            return redirect("dashboard-codes")
    choices = [
        {
            "code": row.code,
            "name": row.name,
            "text": coupon_text(row),
            "scope": scopes[row.pk],
            "funder": row.supplier.name if row.supplier else _("Linjia"),
            "own_share": _own_share(row),
            "until": row.claim_until,
        }
        for row in offered
    ]
    return render(request, "dashboard/code_new.html", {"section": "codes", "form": form, "choices": choices})


@require_POST
@store_owner
def code_end(request: StoreRequest, word: str) -> HttpResponse:
    """Let a code give nothing more."""
    actions.end_code(code=queries.code_of(request.store, word), now=timezone.now())
    messages.success(request, _("This code gives nothing more. Coupons people took by it stay usable."))
    return redirect("dashboard-codes")
