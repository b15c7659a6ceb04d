"""A person's rights: what she agreed to, her data to take along, leaving for good."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from shop.base.errors import DomainError
from shop.media.queries import private_storage
from shop.personal import actions, queries
from shop.web.access import CustomerRequest, customer_only, show_refusal, tell_refusal
from shop.web.again import AgainForm, is_proven, send_code_to


@require_safe
@customer_only
def privacy(request: CustomerRequest) -> HttpResponse:
    """Consents, the export, and the way out."""
    context = {
        "section": "me",
        "standings": queries.standings_of(request.user),
        "export": queries.export_of(request.user),
        "export_days": settings.LINJIA_EXPORT_DAYS,
    }
    return render(request, "storefront/privacy.html", context)


@require_POST
@customer_only
def consent(request: CustomerRequest) -> HttpResponse:
    """Agree to a text, or take that back."""
    purpose, back = request.POST.get("purpose", ""), reverse("privacy")
    try:
        if request.POST.get("deed") == "take_back":
            actions.take_back(user=request.user, purpose=purpose, now=timezone.now())
            messages.success(request, _("Taken back."))
        else:
            actions.agree(user=request.user, purpose=purpose, now=timezone.now())
            messages.success(request, _("Thank you, noted."))
    except DomainError as error:
        return tell_refusal(request, error, back)
    return redirect(back)


@require_POST
@customer_only
def export_ask(request: CustomerRequest) -> HttpResponse:
    """Ask for everything about oneself."""
    try:
        actions.ask_for_export(user=request.user, now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, reverse("privacy"))
    messages.success(request, _("Your file is being made. We write you a message when it is ready."))
    return redirect("privacy")


@require_safe
@customer_only
def export_file(request: CustomerRequest) -> HttpResponse:
    """Hand the person her own file; without one, lead to where she may ask for it."""
    export = queries.export_of(request.user)
    if export is None or export.made_at is None:
        messages.info(request, _("There is no file to fetch. Ask for one here."))
        return redirect("privacy")
    name = f"linjia-{timezone.localdate():%Y-%m-%d}.zip"
    answer: Any = FileResponse(
        private_storage().open(export.file), as_attachment=True, filename=name, content_type="application/zip"
    )
    answer.headers["Cache-Control"] = "no-store, private"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    found: HttpResponse = answer
    return found


@require_POST
@customer_only
def export_remove(request: CustomerRequest) -> HttpResponse:
    """Throw the file away before its time."""
    export = queries.export_of(request.user)
    if export is not None:
        actions.end_export(number=export.number, now=timezone.now())
        messages.success(request, _("The file is gone."))
    return redirect("privacy")


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def leave(request: CustomerRequest) -> HttpResponse:
    """Delete the account: what goes, what stays, and a proof that it is really she."""
    form = AgainForm(request.POST or None)
    context: dict[str, Any] = {"section": "me", "form": form, "days": settings.LINJIA_LEAVING_DAYS}
    context |= {"years": settings.LINJIA_RECORD_YEARS, "reasons": queries.reasons_to_stay(request.user)}
    if request.method == "POST" and request.POST.get("send") and request.user.phone:
        context["form"] = form = AgainForm({})
        code = send_code_to(request.user.phone, form)
        context |= {"sandbox_code": code, "sent": request.user.masked_phone if code is not None else ""}
    elif request.method == "POST" and form.is_valid() and is_proven(request, request.user, form):
        try:
            leaving = actions.leave(user=request.user, now=timezone.now())
        except DomainError as error:
            show_refusal(form, error)
        else:
            logout(request)
            return render(request, "storefront/left.html", {"leaving": leaving})
    return render(request, "storefront/leave.html", context)
