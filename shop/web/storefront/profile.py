"""Who a person is to others, how she signs in, and where she is signed in."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shop.accounts import actions, devices
from shop.accounts import profile as changes
from shop.accounts.queries import has_wechat
from shop.accounts.rules import clean_phone, mask_phone
from shop.base.callers import address_of
from shop.base.errors import DomainError
from shop.media import portraits
from shop.media.rules import BYTES_MAX
from shop.web.access import CustomerRequest, customer_only, show_refusal, tell_refusal
from shop.web.again import is_proven, send_code_to
from shop.web.forms import PasswordChangeForm, PhoneChangeForm, ProfileForm


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def profile(request: CustomerRequest) -> HttpResponse:
    """The name and the portrait others see, and the ways to everything else about the account."""
    form = ProfileForm(request.POST or None, request.FILES or None, initial={"name": request.user.name})
    if request.method == "POST" and form.is_valid():
        try:
            actions.rename(user=request.user, name=form.cleaned_data["name"])
            _set_portrait(request, form)
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("profile")
    context = {
        "section": "me",
        "form": form,
        "portrait": portraits.portrait_of(request.user),
        "has_wechat": has_wechat(request.user),
    }
    return render(request, "storefront/profile.html", context)


def _set_portrait(request: CustomerRequest, form: ProfileForm) -> None:
    file = form.cleaned_data["portrait"]
    if file:
        portraits.set_portrait(user=request.user, data=file.read(BYTES_MAX + 1), now=timezone.now())
    elif form.cleaned_data["without_portrait"]:
        portraits.remove_portrait(user=request.user, now=timezone.now())


@sensitive_post_parameters("password", "new_password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def password(request: CustomerRequest) -> HttpResponse:
    """A new password, after the old one or a code; every other session ends."""
    form = PasswordChangeForm(request.POST or None)
    context: dict[str, Any] = {"section": "me"}
    if request.method == "POST" and request.POST.get("send") and request.user.phone:
        form = PasswordChangeForm({"new_password": "-"})
        form.full_clean()
        code = send_code_to(request.user.phone, form)
        context |= {"sandbox_code": code, "sent": request.user.masked_phone if code is not None else ""}
    elif request.method == "POST" and form.is_valid() and is_proven(request, request.user, form):
        now = timezone.now()
        try:
            changes.change_password(user=request.user, password=form.cleaned_data["new_password"], now=now)
        except DomainError as error:
            show_refusal(form, error)
        else:
            devices.end_others(user=request.user, session_key=request.session.session_key or "", now=now)
            _keep_signed_in(request)
            messages.success(request, _("Your password is changed. Everywhere else you are signed out."))
            return redirect("profile")
    return render(request, "storefront/password.html", {**context, "form": form})


def _keep_signed_in(request: CustomerRequest) -> None:
    """Keep this browser's session although the password changed; its key is a new one."""
    before = request.session.session_key or ""
    update_session_auth_hash(request, request.user)
    devices.follow_session(before=before, after=request.session.session_key or "")


@sensitive_post_parameters("password", "code", "old_code")
@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def phone(request: CustomerRequest) -> HttpResponse:
    """Another phone: a code to the new one, and the password or a code to the old one."""
    form = PhoneChangeForm(request.POST or None)
    context: dict[str, Any] = {"section": "me"}
    asked = request.POST.get("send", "")
    if request.method == "POST" and asked:
        written = {name: request.POST.get(name, "")[:20] for name in ("phone", "code", "old_code")}
        form = PhoneChangeForm(written)
        form.errors.clear()
        target = request.user.phone if asked == "old" else written["phone"]
        code = send_code_to(target or "", form)
        if code is not None:
            context |= {f"sandbox_{asked}": code, f"sent_{asked}": mask_phone(clean_phone(target or "") or "")}
    elif request.method == "POST" and form.is_valid() and _proves_old(request, form):
        try:
            changes.change_phone(
                user=request.user,
                phone=form.cleaned_data["phone"],
                code=form.cleaned_data["code"],
                address=address_of(request),
                now=timezone.now(),
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(
                request, _("From now on you sign in with %(phone)s.") % {"phone": request.user.masked_phone}
            )
            return redirect("profile")
    return render(request, "storefront/phone.html", {**context, "form": form})


def _proves_old(request: CustomerRequest, form: PhoneChangeForm) -> bool:
    """Whether she who asks has the old phone or the password; an account without either has nothing to prove by."""
    if not request.user.phone and not request.user.has_usable_password():
        return True
    try:
        changes.prove_again(
            user=request.user,
            password=form.cleaned_data["password"],
            code=form.cleaned_data["old_code"],
            address=address_of(request),
            now=timezone.now(),
        )
    except DomainError as error:
        field = "old_code" if form.cleaned_data["old_code"] else "password"
        form.add_error(field, str(error))
        return False
    return True


@require_safe
@customer_only
def device_list(request: CustomerRequest) -> HttpResponse:
    """Where the person is signed in."""
    found = devices.devices_of(request.user, session_key=request.session.session_key or "", now=timezone.now())
    return render(request, "storefront/devices.html", {"section": "me", "devices": found})


@require_POST
@customer_only
def device_end(request: CustomerRequest) -> HttpResponse:
    """Sign out in one place, or everywhere else."""
    now, back = timezone.now(), reverse("devices")
    number = request.POST.get("number", "")
    try:
        if number:
            devices.end_device(user=request.user, number=number[:40], now=now)
        else:
            devices.end_others(user=request.user, session_key=request.session.session_key or "", now=now)
    except DomainError as error:
        return tell_refusal(request, error, back)
    messages.success(request, _("Signed out there."))
    return redirect(back)
