"""Who may open a page, where to go back to, and how a refusal is told."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import quote, urlencode, urlsplit

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from shop.accounts.models import User
from shop.base.errors import DomainError
from shop.pages.promises import asks_for_part

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


class CustomerRequest(HttpRequest):
    """A request of somebody who is signed in: ``request.user`` is that person."""

    user: User


CustomerView = Callable[Concatenate[CustomerRequest, P], HttpResponse]


def is_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a piece of the page."""
    return asks_for_part(request)


def safe_next(request: HttpRequest, fallback: str) -> str:
    """Return where to go after a form: ``next`` of the request if it stays on this site, else the fallback."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if allowed else fallback


def sign_in_url(request: HttpRequest) -> str:
    """Return the sign-in page that leads back to where the person is."""
    here = request.get_full_path()
    if request.method != "GET" or is_part(request):
        # A form or a fragment is no page to come back to; the page it was on is.
        before = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer") or "")
        same = before.netloc in ("", request.get_host())
        here = (before.path + (f"?{before.query}" if before.query else "")) if same and before.path else "/"
    return f"{reverse('sign-in')}?{urlencode({'next': here})}"


def customer_only(view: CustomerView[P]) -> View[P]:
    """Let only signed-in people in; others sign in first and come back."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            response = view(cast(CustomerRequest, request), *args, **kwargs)
            # A shared browser or a proxy must not keep personal pages.
            response.headers.setdefault("Cache-Control", "no-store, private")
            return response
        place = sign_in_url(request)
        if is_part(request):
            return HttpResponse(status=401, headers={"X-Sign-In": place})
        return redirect(place)

    return cast(View[P], wrapper)


def show_refusal(form: BaseForm, error: DomainError) -> None:
    """Put a refusal beside the field it names, or above the form."""
    field = error.field if error.field in form.fields else None
    form.add_error(field, str(error))


def tell_refusal(request: HttpRequest, error: DomainError, back: str) -> HttpResponse:
    """Say a refusal on the page the person came from: a message there, or a toast for htmx."""
    if is_part(request):
        return HttpResponse(status=error.status, headers={"X-Message": quote(str(error))})
    messages.error(request, str(error))
    return redirect(back)


def back_url(request: HttpRequest, fallback: str) -> str:
    """Return the page of this site the person came from, else the fallback."""
    before: Any = request.headers.get("Referer") or ""
    allowed = url_has_allowed_host_and_scheme(before, {request.get_host()}, require_https=request.is_secure())
    return before if allowed and urlsplit(before).path != request.path else fallback
