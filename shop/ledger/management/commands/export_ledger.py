"""``manage.py export_ledger --format beancount``: the books as a file for other tools."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.ledger.export import beancount_lines


class Command(BaseCommand):
    help = "Write the books as a beancount file, with assertions that its balances equal ours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=["beancount"], default="beancount")
        parser.add_argument("--output", type=Path, help="The file to write; standard output without it.")

    def handle(self, *args: Any, output: Path | None, **options: Any) -> None:
        if output is None:
            for line in beancount_lines():
                self.stdout.write(line)
            return
        try:
            with output.open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in beancount_lines())
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}") from error
