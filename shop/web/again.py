"""Proving again who one is before something grave: by password, or by a code sent to one's own phone."""

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shop.accounts import actions
from shop.accounts.models import User
from shop.accounts.profile import prove_again
from shop.base.callers import address_of
from shop.base.errors import DomainError
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.sms import SandboxSms
from shop.web.access import show_refusal


class AgainForm(forms.Form):
    """One of the two: her password, or the code sent to her phone."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        max_length=128,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label=gettext_lazy("Message code"),
        max_length=6,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "pattern": "[0-9]*"}),
    )


def send_code_to(phone: str, form: forms.BaseForm) -> str | None:
    """Send a code and return what practice mode shows of it; a refusal goes into the form, and None comes back."""
    try:
        actions.send_sign_in_code(phone=phone, now=timezone.now())
    except DomainError as error:
        show_refusal(form, error)
        return None
    except (GatewayRefused, GatewayUnknown):
        form.add_error(None, _("The message could not be sent. Wait a minute and try again."))
        return None
    clean = actions.checked_phone(phone)
    return (SandboxSms.last_code(clean) or "") if settings.LINJIA_SANDBOX else ""


def is_proven(request: HttpRequest, user: User, form: forms.BaseForm) -> bool:
    """Whether the form's password or code is the person's; what is wrong stands in the form else."""
    facts = form.cleaned_data
    try:
        prove_again(
            user=user,
            password=facts.get("password", ""),
            code=facts.get("code", ""),
            address=address_of(request),
            now=timezone.now(),
        )
    except DomainError as error:
        show_refusal(form, error)
        return False
    return True
