"""Forms of a distributor's desk. They only read and bound input; what is true is decided by the actions."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from distributors.links.models import ShareLink
from distributors.stores.rules import (
    ANNOUNCEMENT_LENGTH_MAX,
    INTRODUCTION_LENGTH_MAX,
    NAME_LENGTH_MAX,
    REASON_LENGTH_MAX,
    TITLE_LENGTH_MAX,
)
from shop.base.money import FEN_PER_YUAN, format_yuan
from shop.media.rules import ACCEPT, BYTES_MAX
from shop.pricing.rules import Offer


class YuanField(forms.DecimalField):
    """An amount typed in yuan; its clean value is whole fen."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.NumberInput(attrs={"inputmode": "decimal", "step": "0.01", "min": "0"})
        messages = {
            "invalid": _("Enter an amount like 12.50."),
            "max_decimal_places": _("Enter an amount like 12.50."),
        }
        kwargs.setdefault("error_messages", {})
        kwargs["error_messages"] = {**messages, **kwargs["error_messages"]}
        super().__init__(max_digits=11, decimal_places=2, widget=widget, **kwargs)

    def clean(self, value: Any) -> int | None:
        amount: Decimal | None = super().clean(value)
        return None if amount is None else int(amount * FEN_PER_YUAN)


class JoinForm(forms.Form):
    """What somebody says who wants a store."""

    store_name = forms.CharField(
        label=_("Name of your store"),
        max_length=NAME_LENGTH_MAX,
        error_messages={"required": _("Give your store a name.")},
    )
    introduction = forms.CharField(
        label=_("A few words about you"),
        max_length=INTRODUCTION_LENGTH_MAX,
        required=False,
        help_text=_("What do you know well, whom do you want to recommend things to?"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    referrer_code = forms.CharField(label=_("Code of the store that told you about us"), max_length=24, required=False)


class StoreForm(forms.Form):
    """What a store says about itself."""

    name = forms.CharField(
        label=_("Name of your store"),
        max_length=NAME_LENGTH_MAX,
        error_messages={"required": _("Give your store a name.")},
    )
    announcement = forms.CharField(
        label=_("Announcement"),
        max_length=ANNOUNCEMENT_LENGTH_MAX,
        required=False,
        help_text=_("Stands at the top of your store."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    portrait = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("10 MB at most."),
        widget=forms.FileInput(attrs={"accept": ACCEPT}),
    )
    without_portrait = forms.BooleanField(label=_("Take the picture out"), required=False)

    def clean_portrait(self) -> bytes | None:
        """Return the picture's bytes, None when none was sent."""
        file = self.cleaned_data.get("portrait")
        if not file:
            return None
        data: bytes = file.read(BYTES_MAX + 1)
        return data


class PickForm(forms.Form):
    """A pick's own words, and a price field for each of the product's SKUs."""

    title = forms.CharField(
        label=_("Your title"),
        max_length=TITLE_LENGTH_MAX,
        required=False,
        help_text=_("Empty: the supplier's title."),
    )
    reason = forms.CharField(
        label=_("Why you picked it"),
        max_length=REASON_LENGTH_MAX,
        required=False,
        help_text=_("Your customers read this on the product's page."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, prices: Sequence[tuple[str, str, Offer]], **kwargs: Any) -> None:
        """``prices``: SKU number, its options, its offer."""
        super().__init__(*args, **kwargs)
        self.sku_numbers = [number for number, _text, _offer in prices]
        for number, text, offer in prices:
            self.fields[f"price_{number}"] = YuanField(
                label=text or _("Your price"),
                required=False,
                help_text=_("¥%(floor)s to ¥%(ceiling)s; empty: ¥%(retail)s")
                % {
                    "floor": format_yuan(offer.floor_fen),
                    "ceiling": format_yuan(offer.ceiling_fen),
                    "retail": format_yuan(offer.retail_fen),
                },
            )

    def own_prices(self) -> dict[str, int]:
        """Return the prices that were filled in, in fen by SKU number."""
        typed = {number: self.cleaned_data.get(f"price_{number}") for number in self.sku_numbers}
        return {number: fen for number, fen in typed.items() if fen is not None}


class LinkForm(forms.Form):
    """A new share link."""

    # What can be shared of a live room has its own page.
    CHANNELS = [choice for choice in ShareLink.Channel.choices if choice[0] != ShareLink.Channel.LIVE]

    product = forms.ChoiceField(label=_("What it opens"), required=False)
    channel = forms.ChoiceField(label=_("Where you share it"), choices=CHANNELS)
    label = forms.CharField(
        label=_("Note for yourself"),
        max_length=40,
        required=False,
        help_text=_("For example the group's name; only you see it."),
    )

    def __init__(self, *args: Any, products: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        """``products``: number and title of what the store picked."""
        super().__init__(*args, **kwargs)
        self.fields["product"].choices = [("", _("The whole store")), *products]  # type: ignore[attr-defined]


class WithdrawForm(forms.Form):
    """How much to withdraw."""

    amount_fen = YuanField(
        label=_("Amount (yuan)"), error_messages={"required": _("Enter how much you want to withdraw.")}
    )


class PayoutAccountForm(forms.Form):
    """Under which name she is paid."""

    real_name = forms.CharField(
        label=_("Your real name"),
        max_length=40,
        help_text=_("As WeChat knows it. One person, one store."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your real name.")},
    )
    identity_number = forms.CharField(
        label=_("Identity card number"),
        max_length=24,
        required=False,
        help_text=_("For the tax office alone, and kept encrypted. Empty: what we know stays."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    agrees = forms.BooleanField(
        label=_("I agree that my real name and identity number are kept, encrypted, to pay me and for the tax office"),
        error_messages={"required": _("Without this we may not keep your name, and cannot pay you.")},
    )


class LeaveForm(forms.Form):
    """Leaving needs a tick of its own."""

    sure = forms.BooleanField(
        label=_("Yes, close my store"), error_messages={"required": _("Tick this to close your store.")}
    )
