"""``manage.py adopt_payout``: write down a payout that only the gateway remembers, after a restore."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from distributors.payouts.restoring import adopt
from distributors.stores.models import Store
from shop.base.errors import DomainError
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused, GatewayUnknown


class Command(BaseCommand):
    help = "Book payouts that reconcile lists as unknown_here to the stores whose owners got them. No money moves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="+", metavar="NUMBER")
        parser.add_argument("--gateway", default=settings.LINJIA_GATEWAY)
        parser.add_argument("--store", default="", help="The store's code, when its owner's WeChat is not known.")

    def handle(self, *args: Any, numbers: list[str], gateway: str, store: str, **options: Any) -> None:
        owner = Store.objects.select_related("distributor__user").filter(code=store).first()
        if store and owner is None:
            raise CommandError(_("There is no store %(code)s.") % {"code": store})
        for number in numbers:
            try:
                row = adopt(number=number, gateway_name=gateway, store=owner, actor="command", now=timezone.now())
            except (DomainError, GatewayUnknown, GatewayRefused) as error:
                raise CommandError(f"{number}: {error}") from error
            facts = {"number": number, "yuan": format_yuan(row.amount_fen), "store": row.store.code}
            self.stdout.write(_("%(number)s: ¥%(yuan)s booked to store %(store)s.") % facts)
