"""Let days pass in the demo, to watch windows close, money settle and payouts happen."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from orders.demo.shift import shift_days


class Command(BaseCommand):
    help = "Move the demo's dates DAYS into the past. Then run `sweep`, or wait for the worker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("days", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.LINJIA_SANDBOX:
            raise CommandError("Only the demo's days can be moved; this is no demo.")
        if not 1 <= options["days"] <= 3650:
            raise CommandError("Move by 1 to 3650 days.")
        moved = shift_days(options["days"])
        self.stdout.write(f"{moved} rows are {options['days']} days older. Now: manage.py sweep")
