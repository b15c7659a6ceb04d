"""Forms of the shop's own pages. They only read and bound text; what is true is decided by the actions."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import Address
from shop.base.errors import NotFound
from shop.media.rules import ACCEPT
from shop.regions import queries as regions
from shop.web.again import AgainForm

LEVELS_MAX = 5
# A parcel needs at least province, city and county; deeper where the tree has it.
LEVELS_NEEDED = 3
LEVEL_LABELS: tuple[Promise, ...] = (
    _("Province"),
    _("City"),
    _("County"),
    _("Township"),
    _("Village"),
)


def _phone_field() -> forms.CharField:
    return forms.CharField(
        label=_("Mobile number"),
        max_length=20,
        widget=forms.TextInput(attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel"}),
        error_messages={"required": _("Enter your mobile number.")},
    )


def _code_field() -> forms.CharField:
    return forms.CharField(
        label=_("Message code"),
        max_length=6,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code", "pattern": "[0-9]*"}),
        error_messages={"required": _("Enter the six digits we sent you.")},
    )


class PasswordForm(forms.Form):
    """Phone and password."""

    phone = _phone_field()
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": _("Enter your password.")},
    )


class CodeForm(forms.Form):
    """Phone and the code that was sent there."""

    phone = _phone_field()
    code = _code_field()


class RegisterForm(forms.Form):
    """A new account."""

    phone = _phone_field()
    code = _code_field()
    name = forms.CharField(
        label=_("What shall we call you?"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        help_text=_("At least 8 characters, not only digits."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": _("Choose a password.")},
    )


class ProfileForm(forms.Form):
    """What others see of a person."""

    name = forms.CharField(label=_("Nickname"), max_length=40, error_messages={"required": _("Enter a name.")})
    portrait = forms.FileField(
        label=_("Portrait"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ACCEPT}),
        help_text=_("10 MB at most. Where it was taken is removed from it."),
    )
    without_portrait = forms.BooleanField(label=_("Show no picture"), required=False)


class PasswordChangeForm(AgainForm):
    """A new password, and a proof of who asks."""

    new_password = forms.CharField(
        label=_("New password"),
        max_length=128,
        strip=False,
        help_text=_("At least 8 characters, not only digits."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": _("Choose a password.")},
    )


class PhoneChangeForm(forms.Form):
    """A new phone with the code sent there; the old one's code, or the password."""

    old_code = forms.CharField(
        label=_("Message code"),
        max_length=6,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "pattern": "[0-9]*"}),
    )
    password = forms.CharField(
        label=_("Your password"),
        max_length=128,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    phone = _phone_field()
    code = _code_field()


class AddressForm(forms.Form):
    """Where parcels go. ``region_code`` is the deepest place chosen, see :func:`read_levels`."""

    name = forms.CharField(
        label=_("Recipient"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter who receives the parcel.")},
    )
    phone = _phone_field()
    detail = forms.CharField(
        label=_("Street and house"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "street-address"}),
        error_messages={"required": _("Enter street and house.")},
    )
    is_default = forms.BooleanField(label=_("Use this address by default"), required=False)
    region_code = forms.CharField(
        max_length=16,
        required=True,
        widget=forms.HiddenInput,
        error_messages={"required": _("Choose province, city and county.")},
    )

    @staticmethod
    def facts_of(address: Address) -> dict[str, object]:
        """Return an address as the form's first values."""
        return {
            "name": address.name,
            "phone": address.phone,
            "detail": address.detail,
            "is_default": address.is_default,
            "region_code": address.region_code,
        }


@dataclass(frozen=True)
class Level:
    """One select of the region chooser."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True)
class Levels:
    """The region chooser: its selects, and the deepest place chosen ("" while it is not deep enough)."""

    selects: tuple[Level, ...]
    region_code: str


def read_levels(chosen: Mapping[str, str]) -> Levels:
    """Return the selects for the choices ``level1`` to ``level5``; a choice outside its parent is dropped."""
    picked = chosen.get("pick", "")
    if picked:
        with suppress(NotFound):
            return levels_of(regions.region(picked).code)
    selects: list[Level] = []
    parent: str | None = None
    deepest = ""
    for index in range(LEVELS_MAX):
        options = tuple((region.code, region.name) for region in regions.children(parent))
        if not options:
            break
        wanted = chosen.get(f"level{index + 1}", "")
        code = wanted if any(wanted == option for option, _name in options) else ""
        selects.append(Level(f"level{index + 1}", str(LEVEL_LABELS[index]), options, code))
        if not code:
            break
        parent = deepest = code
    complete = len([select for select in selects if select.chosen]) >= LEVELS_NEEDED or (
        # Some places end early: a city without counties is as deep as it goes.
        bool(selects) and bool(selects[-1].chosen)
    )
    return Levels(tuple(selects), deepest if complete else "")


def levels_of(region_code: str) -> Levels:
    """Return the selects with one place chosen."""
    way = regions.ancestors(region_code)
    chosen = {f"level{region.level}": region.code for region in way}
    chosen.setdefault(f"level{len(way) + 1}", region_code)
    return read_levels(chosen)
