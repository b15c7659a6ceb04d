"""``manage.py reconcile``: our book against the gateway's, exit 1 when anything differs."""

import sys
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.flow.reconciliation import MENDABLE, Difference, mend, reconcile
from shop.base.errors import DomainError
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused, GatewayUnknown

# The real gateway makes a day's book on the next morning; the sandbox's is there at once.
_AT_ONCE = frozenset({"sandbox"})


class Command(BaseCommand):
    help = (
        "Compare every payment, refund and transfer with the gateway's own book, both ways. "
        "With --mend, what only lacks its notice is asked for and taken in. Exit 1 while anything differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gateway", default=settings.LINJIA_GATEWAY)
        parser.add_argument("--days", type=int, default=3, help="How many days to look back.")
        parser.add_argument("--mend", action="store_true", help="Ask the gateway about what is mendable.")

    def handle(self, *args: Any, gateway: str, days: int, mend: bool, **options: Any) -> None:
        if days < 1:
            raise CommandError(_("--days must be 1 or more."))
        now = timezone.now()
        since, until = now - timedelta(days=days), now
        if gateway not in _AT_ONCE:
            today = timezone.make_aware(datetime.combine(timezone.localdate(now), time.min))
            until = today
        found = self._compare(gateway, since, until)
        if mend and any(difference.cause in MENDABLE for difference in found):
            self._mend(found, gateway, now)
            found = self._compare(gateway, since, until)
        for difference in found:
            self.stdout.write(_told(difference))
        if found:
            self.stderr.write(_("The books differ: %(count)s differences.") % {"count": len(found)})
            sys.exit(1)
        self.stdout.write(_("The books agree."))

    def _compare(self, gateway: str, since: datetime, until: datetime) -> list[Difference]:
        try:
            return reconcile(gateway_name=gateway, since=since, until=until)
        except (GatewayUnknown, GatewayRefused) as error:
            raise CommandError(_("The gateway's book cannot be had: %(why)s") % {"why": error}) from error

    def _mend(self, found: list[Difference], gateway: str, now: datetime) -> None:
        for difference in found:
            try:
                helped = mend(difference=difference, gateway_name=gateway, now=now)
            except (GatewayUnknown, GatewayRefused, DomainError) as error:
                self.stderr.write(f"{difference.kind} {difference.number}: {error}")
                continue
            if helped:
                self.stdout.write(
                    _("mended: %(kind)s %(number)s") % {"kind": difference.kind, "number": difference.number}
                )


def _told(difference: Difference) -> str:
    def yuan(fen: int | None) -> str:
        return "–" if fen is None else f"¥{format_yuan(fen)}"

    sums = f"{yuan(difference.ours_fen)} / {yuan(difference.theirs_fen)}"
    told = f"{difference.cause}: {difference.kind} {difference.number}: {sums}: {difference.explanation}"
    return f"{told} ({difference.detail})" if difference.detail else told
