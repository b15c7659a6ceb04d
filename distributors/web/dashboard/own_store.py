"""The store's own face, and whom its owner recruited."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models import Count, F, OuterRef, Subquery, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from distributors.commissions.models import Commission
from distributors.referrals.queries import recruits_of
from distributors.stores import actions
from distributors.stores.models import Distributor
from distributors.stores.states import DistributorState
from distributors.web.access import StoreRequest, store_owner
from distributors.web.dashboard.forms import StoreForm
from shop.accounts.rules import mask_name
from shop.base.errors import DomainError
from shop.web.access import show_refusal
from shop.web.product_page import more_url
from shop.web.shelf import stored_picture, stretch

PER_PAGE = 20
# What a commission is still worth.
LEFT = F("amount_fen") - F("clawed_back_fen")

STATE_TONES = {
    DistributorState.APPLIED: "wait",
    DistributorState.ACTIVE: "good",
}


@dataclass(frozen=True)
class Recruit:
    """Somebody she told about Linjia. Of the sales: what they brought her by level 2, in fen."""

    store_name: str
    owner: str
    state: str
    tone: str
    since: datetime
    orders: int
    sales_fen: int
    level2_fen: int


@require_safe
@store_owner
def team(request: StoreRequest) -> HttpResponse:
    """The recruits and their sales: no money for heads, level 2 of real sales only."""
    rows = recruits_of(request.desk.distributor)
    found, position = stretch(rows, request.GET.get("after", ""), PER_PAGE)
    context = {
        "section": "team",
        "rows": _recruits(request, found),
        "recruits": rows.count(),
        "level2_fen": _level2(request),
        "more_url": more_url(request, position),
        "invite_url": request.build_absolute_uri(f"{reverse('dashboard-join')}?from={request.store.code}"),
    }
    return render(request, "dashboard/team.html", context)


def _level2(request: StoreRequest) -> int:
    rows = Commission.objects.filter(store=request.store, level=2)
    return int(rows.aggregate(left=Sum(LEFT, default=0))["left"])


def _recruits(request: StoreRequest, found: list[Distributor]) -> list[Recruit]:
    """Return recruits with their own sales. Two statements whatever their number."""
    stores = [row.store.pk for row in found]
    sales = {
        row["store_id"]: (row["orders"], int(row["base_fen"] or 0))
        for row in Commission.objects.filter(store_id__in=stores, level=1)
        .values("store_id")
        .annotate(orders=Count("order_number", distinct=True), base_fen=Sum("base_fen"))
    }
    # Which recruit a level 2 share came from stands in the level 1 row of the same line.
    seller = Commission.objects.filter(order_number=OuterRef("order_number"), line=OuterRef("line"), level=1).values(
        "store_id"
    )
    shares = {
        seller_id: int(left)
        for seller_id, left in Commission.objects.filter(store=request.store, level=2)
        .annotate(seller=Subquery(seller))
        .filter(seller__in=stores)
        .values("seller")
        .annotate(left=Sum(LEFT))
        .values_list("seller", "left")
    }
    return [
        Recruit(
            store_name=row.store.name,
            owner=mask_name(str(row.user)),
            state=row.get_state_display(),
            tone=STATE_TONES.get(DistributorState(row.state), "quiet"),
            since=row.approved_at or row.applied_at,
            orders=sales.get(row.store.pk, (0, 0))[0],
            sales_fen=sales.get(row.store.pk, (0, 0))[1],
            level2_fen=shares.get(row.store.pk, 0),
        )
        for row in found
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@store_owner
def settings(request: StoreRequest) -> HttpResponse:
    """Name, announcement and picture."""
    store = request.store
    first = {"name": store.name, "announcement": store.announcement}
    form = StoreForm(request.POST or None, request.FILES or None, initial=first)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        portrait = b"" if facts["without_portrait"] and facts["portrait"] is None else facts["portrait"]
        try:
            actions.update_store(
                store=store,
                name=facts["name"],
                announcement=facts["announcement"],
                portrait=portrait,
                now=timezone.now(),
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("dashboard-store")
    context = {
        "section": "store",
        "form": form,
        "store": store,
        "portrait": stored_picture(store.portrait.name),
        "store_url": request.build_absolute_uri(reverse("store", args=[store.code])),
        "may_leave": request.desk.distributor.state in (DistributorState.ACTIVE, DistributorState.SUSPENDED),
    }
    return render(request, "dashboard/store.html", context)
