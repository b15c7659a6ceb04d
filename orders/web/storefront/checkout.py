"""From the cart to an order: addresses, delivery, the sum, placing it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from orders.checkout import cart
from orders.checkout.coupon_rows import chosen_of, coupon_rows
from orders.checkout.items import Item
from orders.checkout.place import place_order
from orders.checkout.quote import quote
from orders.lifecycle.queries import orders_of
from orders.lifecycle.states import OrderState
from orders.web.access import cart_owner, visitor_key
from orders.web.storefront.cart import quantity_of
from shop.accounts.models import Address
from shop.accounts.queries import addresses_of
from shop.base.errors import DomainError
from shop.suppliers.queries import dispatch_hours_of
from shop.web.access import CustomerRequest, customer_only, is_part
from shop.web.product_page import dispatch_hint


def _direct(request: CustomerRequest) -> Item | None:
    """Return what "buy now" asks for, None when the cart's selection is bought."""
    asked = request.POST if request.method == "POST" else request.GET
    sku_number = asked.get("sku", "")[:16]
    if not sku_number:
        return None
    return Item(sku_number=sku_number, quantity=quantity_of(request), store_code=asked.get("store", "")[:24])


def _chosen(request: CustomerRequest) -> tuple[str, ...] | None:
    asked = request.POST if request.method == "POST" else request.GET
    return chosen_of(asked.getlist("coupon"), is_said="coupons" in asked)


def _items(request: CustomerRequest, direct: Item | None) -> list[Item]:
    return [direct] if direct else cart.selected_items(cart_owner(request))


def _address(request: CustomerRequest, addresses: list[Address]) -> Address | None:
    wanted = request.GET.get("address", "")
    return next((one for one in addresses if one.number == wanted), addresses[0] if addresses else None)


def _checkout_url(direct: Item | None, address_number: str) -> str:
    query = {"address": address_number} if address_number else {}
    if direct:
        query |= {"sku": direct.sku_number, "quantity": str(direct.quantity), "store": direct.store_code}
    return f"{reverse('checkout')}?{urlencode(query)}"


@require_safe
@customer_only
def checkout(request: CustomerRequest) -> HttpResponse:
    """Show what it will cost, where it goes and who sends it."""
    direct = _direct(request)
    items = _items(request, direct)
    if not items:
        # Back from the cashier: what was chosen is an order by now.
        waiting = orders_of(request.user).filter(state=OrderState.PLACED).first()
        if waiting is not None:
            messages.info(request, _("This order is placed already. It waits for your payment."))
            return redirect("my-order", waiting.number)
        messages.info(request, _("Choose what to buy first."))
        return redirect("cart")
    addresses = list(addresses_of(request.user))
    address = _address(request, addresses)
    found = quote(
        user=request.user,
        items=items,
        region_code=address.region_code if address else None,
        visitor_key=visitor_key(request),
        coupons=_chosen(request),
        now=timezone.now(),
    )
    hours = dispatch_hours_of(group.supplier_id for group in found.groups)
    context = {
        "section": "cart",
        "direct": direct,
        "addresses": addresses,
        "address": address,
        "quote": found,
        "groups": [(group, dispatch_hint(hours[group.supplier_id])) for group in found.groups],
        "coupons": coupon_rows(found),
        "best_url": _checkout_url(direct, address.number if address else ""),
    }
    page = "storefront/parts/checkout.html" if is_part(request) else "storefront/checkout.html"
    return render(request, page, context)


@require_POST
@customer_only
def place(request: CustomerRequest) -> HttpResponse:
    """Place the order and go to the cashier. What changed meanwhile is shown, not charged."""
    direct = _direct(request)
    address_number = request.POST.get("address", "")[:20]
    expected = request.POST.get("expected", "")
    try:
        order = place_order(
            user=request.user,
            items=_items(request, direct),
            address_number=address_number,
            note=request.POST.get("note", "")[:200],
            visitor_key=visitor_key(request),
            coupons=_chosen(request),
            expected_payable_fen=int(expected) if expected.isdigit() and len(expected) < 16 else None,
            now=timezone.now(),
        )
    except DomainError as error:
        messages.error(request, str(error))
        return redirect(_checkout_url(direct, address_number))
    return redirect("cashier", order.number)
