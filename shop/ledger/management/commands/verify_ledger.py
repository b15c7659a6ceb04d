"""``manage.py verify_ledger``: prove the books, exit 1 and list what is off."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from shop.ledger.proof import as_json, told
from shop.ledger.verification import INVARIANTS, prove


def _dated_digest(text: str) -> tuple[date, str]:
    day, _sign, digest = text.partition("=")
    try:
        return date.fromisoformat(day), digest.strip().lower()
    except ValueError as error:
        raise ArgumentTypeError("give it as YYYY-MM-DD=digest") from error


class Command(BaseCommand):
    help = (
        "Recompute the books from the transfers. Tells of every invariant (docs/invariants.md) whether it holds, "
        "and lists everything that is off; exit 1 if anything is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--digest",
            type=_dated_digest,
            action="append",
            default=[],
            metavar="YYYY-MM-DD=DIGEST",
            help="A daily digest kept outside this database, to compare with; may be repeated.",
        )

        parser.add_argument("--json", action="store_true", help="Tell it as JSON, for programs.")

    def handle(self, *args: Any, digest: list[tuple[date, str]], json: bool, **options: Any) -> None:
        proof = prove(digests=dict(digest))
        if json:
            self.stdout.write(as_json(proof, INVARIANTS, at=timezone.now()))
        else:
            for line in told(proof, INVARIANTS):
                self.stdout.write(line)
        if not proof.holds:
            self.stderr.write(_("The books do not hold: %(count)s findings.") % {"count": len(proof.findings)})
            sys.exit(1)
        if not json:
            self.stdout.write(_("The books hold."))
