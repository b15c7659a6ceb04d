"""WeChat's content check of what people wrote, after it was written; outside any transaction.

WeChat judges a text of somebody who visited the mini-program within two hours; nobody else's is judged, and staff
reads those. ``risky`` hides, ``review`` is for staff to look at.
"""

from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from orders.reviews import actions
from orders.reviews.models import FollowUp, Review
from orders.reviews.states import ReviewState, Verdict
from shop.accounts.queries import openid_of
from shop.gateways.registry import wechat_open
from shop.gateways.wechat_open import WechatError

SCENE_COMMENT = 2
# The person has no openid WeChat knows, or was not in the mini-program lately.
NOT_JUDGED = (40003, 61010)


def check_review(*, number: str, now: datetime) -> None:
    """Have a review's text judged. Raises ``GatewayUnknown`` when WeChat does not answer: asked again later."""
    review = Review.objects.select_related("user").filter(number=number).first()
    if review is None or review.verdict or not review.text:
        return
    verdict = _verdict(review, review.text)
    Review.objects.filter(pk=review.pk).update(verdict=verdict)
    if verdict == Verdict.RISKY and review.state == ReviewState.SHOWN:
        actions.hide_review(review=review, reason=_("The content check objects to it."), actor="system", now=now)


def check_follow_up(*, number: str, now: datetime) -> None:
    """Have what was added to a review judged. Raises ``GatewayUnknown``."""
    added = FollowUp.objects.select_related("review__user").filter(review__number=number).first()
    if added is None or added.verdict:
        return
    verdict = _verdict(added.review, added.text)
    FollowUp.objects.filter(pk=added.pk).update(verdict=verdict)
    if verdict == Verdict.RISKY and added.state == ReviewState.SHOWN:
        reason = _("The content check objects to it.")
        actions.hide_follow_up(review=added.review, reason=reason, actor="system", now=now)


def _verdict(review: Review, text: str) -> str:
    openid = openid_of(review.user, settings.LINJIA_WECHAT_APP_ID)
    if openid is None:
        return ""
    try:
        told = wechat_open().check_text(content=text, openid=openid, scene=SCENE_COMMENT)
    except WechatError as error:
        if error.errcode in NOT_JUDGED:
            return ""
        raise
    return told.suggest if told.suggest in Verdict.values else Verdict.REVIEW
