"""Signing in, up and out."""

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login, logout
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shop.accounts import actions
from shop.accounts.devices import note_browser
from shop.accounts.limits import TooManyTries
from shop.accounts.models import User
from shop.accounts.rules import clean_phone, mask_phone
from shop.base.callers import address_of
from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.sms import SandboxSms
from shop.personal.actions import arrive
from shop.web.access import safe_next, show_refusal
from shop.web.forms import CodeForm, PasswordForm, RegisterForm

# Signing in ends at a page of a higher floor, which takes the visitor's cart and links along.
BACKEND = "django.contrib.auth.backends.ModelBackend"


def enter(request: HttpRequest, user: User, target: str) -> HttpResponse:
    """Open the session and go where the person was heading; ``target`` was found to stay on this site."""
    login(request, user, backend=BACKEND)
    now = timezone.now()
    note_browser(
        user=user,
        session_key=request.session.session_key or "",
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
    )
    if arrive(user=user, now=now):
        messages.success(request, _("Welcome back: your account will not be deleted."))
    return redirect(f"{reverse('welcome')}?{urlencode({'next': target})}")


def _sandbox_code(phone: str) -> str | None:
    clean = clean_phone(phone)
    return SandboxSms.last_code(clean) if settings.LINJIA_SANDBOX and clean else None


@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in by a code sent to the phone, or by password."""
    if request.user.is_authenticated:
        return redirect(safe_next(request, reverse("home")))
    way = "password" if request.GET.get("way") == "password" else "code"
    context: dict[str, object] = {"way": way, "next": safe_next(request, "")}
    if way == "password":
        return _by_password(request, context)
    return _by_code(request, context)


def _by_password(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    form = PasswordForm(request.POST or None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_in_with_password(
                request=request, address=address_of(request), now=timezone.now(), **form.cleaned_data
            )
        except DomainError as error:
            refusal = error
        else:
            return enter(request, user, safe_next(request, reverse("home")))
    return _form_page(request, "storefront/sign_in.html", form, context, refusal)


def _by_code(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    if request.method == "POST" and request.POST.get("send"):
        return _send_code(request, "storefront/sign_in.html", CodeForm, context)
    form = CodeForm(request.POST or None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_in_with_code(address=address_of(request), now=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            refusal = error
        else:
            return enter(request, user, safe_next(request, reverse("home")))
    return _form_page(request, "storefront/sign_in.html", form, context, refusal)


def _send_code(
    request: HttpRequest, template: str, form_class: type[CodeForm | RegisterForm], context: dict[str, object]
) -> HttpResponse:
    """Send the code and show the form again, what was written kept and the code field waiting."""
    phone = request.POST.get("phone", "")[:20]
    written = {"phone": phone, "name": request.POST.get("name", "")[:40]}
    form: CodeForm | RegisterForm = form_class(initial=written)
    refusal = None
    try:
        actions.send_sign_in_code(phone=phone, now=timezone.now())
    except DomainError as error:
        form, refusal = _untouched(form_class, written), error
    except (GatewayRefused, GatewayUnknown):
        form = _untouched(form_class, written)
        form.add_error(None, _("The message could not be sent. Wait a minute and try again."))
    else:
        context |= {"sent": mask_phone(clean_phone(phone) or ""), "sandbox_code": _sandbox_code(phone)}
    return _form_page(request, template, form, context, refusal)


def _untouched(form_class: type[CodeForm | RegisterForm], written: dict[str, str]) -> CodeForm | RegisterForm:
    """Return a form that complains about nothing yet: its other fields are still to be filled."""
    form = form_class({**written, "code": ""})
    form.errors.clear()
    return form


@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make an account with a password, for a phone that a code was sent to."""
    if request.user.is_authenticated:
        return redirect(safe_next(request, reverse("home")))
    context: dict[str, object] = {"next": safe_next(request, "")}
    if request.method == "POST" and request.POST.get("send"):
        return _send_code(request, "storefront/register.html", RegisterForm, context)
    form = RegisterForm(request.POST or None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_up(address=address_of(request), now=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            refusal = error
        else:
            return enter(request, user, safe_next(request, reverse("home")))
    return _form_page(request, "storefront/register.html", form, context, refusal)


def _form_page(
    request: HttpRequest, template: str, form: BaseForm, context: dict[str, object], refusal: DomainError | None
) -> HttpResponse:
    """Show the form, with a refusal in its place. A limit says by status and header how long to wait."""
    if refusal is not None:
        show_refusal(form, refusal)
    response = render(request, template, {"form": form, **context})
    if isinstance(refusal, TooManyTries):
        response.status_code = refusal.status
        response["Retry-After"] = str(refusal.extra["retry_after_seconds"])
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session on this device."""
    logout(request)
    return redirect("home")


@never_cache
@require_safe
def staff_door(request: HttpRequest) -> HttpResponse:
    """Staff sign in where everybody does: one door, one limit. Whoever is signed in and no staff goes home."""
    target = safe_next(request, reverse("admin:index"))
    if request.user.is_authenticated:
        return redirect(target if admin.site.has_permission(request) else "home")
    return redirect(f"{reverse('sign-in')}?{urlencode({'way': 'password', 'next': target})}")
