"""Do all due work now, here, without Celery."""

from typing import Any

from django.core.management.base import BaseCommand

from shop.work.queries import parked_count
from shop.work.sweep import run_due, run_periodic


class Command(BaseCommand):
    help = "Do all due work now: due rows first, then the periodic settlements, until nothing is left."

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        while True:
            done = run_due(rounds_max=1000)
            settled = run_periodic()
            total += done + settled
            if not done and not settled:
                break
        parked = parked_count()
        self.stdout.write(f"{total} done, {parked} parked.")
        if parked:
            self.stdout.write("Parked work waits for a person: see Due work in the staff admin.")
