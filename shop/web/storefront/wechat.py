"""Signing in with WeChat in the browser: out to WeChat, back with a code, a phone for who is new.

The ``state`` is random, belongs to this session and works once; where one goes afterwards never leaves the site.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from shop.accounts import wechat as identities
from shop.accounts.rules import clean_phone, mask_phone
from shop.base.callers import address_of
from shop.base.errors import DomainError, NotAllowed
from shop.base.numbers import new_token
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.registry import wechat_open
from shop.gateways.wechat_web import WECHAT_MARK, WebApp, web_app
from shop.web.access import safe_next, show_refusal
from shop.web.again import send_code_to
from shop.web.forms import CodeForm
from shop.web.storefront.sign_in import enter

# How long the way to WeChat and back may take, and then the phone.
WAY_LIFETIME = timedelta(minutes=10)
_WAY, _FOUND = "wechat_way", "wechat_found"


def _app(request: HttpRequest) -> WebApp | None:
    return web_app(is_inside=WECHAT_MARK in request.headers.get("User-Agent", ""))


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Off to WeChat. Who is signed in already binds her WeChat to her account."""
    target = safe_next(request, reverse("home"))
    app = _app(request)
    if app is None:
        messages.error(request, _("Signing in with WeChat is not set up here. Use your phone instead."))
        return redirect(f"{reverse('sign-in')}?{urlencode({'next': target})}")
    state = new_token(32)
    request.session[_WAY] = {
        "state": state,
        "next": target,
        "app_id": app.app_id,
        "user": request.user.pk,
        "until": (timezone.now() + WAY_LIFETIME).timestamp(),
    }
    back = request.build_absolute_uri(reverse("wechat-back"))
    return redirect(app.authorize_url(redirect_uri=back, state=state))


@never_cache
@require_safe
def back(request: HttpRequest) -> HttpResponse:
    """Back from WeChat: a known person is signed in, a new one is asked for her phone."""
    way: dict[str, Any] = request.session.pop(_WAY, None) or {}
    target = str(way.get("next", reverse("home")))
    try:
        found = _person(request, way)
        if request.user.is_authenticated:
            return _bind(request, found, target)
        user = identities.known_person(**found)
    except DomainError as error:
        return _again(request, str(error), target)
    if user is not None:
        return enter(request, user, target)
    until = (timezone.now() + WAY_LIFETIME).timestamp()
    request.session[_FOUND] = {**found, "next": target, "until": until}
    return redirect("wechat-phone")


def _person(request: HttpRequest, way: dict[str, Any]) -> dict[str, str]:
    """Return whom WeChat says it was: app, openid and unionid. Raises ``NotAllowed`` with the way out."""
    is_ours = bool(way) and constant_time_compare(str(way["state"]), request.GET.get("state", ""))
    apps = [app for app in (web_app(is_inside=True), web_app(is_inside=False)) if app]
    app = next((app for app in apps if app.app_id == way.get("app_id")), None)
    if not is_ours or app is None or way["until"] < timezone.now().timestamp() or way["user"] != request.user.pk:
        raise NotAllowed(_("This way to WeChat is no longer open. Try again."))
    code = request.GET.get("code", "")
    if not code:
        raise NotAllowed(_("You did not let WeChat sign you in. You can use your phone instead."))
    try:
        person = wechat_open().web_person(code=code[:512], app_id=app.app_id, secret=app.secret)
    except GatewayRefused as error:
        raise NotAllowed(_("WeChat does not know this sign-in any more. Try again.")) from error
    except GatewayUnknown as error:
        raise NotAllowed(_("WeChat does not answer at the moment. Try again in a minute.")) from error
    return {"app_id": app.app_id, "openid": person.openid, "unionid": person.unionid}


def _again(request: HttpRequest, text: str, target: str) -> HttpResponse:
    messages.error(request, text)
    if request.user.is_authenticated:
        return redirect(target)
    return redirect(f"{reverse('sign-in')}?{urlencode({'next': target})}")


def _bind(request: HttpRequest, found: dict[str, str], target: str) -> HttpResponse:
    try:
        identities.bind(user=request.user, **found)  # type: ignore[arg-type]
    except DomainError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Your WeChat belongs to this account now."))
    return redirect(target)


@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def phone(request: HttpRequest) -> HttpResponse:
    """A new person's phone: it joins the account that has it already, or makes one."""
    found: dict[str, Any] = request.session.get(_FOUND) or {}
    if not found or found["until"] < timezone.now().timestamp():
        request.session.pop(_FOUND, None)
        return _again(request, _("This way to WeChat is no longer open. Try again."), reverse("home"))
    context: dict[str, Any] = {}
    if request.method == "POST" and request.POST.get("send"):
        number = request.POST.get("phone", "")[:20]
        form = CodeForm({"phone": number, "code": ""})
        form.errors.clear()
        code = send_code_to(number, form)
        context |= {"sandbox_code": code, "sent": mask_phone(clean_phone(number) or "") if code is not None else ""}
        return render(request, "storefront/wechat_phone.html", {"form": form, **context})
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = identities.join_by_phone(
                app_id=found["app_id"],
                openid=found["openid"],
                unionid=found["unionid"],
                address=address_of(request),
                now=timezone.now(),
                **form.cleaned_data,
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            del request.session[_FOUND]
            return enter(request, user, str(found["next"]))
    return render(request, "storefront/wechat_phone.html", {"form": form, "is_sandbox": settings.LINJIA_SANDBOX})
