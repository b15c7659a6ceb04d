"""``manage.py adopt_refund``: write down a refund that only the gateway remembers, after a restore."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.flow.restoring import adopt_refund
from shop.base.errors import DomainError
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused, GatewayUnknown


class Command(BaseCommand):
    help = "Book refunds that reconcile lists as unknown_here to the orders they belong to. No money moves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="+", metavar="NUMBER")
        parser.add_argument("--gateway", default=settings.LINJIA_GATEWAY)

    def handle(self, *args: Any, numbers: list[str], gateway: str, **options: Any) -> None:
        for number in numbers:
            try:
                row = adopt_refund(gateway_name=gateway, number=number, actor="command", now=timezone.now())
            except (DomainError, GatewayUnknown, GatewayRefused) as error:
                raise CommandError(f"{number}: {error}") from error
            facts = {"number": number, "yuan": format_yuan(row.amount_fen), "order": row.order.number}
            self.stdout.write(_("%(number)s: ¥%(yuan)s booked to order %(order)s.") % facts)
