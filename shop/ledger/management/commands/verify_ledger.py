"""``manage.py verify_ledger``: prove the books, exit 1 and list what is off."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from shop.ledger.queries import verify


def _dated_digest(text: str) -> tuple[date, str]:
    day, _sign, digest = text.partition("=")
    try:
        return date.fromisoformat(day), digest.strip().lower()
    except ValueError as error:
        raise ArgumentTypeError("give it as YYYY-MM-DD=digest") from error


class Command(BaseCommand):
    help = "Recompute the books from the transfers and list everything that is off; exit 1 if anything is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--digest",
            type=_dated_digest,
            action="append",
            default=[],
            metavar="YYYY-MM-DD=DIGEST",
            help="A daily digest kept outside this database, to compare with; may be repeated.",
        )

    def handle(self, *args: Any, digest: list[tuple[date, str]], **options: Any) -> None:
        findings = verify(digests=dict(digest))
        for finding in findings:
            self.stdout.write(f"{finding.check}: {finding.subject}: {finding.detail}")
        if findings:
            self.stderr.write(_("The books do not hold: %(count)s findings.") % {"count": len(findings)})
            sys.exit(1)
        self.stdout.write(_("The books hold."))
