"""Signing in, up and out."""

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from shop.accounts import actions
from shop.accounts.models import User
from shop.accounts.rules import clean_phone, mask_phone
from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.sms import SandboxSms
from shop.web.access import safe_next, show_refusal
from shop.web.forms import CodeForm, PasswordForm, RegisterForm

# Signing in ends at a page of a higher floor, which takes the visitor's cart and links along.
BACKEND = "django.contrib.auth.backends.ModelBackend"


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    """Open the session and go where the person was heading."""
    login(request, user, backend=BACKEND)
    return redirect(f"{reverse('welcome')}?{urlencode({'next': safe_next(request, reverse('home'))})}")


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
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_in_with_password(request=request, **form.cleaned_data)
        except DomainError as error:
            show_refusal(form, error)
        else:
            return _enter(request, user)
    return _form_page(request, "storefront/sign_in.html", form, context)


def _by_code(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    form = CodeForm(request.POST or None)
    if request.method == "POST" and request.POST.get("send"):
        return _send_code(request, context)
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.sign_in_with_code(now=timezone.now(), **form.cleaned_data)
        except DomainError as error:
            show_refusal(form, error)
        else:
            return _enter(request, user)
    return _form_page(request, "storefront/sign_in.html", form, context)


def _send_code(request: HttpRequest, context: dict[str, object]) -> HttpResponse:
    """Send the code and show the form again, the phone kept and the code field waiting."""
    phone = request.POST.get("phone", "")[:20]
    form = CodeForm(initial={"phone": phone})
    try:
        actions.send_sign_in_code(phone=phone, now=timezone.now())
    except DomainError as error:
        form = CodeForm({"phone": phone, "code": ""})
        form.errors.clear()
        show_refusal(form, error)
    except (GatewayRefused, GatewayUnknown):
        form = CodeForm({"phone": phone, "code": ""})
        form.errors.clear()
        form.add_error(None, _("The message could not be sent. Wait a minute and try again."))
    else:
        context |= {"sent": mask_phone(clean_phone(phone) or ""), "sandbox_code": _sandbox_code(phone)}
    return _form_page(request, "storefront/sign_in.html", form, context)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Make an account with phone and password."""
    if request.user.is_authenticated:
        return redirect(safe_next(request, reverse("home")))
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = actions.register(**form.cleaned_data)
        except DomainError as error:
            show_refusal(form, error)
        else:
            return _enter(request, user)
    return _form_page(request, "storefront/register.html", form, {"next": safe_next(request, "")})


def _form_page(request: HttpRequest, template: str, form: object, context: dict[str, object]) -> HttpResponse:
    return render(request, template, {"form": form, **context})


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session on this device."""
    logout(request)
    return redirect("home")
