"""``manage.py release_payouts``: payouts go on, once the books have been compared."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.flow.release import release_payouts
from shop.base.errors import DomainError


class Command(BaseCommand):
    help = "End a hold of payouts after a comparison (reconcile) in which no payout differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True)
        parser.add_argument(
            "--force", action="store_true", help="You know that nothing was forgotten: do not ask for a comparison."
        )

    def handle(self, *args: Any, reason: str, force: bool, **options: Any) -> None:
        try:
            ended = release_payouts(actor="command", reason=reason, is_forced=force, now=timezone.now())
        except DomainError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_("Payouts go on.") if ended else _("Payouts did not stand still."))
