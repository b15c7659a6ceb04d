"""``manage.py rotate_keys``: seal everything anew under the first data key, while the shop runs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shop.privacy.keys import SealBroken
from shop.privacy.rotation import left, rekey, reseal, sealed_tables


class Command(BaseCommand):
    help = (
        "Seal people's data anew under the first of LINJIA_DATA_KEYS. Put the new key in front, restart, run this, "
        "then take the old key out. May be interrupted and run again. --check only counts, and fails when any is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="count what is under another key; exit 1 if any")
        parser.add_argument("--lookups", action="store_true", help="write look-ups under the first look-up key too")

    def handle(self, *args: Any, **options: Any) -> None:
        remaining = 0
        for sealed in sealed_tables():
            try:
                done = 0 if options["check"] else reseal(sealed)
                keyed = rekey(sealed) if options["lookups"] and not options["check"] else 0
            except SealBroken as error:
                raise CommandError(f"{sealed.table}: {error}. Is a key missing from LINJIA_DATA_KEYS?") from error
            old = left(sealed)
            remaining += old
            self.stdout.write(f"{sealed.table}: {done} sealed anew, {keyed} look-ups, {old} under another key")
        if remaining:
            raise CommandError(f"{remaining} rows are still under another key.")
        self.stdout.write("Everything is under the first key.")
