"""Forms of the trade's pages. They only read and bound input; what is true is decided by the actions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale
from orders.reviews.rules import TEXT_LENGTH_MAX

STARS = [(str(stars), str(stars)) for stars in (1, 2, 3, 4, 5)]


class FollowUpForm(forms.Form):
    """What somebody adds to her review."""

    text = forms.CharField(
        label=_("How is it after some weeks?"),
        max_length=TEXT_LENGTH_MAX,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Write a few words.")},
    )
    images = forms.Field(required=False)


class ReviewForm(forms.Form):
    """What somebody says about what she received. No star is chosen beforehand."""

    stars = forms.TypedChoiceField(
        label=_("How are the goods?"),
        choices=STARS,
        coerce=int,
        error_messages={"required": _("Give one to five stars.")},
    )
    service_stars = forms.TypedChoiceField(
        label=_("How was the supplier's service?"),
        choices=STARS,
        coerce=int,
        error_messages={"required": _("Give one to five stars.")},
    )
    text = forms.CharField(
        label=_("What should your neighbours know?"),
        max_length=TEXT_LENGTH_MAX,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    images = forms.Field(required=False)


class AfterSaleForm(forms.Form):
    """What a customer wants back, and why."""

    kind = forms.ChoiceField(
        label=_("What would you like?"), error_messages={"required": _("Choose what you would like.")}
    )
    reason = forms.ChoiceField(
        label=_("Why?"),
        choices=AfterSale.Reason.choices,
        error_messages={"required": _("Choose a reason.")},
    )
    quantity = forms.IntegerField(
        label=_("How many pieces?"),
        min_value=1,
        max_value=999,
        error_messages={"required": _("Enter how many pieces.")},
    )
    text = forms.CharField(
        label=_("What happened?"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    images = forms.Field(required=False)

    def __init__(self, *args: Any, kinds: list[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]


class SayForm(forms.Form):
    """Words and photos for a case's conversation."""

    text = forms.CharField(label=_("Message"), max_length=500, required=False)
    images = forms.Field(required=False)


class SendBackForm(forms.Form):
    """How the goods travel back."""

    carrier = forms.CharField(
        label=_("Carrier"), max_length=40, error_messages={"required": _("Enter who carries the parcel.")}
    )
    tracking_number = forms.CharField(
        label=_("Tracking number"),
        max_length=40,
        error_messages={"required": _("Enter the number on the receipt.")},
    )
