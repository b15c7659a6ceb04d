"""``manage.py hold_payouts``: nothing is paid out from now on, as after a restore nobody noticed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from distributors.payouts.holds import place
from distributors.payouts.models import PayoutHold


class Command(BaseCommand):
    help = "Let payouts stand still until release_payouts. A restore does this by itself where it can be seen."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, reason: str, **options: Any) -> None:
        place(cause=PayoutHold.Cause.STAFF, detail=reason, actor="command", now=timezone.now())
        self.stdout.write(_("Payouts stand still."))
