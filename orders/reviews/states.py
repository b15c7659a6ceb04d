"""The lives of a review and of what is added to it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from shop.states.machine import Table


class ReviewState(models.TextChoices):
    SHOWN = "shown", _("shown")
    HIDDEN = "hidden", _("hidden")


_EDGES: dict[str, tuple[str, ...]] = {
    ReviewState.SHOWN: (ReviewState.HIDDEN,),
    ReviewState.HIDDEN: (ReviewState.SHOWN,),
}

REVIEW = Table("review", _EDGES)
FOLLOW_UP = Table("review_follow_up", _EDGES)


class Verdict(models.TextChoices):
    """What WeChat's content check said of a text; empty: it was not asked, for want of an openid."""

    PASS = "pass", _("nothing to object to")
    REVIEW = "review", _("somebody should look")
    RISKY = "risky", _("against the rules")
