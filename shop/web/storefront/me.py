"""A person's own things: profile, address book, messages."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shop.accounts import addresses, queries
from shop.accounts.models import Address
from shop.base.errors import DomainError
from shop.media.portraits import portrait_of
from shop.notifications import queries as notification_queries
from shop.regions import queries as regions
from shop.suppliers.queries import supplier_of
from shop.web.access import (
    CustomerRequest,
    customer_only,
    safe_next,
    show_refusal,
    sign_in_url,
    tell_refusal,
)
from shop.web.forms import AddressForm, Levels, levels_of, read_levels


@require_safe
@customer_only
def me(request: CustomerRequest) -> HttpResponse:
    """The start of everything personal."""
    return render(
        request,
        "storefront/me.html",
        {
            "section": "me",
            "is_supplier": supplier_of(request.user) is not None,
            "portrait": portrait_of(request.user),
            "unread": notification_queries.unread_count(request.user),
        },
    )


@require_safe
@cache_control(private=True, no_store=True)
def account_links(request: HttpRequest) -> HttpResponse:
    """A piece of every page: the way to one's own things, or to the door and back here."""
    place = "" if request.user.is_authenticated else sign_in_url(request)
    return render(request, "storefront/parts/account_links.html", {"sign_in_url": place})


@require_safe
@customer_only
def address_list(request: CustomerRequest) -> HttpResponse:
    """The address book."""
    context = {
        "section": "me",
        "addresses": queries.addresses_of(request.user),
        "removed": request.session.pop("removed_address", None),
    }
    return render(request, "storefront/addresses.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def address_new(request: CustomerRequest) -> HttpResponse:
    """A new address; ``next`` leads back to the checkout it was asked from."""
    return _address_page(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def address_edit(request: CustomerRequest, number: str) -> HttpResponse:
    """Change one of the person's addresses."""
    return _address_page(request, queries.address_of(request.user, number))


def _address_page(request: CustomerRequest, address: Address | None) -> HttpResponse:
    way_back = safe_next(request, reverse("addresses"))
    if request.method == "POST":
        is_step = bool(request.POST.get("step") or request.POST.get("pick"))
        written = _pasted(request) if request.POST.get("step") == "paste" else request.POST.dict()
        levels = read_levels(written)
        form = AddressForm({**written, "region_code": levels.region_code})
        if not is_step and form.is_valid() and _save(request, form, address):
            messages.success(request, _("Address saved."))
            return redirect(way_back)
        if is_step:
            form.errors.clear()
    else:
        levels = levels_of(address.region_code) if address else read_levels({})
        form = AddressForm(initial=AddressForm.facts_of(address) if address else None)
    context = {
        "section": "me",
        "form": form,
        "levels": levels.selects,
        **_places(request, request.POST.get("place", "")),
        "pasted": request.POST.get("pasted", "")[:400],
        "next": way_back,
        "heading": _("Edit address") if address else _("New address"),
    }
    return render(request, "storefront/address_form.html", context)


def _pasted(request: CustomerRequest) -> dict[str, str]:
    """Return the form as a pasted address fills it; what it does not tell stays as it was written."""
    told = regions.read_address(request.POST.get("pasted", ""))
    facts = {"name": told.name, "phone": told.phone, "detail": told.detail, "pick": told.region_code}
    return {**request.POST.dict(), **{name: value for name, value in facts.items() if value}}


def _places(request: HttpRequest, looking: str) -> dict[str, object]:
    """Return the places to press: those that were looked for, else where the person's parcels went before."""
    if looking.strip():
        codes = [place.code for place in regions.places_like(looking)]
    elif request.user.is_authenticated:
        mine = queries.addresses_of(request.user).values_list("region_code", flat=True)
        codes = list(dict.fromkeys(mine))[:3]
    else:
        codes = []
    return {"places": list(regions.names_of(codes).items()), "looking": looking.strip()[:20]}


def _save(request: CustomerRequest, form: AddressForm, address: Address | None) -> bool:
    facts = form.cleaned_data
    try:
        addresses.save_address(
            user=request.user,
            number=address.number if address else None,
            name=facts["name"],
            phone=facts["phone"],
            region_code=facts["region_code"],
            region_names=regions.names(facts["region_code"]),
            detail=facts["detail"],
            is_default=facts["is_default"],
        )
    except DomainError as error:
        show_refusal(form, error)
        return False
    return True


@require_POST
@customer_only
def address_default(request: CustomerRequest, number: str) -> HttpResponse:
    """Make one address the default."""
    address = queries.address_of(request.user, number)
    addresses.save_address(
        user=request.user,
        number=number,
        name=address.name,
        phone=address.phone,
        region_code=address.region_code,
        region_names=address.region_names,
        detail=address.detail,
        is_default=True,
    )
    messages.success(request, _("This is your default address now."))
    return redirect("addresses")


@require_POST
@customer_only
def address_remove(request: CustomerRequest, number: str) -> HttpResponse:
    """Take an address off the list; the next page offers to undo it."""
    address = addresses.remove_address(user=request.user, number=number, now=timezone.now())
    request.session["removed_address"] = address.number
    return redirect("addresses")


@require_POST
@customer_only
def address_restore(request: CustomerRequest, number: str) -> HttpResponse:
    """Undo a removal."""
    try:
        addresses.restore_address(user=request.user, number=number)
    except DomainError as error:
        return tell_refusal(request, error, reverse("addresses"))
    messages.success(request, _("The address is back."))
    return redirect("addresses")


@require_safe
def region_levels(request: HttpRequest) -> HttpResponse:
    """The region chooser for the choices made so far."""
    levels: Levels = read_levels(request.GET)
    context = {"levels": levels.selects, **_places(request, request.GET.get("place", ""))}
    return render(request, "storefront/parts/regions.html", context)
