"""``manage.py verify_all``: prove the books and everything that must agree with them, exit 1 if not."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from orders.flow.verification import verify_all
from shop.work.sweep import database_now


class Command(BaseCommand):
    help = (
        "Recompute the books and compare orders, payments, refunds, commissions, earnings, statements, "
        "stock and due work with them. Lists everything that is off; exit 1 if anything is."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = verify_all(now=database_now())
        for finding in findings:
            self.stdout.write(f"{finding.check}: {finding.subject}: {finding.detail}")
        if findings:
            self.stderr.write(_("Not all holds: %(count)s findings.") % {"count": len(findings)})
            sys.exit(1)
        self.stdout.write(_("All holds."))
