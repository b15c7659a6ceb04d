"""The cart: what is in it, changing it, and what comes along when somebody signs in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from orders.checkout import cart
from orders.checkout.cart_view import CartView
from orders.checkout.quote import quote
from orders.web.access import cart_owner, visitor_key
from shop.base.errors import DomainError
from shop.web.access import CustomerRequest, back_url, customer_only, is_part, safe_next, tell_refusal

QUANTITY_MAX = 999


def quantity_of(request: HttpRequest) -> int:
    """Return the quantity a form sends: 1 to 999, 1 for nonsense."""
    text = (request.POST.get("quantity") or request.GET.get("quantity") or "").strip()
    return min(max(int(text), 1), QUANTITY_MAX) if text.isdigit() and len(text) < 10 else 1


def _page(request: HttpRequest) -> CartView:
    return cart.cart_view(cart_owner(request), now=timezone.now())


def _show(request: HttpRequest) -> HttpResponse:
    """Answer a change: the cart anew for htmx, else back to its page."""
    if not is_part(request):
        return redirect("cart")
    response = render(request, "storefront/parts/cart.html", {"cart": _page(request)})
    response.headers["HX-Trigger"] = "cart-changed"
    return response


@require_safe
@never_cache
def show(request: HttpRequest) -> HttpResponse:
    """The cart, grouped by supplier."""
    return render(request, "storefront/cart.html", {"section": "cart", "cart": _page(request)})


@require_safe
@never_cache
def badge(request: HttpRequest) -> HttpResponse:
    """How many pieces are in the cart; a piece of every page's frame."""
    return render(request, "storefront/parts/cart_badge.html", {"count": cart.piece_count(cart_owner(request))})


@require_safe
@never_cache
def coupon_hint(request: HttpRequest) -> HttpResponse:
    """What her coupons would take off what is chosen; a piece of the cart."""
    owner = cart_owner(request)
    items = cart.selected_items(owner) if owner.user is not None else []
    found = None
    if items:
        found = quote(user=owner.user, items=items, region_code=None, visitor_key=owner.visitor_key, now=timezone.now())
    return render(request, "storefront/parts/cart_coupons.html", {"quote": found})


@require_POST
def put_in(request: HttpRequest) -> HttpResponse:
    """Put a SKU in the cart."""
    store_code = request.POST.get("store", "")[:24]
    try:
        cart.put_in(
            owner=cart_owner(request),
            sku_number=request.POST.get("sku", "")[:16],
            quantity=quantity_of(request),
            store_code=store_code,
            now=timezone.now(),
        )
    except DomainError as error:
        return tell_refusal(request, error, back_url(request, reverse("cart")))
    if request.POST.get("undo"):
        return _show(request)
    if not is_part(request):
        messages.success(request, _("It is in your cart."))
        return redirect(back_url(request, reverse("cart")))
    response = render(request, "components/toast.html", {"text": _("It is in your cart."), "level": "success"})
    response.headers["HX-Trigger"] = "cart-changed"
    return response


@require_POST
def buy_now(request: HttpRequest) -> HttpResponse:
    """Go to the checkout with one SKU, leaving the cart alone."""
    query: dict[str, str | int] = {
        "sku": request.POST.get("sku", "")[:16],
        "quantity": quantity_of(request),
        "store": request.POST.get("store", "")[:24],
    }
    return redirect(f"{reverse('checkout')}?{urlencode(query)}")


@require_POST
def set_quantity(request: HttpRequest, sku: str) -> HttpResponse:
    """Change how many of a SKU."""
    try:
        cart.set_quantity(owner=cart_owner(request), sku_number=sku, quantity=quantity_of(request), now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, reverse("cart"))
    return _show(request)


@require_POST
def select(request: HttpRequest, sku: str) -> HttpResponse:
    """Choose whether a SKU is bought this time."""
    chosen = request.POST.get("selected") == "yes"
    try:
        cart.select(owner=cart_owner(request), sku_number=sku, selected=chosen, now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, reverse("cart"))
    return _show(request)


@require_POST
def take_out(request: HttpRequest, sku: str) -> HttpResponse:
    """Take a SKU out; what was taken can be put back with one press."""
    try:
        line = cart.take_out(owner=cart_owner(request), sku_number=sku, now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, reverse("cart"))
    response = _show(request)
    if is_part(request):
        undo = {
            "text": _("Taken out."),
            "sku": sku,
            "quantity": line.quantity,
            "store_code": line.store_code,
        }
        response.content += render(request, "storefront/parts/undo.html", undo).content
    else:
        messages.success(request, _("Taken out."))
    return response


@require_safe
@customer_only
def welcome(request: CustomerRequest) -> HttpResponse:
    """Right after signing in: take the visitor's cart along, then go where she was heading."""
    cart.merge_carts(visitor_key=visitor_key(request), user=request.user, now=timezone.now())
    return redirect(safe_next(request, reverse("home")))
