"""``manage.py import_catalogue --supplier CODE FILE``: bring a supplier's catalogue in."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from shop.base.errors import DomainError
from shop.imports.actions import ImportReport, import_catalogue
from shop.imports.pictures import PictureReport, fetch_noted_pictures
from shop.imports.rules import SUPPLY_RATE_BP, rate_of
from shop.suppliers.queries import supplier_by_code


class Command(BaseCommand):
    help = (
        "Bring in a Shopify product CSV, or Linjia's own form as CSV or XLSX (docs/catalogue-import.md). "
        "All rows or none; the same file again changes nothing. Exit status 1 when a row is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the CSV or XLSX file")
        parser.add_argument("--supplier", required=True, metavar="CODE", help="the supplier's code")
        parser.add_argument(
            "--currency-rate", metavar="R", help="how many yuan one unit of the file's currency is worth (1)"
        )
        parser.add_argument(
            "--supply-rate-bp",
            type=int,
            default=SUPPLY_RATE_BP,
            metavar="BP",
            help="supply price of new SKUs the file names none for, in basis points of the retail price (7000)",
        )
        parser.add_argument("--category", default="", metavar="CODE", help="shelf of products without a known one")
        parser.add_argument("--publish", action="store_true", help="put the file's published products on sale")
        parser.add_argument("--fetch-images", action="store_true", help="fetch the pictures named by address")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            supplier = supplier_by_code(options["supplier"])
            rate = options["currency_rate"]
            with file.open("rb") as source:
                report = import_catalogue(
                    supplier=supplier,
                    source=source,
                    filename=file.name,
                    currency_rate=None if rate is None else rate_of(rate),
                    supply_rate_bp=options["supply_rate_bp"],
                    category_code=options["category"],
                    publish=options["publish"],
                    dry_run=options["dry_run"],
                    now=timezone.now(),
                )
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror or error}") from error
        except DomainError as error:
            raise CommandError(f"{file.name}: {error}") from error
        self._tell(report, is_dry=options["dry_run"], fetches=options["fetch_images"])
        if options["fetch_images"] and not options["dry_run"]:
            self._tell_pictures(fetch_noted_pictures(supplier=supplier, now=timezone.now()))

    def _tell(self, report: ImportReport, *, is_dry: bool, fetches: bool) -> None:
        for problem in report.problems:
            self.stderr.write(str(problem))
        if report.problems:
            raise CommandError(f"Nothing was written: {len(report.problems)} problems in {report.rows} rows.")
        for note in report.notes:
            self.stdout.write(f"note: {note}")
        products = report.created + report.updated + report.unchanged
        self.stdout.write(
            f"{products} products, {report.skus} SKUs in {report.rows} rows: {report.created} created, "
            f"{report.updated} updated, {report.unchanged} unchanged"
            + (" (dry run: nothing was written)." if is_dry else ".")
        )
        if report.published:
            self.stdout.write(f"{report.published} products came on sale.")
        if report.pictures and not fetches:
            self.stdout.write(f"{report.pictures} pictures are noted by their addresses; --fetch-images fetches them.")

    def _tell_pictures(self, report: PictureReport) -> None:
        for reason, count in report.reasons.most_common():
            self.stdout.write(f"picture left out ({count} times): {reason}")
        if report.gave_up:
            self.stdout.write("No address answered, so the rest was not asked. Is there a network?")
        self.stdout.write(f"{report.fetched} pictures fetched, {report.waiting} still without a file.")
