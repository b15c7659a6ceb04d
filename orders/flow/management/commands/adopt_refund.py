"""``manage.py adopt_refund``: write down a refund that only the gateway remembers, after a restore."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.flow.restoring import adopt_refund, replace_refund
from shop.base.errors import DomainError
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused, GatewayUnknown


class Command(BaseCommand):
    help = "Book refunds that reconcile lists as unknown_here to the orders they belong to. No money moves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="+", metavar="NUMBER")
        parser.add_argument("--gateway", default=settings.LINJIA_GATEWAY)
        parser.add_argument(
            "--instead-of",
            metavar="REFUND",
            help="NUMBER is this refund of ours, which was decided again and has failed: it becomes void (one NUMBER)",
        )
        parser.add_argument("--reason", default="", help="why, with --instead-of")
        parser.add_argument(
            "--besides", action="store_true", help="a refund of ours that waits is another one, and owed as well"
        )

    def handle(self, *args: Any, numbers: list[str], gateway: str, **options: Any) -> None:
        failed = options["instead_of"]
        if failed and (options["besides"] or len(numbers) > 1):
            raise CommandError(_("Either --instead-of with one number, or --besides."))
        for number in numbers:
            facts: dict[str, Any] = {"actor": "command", "now": timezone.now()}
            try:
                if failed:
                    row = replace_refund(number=failed, by=number, reason=options["reason"], **facts)
                else:
                    facts["is_besides"] = options["besides"]
                    row = adopt_refund(gateway_name=gateway, number=number, **facts)
            except (DomainError, GatewayUnknown, GatewayRefused) as error:
                raise CommandError(f"{number}: {error}") from error
            facts = {"number": number, "yuan": format_yuan(row.amount_fen), "order": row.order.number}
            self.stdout.write(_("%(number)s: ¥%(yuan)s booked to order %(order)s.") % facts)
