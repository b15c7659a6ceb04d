"""``manage.py reconcile``: our book against the gateway's, exit 1 while anything differs."""

import json
import sys
from argparse import ArgumentParser
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.flow.reconciliation import reconcile
from orders.payments.models import BookDifference, Reconciliation
from shop.base.money import format_yuan
from shop.gateways.contract import GatewayRefused, GatewayUnknown

# The real gateway makes a day's book on the next morning; the sandbox's is there at once.
_AT_ONCE = frozenset({"sandbox"})


class Command(BaseCommand):
    help = (
        "Compare every payment, refund and transfer with the gateway's own book, both ways. "
        "With --mend, what only lacks its notice is asked for and taken in. "
        "Exit 1 while anything differs that nobody has explained."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gateway", default=settings.LINJIA_GATEWAY)
        parser.add_argument("--days", type=int, default=3, help="How many days to look back.")
        parser.add_argument("--mend", action="store_true", help="Ask the gateway about what is mendable.")
        parser.add_argument("--json", action="store_true", help="One JSON object instead of sentences.")

    def handle(self, *args: Any, gateway: str, days: int, mend: bool, **options: Any) -> None:
        if days < 1:
            raise CommandError(_("--days must be 1 or more."))
        now = timezone.now()
        since, until = now - timedelta(days=days), now
        if gateway not in _AT_ONCE:
            until = timezone.make_aware(datetime.combine(timezone.localdate(now), time.min))
        try:
            run = reconcile(gateway_name=gateway, since=since, until=until, is_mending=mend, now=now)
        except (GatewayUnknown, GatewayRefused) as error:
            raise CommandError(_("The gateway's book cannot be had: %(why)s") % {"why": error}) from error
        count = run.differences.filter(is_mended=False, explained_by="").count()
        if options["json"]:
            self._tell_json(run, count)
        else:
            self._tell(run, count)
        if count:
            sys.exit(1)

    def _tell(self, run: Reconciliation, count: int) -> None:
        for difference in run.differences.order_by("kind", "number").iterator(chunk_size=500):
            self.stdout.write(_told(difference))
        facts = {"count": count, "theirs": run.theirs_count, "ours": run.ours_count}
        if count:
            self.stderr.write(_("The books differ: %(count)s differences.") % facts)
        else:
            self.stdout.write(_("The books agree: %(theirs)s movements there, %(ours)s here.") % facts)

    def _tell_json(self, run: Reconciliation, count: int) -> None:
        head = {
            "gateway": run.gateway,
            "since": run.since.isoformat(),
            "until": run.until.isoformat(),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
            "theirs": run.theirs_count,
            "ours": run.ours_count,
            "open": count,
        }
        # Written piece by piece: after a restore the list can be as long as a day.
        self.stdout.write(json.dumps(head)[:-1] + ', "differences": [', ending="")
        for index, one in enumerate(run.differences.order_by("kind", "number").iterator(chunk_size=500)):
            self.stdout.write((",\n" if index else "\n") + json.dumps(_facts(one), ensure_ascii=False), ending="")
        self.stdout.write("]}")


def _facts(one: BookDifference) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "number": one.number,
        "cause": one.cause,
        "cause_text": str(one.get_cause_display()),
        "ours_fen": one.ours_fen,
        "theirs_fen": one.theirs_fen,
        "detail": one.detail,
        "reference": one.reference,
        "mended": one.is_mended,
        "mend_error": one.mend_error,
        "explanation": one.explanation,
    }


def _told(one: BookDifference) -> str:
    def yuan(fen: int | None) -> str:
        return "–" if fen is None else f"¥{format_yuan(fen)}"

    sums = f"{yuan(one.ours_fen)} / {yuan(one.theirs_fen)}"
    told = f"{one.cause}: {one.kind} {one.number}: {sums}: {one.get_cause_display()} ({one.detail})"
    if one.reference:
        told += f" [{one.reference}]"
    if one.is_mended:
        return f"{told} – {_('mended')}"
    return f"{told} – {one.mend_error or one.explanation}" if one.mend_error or one.explanation else told
