"""The supplier panel: a second admin site, for members of a supplier."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from shop.suppliers.models import Supplier
from shop.suppliers.queries import supplier_of
from shop.suppliers.states import SupplierState

# A suspended supplier still ships, answers and reads its statements; it sells nothing.
MAY_ENTER = (SupplierState.ACTIVE, SupplierState.SUSPENDED)


def own_supplier(request: HttpRequest) -> Supplier | None:
    """Return the supplier the person behind a request works for, if it may use the panel."""
    if not hasattr(request, "own_supplier"):
        user: Any = request.user
        supplier = supplier_of(user) if user.is_authenticated and user.is_active else None
        allowed = supplier if supplier is not None and supplier.state in MAY_ENTER else None
        request.own_supplier = allowed  # type: ignore[attr-defined]
    found: Supplier | None = request.own_supplier  # type: ignore[attr-defined]
    return found


class SupplierSite(UnfoldAdminSite):
    """Signs in where everybody does; shows what its registered models scope to the supplier."""

    settings_name = "UNFOLD_SUPPLIER"
    site_title = _("Supplier panel")
    site_header = _("Supplier panel")
    index_title = _("Overview")

    def has_permission(self, request: HttpRequest) -> bool:
        return own_supplier(request) is not None

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if getattr(request.user, "is_authenticated", False) and not self.has_permission(request):
            return redirect(reverse("home"))
        target = request.GET.get("next") or reverse(f"{self.name}:index")
        return redirect(f"{reverse('sign-in')}?{urlencode({'next': target})}")


supplier_site = SupplierSite(name="supplier")
