"""``manage.py close_day``: close every day that is over and print its digest."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from shop.ledger.actions import close_days


class Command(BaseCommand):
    help = "Close every day that is over; print each day's digest, to be kept outside the database."

    def handle(self, *args: Any, **options: Any) -> None:
        for day in close_days(now=timezone.now()):
            self.stdout.write(f"{day.date}={day.digest}")
