"""``manage.py verify_all``: prove the books and everything that must agree with them, exit 1 if not."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from orders.flow.verification import INVARIANTS, prove_all
from shop.ledger.proof import as_json, told
from shop.work.sweep import database_now


class Command(BaseCommand):
    help = (
        "Recompute the books and compare orders, payments, refunds, commissions, earnings, statements, "
        "stock and due work with them. Tells of every invariant (docs/invariants.md) whether it holds, "
        "and lists everything that is off; exit 1 if anything is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Tell it as JSON, for programs.")

    def handle(self, *args: Any, json: bool, **options: Any) -> None:
        now = database_now()
        proof = prove_all(now=now)
        if json:
            self.stdout.write(as_json(proof, INVARIANTS, at=now))
        else:
            for line in told(proof, INVARIANTS):
                self.stdout.write(line)
        if not proof.holds:
            self.stderr.write(_("Not all holds: %(count)s findings.") % {"count": len(proof.findings)})
            sys.exit(1)
        if not json:
            self.stdout.write(_("All holds."))
