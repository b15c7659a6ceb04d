"""Becoming a distributor, waiting, and leaving. Joining is free and asks for no purchase."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from distributors.stores import actions
from distributors.stores.models import Distributor
from distributors.stores.queries import distributor_of
from distributors.stores.states import DistributorState
from distributors.web.access import StoreRequest, store_owner
from distributors.web.dashboard.forms import JoinForm, LeaveForm
from shop.base.errors import DomainError
from shop.states.machine import subject_of
from shop.states.models import StateChange
from shop.web.access import CustomerRequest, customer_only, show_refusal

# Whoever stands here may apply (again).
_MAY_APPLY = (DistributorState.REJECTED, DistributorState.LEFT)


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def join(request: CustomerRequest) -> HttpResponse:
    """Apply for a store, or see how the application stands."""
    distributor = distributor_of(request.user)
    if distributor is not None and distributor.approved_at and distributor.state not in _MAY_APPLY:
        return redirect("dashboard")
    may_apply = distributor is None or distributor.state in _MAY_APPLY
    form = JoinForm(request.POST or None, initial=_first_values(request, distributor))
    if request.method == "POST" and may_apply and form.is_valid():
        try:
            actions.apply(user=request.user, now=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Your application is on its way."))
            return redirect("dashboard-join")
    context = {
        "form": form,
        "distributor": distributor,
        "may_apply": may_apply,
        "refusal": _refusal_of(distributor),
        "has_earnings": distributor is not None and distributor.approved_at is not None,
    }
    return render(request, "dashboard/join.html", context)


def _first_values(request: CustomerRequest, distributor: Distributor | None) -> dict[str, str]:
    if distributor is None:
        return {"referrer_code": request.GET.get("from", "")[:24]}
    return {"store_name": distributor.store.name, "introduction": distributor.introduction}


def _refusal_of(distributor: Distributor | None) -> str:
    """Return why an application was declined, "" when it was not."""
    if distributor is None or distributor.state != DistributorState.REJECTED:
        return ""
    changes = StateChange.objects.filter(subject=subject_of(distributor), target=DistributorState.REJECTED)
    change = changes.order_by("-at", "-pk").first()
    return change.reason if change else ""


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def leave(request: StoreRequest) -> HttpResponse:
    """Close the store; what was earned stays payable."""
    form = LeaveForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.leave(distributor=request.desk.distributor, now=timezone.now())
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Your store is closed. What you earned stays yours."))
            return redirect("dashboard-earnings")
    return render(request, "dashboard/leave.html", {"section": "store", "form": form})
