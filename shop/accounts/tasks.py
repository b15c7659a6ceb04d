"""What the clock does for accounts."""

from celery import shared_task
from django.utils import timezone

from shop.accounts.devices import forget_ended
from shop.accounts.limits import forget_old


@shared_task(name="shop.accounts.tasks.forget_tries")
def forget_tries() -> None:
    """Remove counts of tries and spent codes that limit nothing any more, and browsers that are signed out."""
    forget_old(now=timezone.now())
    forget_ended(now=timezone.now())
