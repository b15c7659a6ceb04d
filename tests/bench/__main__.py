"""`make bench`, `make bench ARGS="order notice"`: run the cases, print the table, write it to docs/performance.md.

Cases live in `cases_*.py`: functions marked with `@case("name")` that take a `Bench` and return rows. Names given as
arguments choose the cases that contain them; only a run of all cases writes the document, unless `--write` is given.
"""

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from settings import embedded

_PLACE = embedded.ensure("bench")
os.environ.update(
    DJANGO_SETTINGS_MODULE="settings.dev",
    LINJIA_PROCESS="command",
    LINJIA_LOG_LEVEL="ERROR",
    DATABASE_URL=_PLACE.database_url(embedded.SUPERUSER),
    REDIS_URL=_PLACE.redis_url(),
)

import django

django.setup()

from tests.bench.case import CASES, Bench
from tests.bench.measure import Row
from tests.bench.stack import PROJECT, Stack

DOCUMENT = PROJECT / "docs" / "performance.md"
BEGIN, END = "<!-- bench: written by make bench -->", "<!-- bench: end -->"


def main() -> int:
    """Run, print, write; 1 when a case broke or a goal was missed."""
    asked = argparse.ArgumentParser(description="Measures Linjia against its limits.")
    asked.add_argument("names", nargs="*", help="parts of the names of cases; all when left out")
    asked.add_argument("--rounds", type=int, default=5, help="rounds of each pair (5)")
    asked.add_argument("--seconds", type=float, default=3.0, help="seconds of each sample (3)")
    asked.add_argument("--write", action="store_true", help="write docs/performance.md for chosen cases too")
    options = asked.parse_args()
    for file in sorted(Path(__file__).parent.glob("cases_*.py")):
        importlib.import_module(f"tests.bench.{file.stem}")
    chosen = {
        name: run for name, run in CASES.items() if not options.names or any(each in name for each in options.names)
    }
    began = time.monotonic()
    load_before = os.getloadavg()[0]
    stack = Stack()
    stack.prepare()
    bench = Bench(stack=stack, rounds=options.rounds, seconds=options.seconds)
    rows: dict[str, list[Row]] = {}
    broken = []
    for name, run in chosen.items():
        at = time.monotonic()
        print(f"› {name} …", flush=True)
        try:
            rows[name] = run(bench)
        except Exception:  # noqa: BLE001 - one broken case must not take the figures of the others with it
            traceback.print_exc()
            broken.append(name)
            continue
        for row in rows[name]:
            print(f"  {_mark(row)} {row.name}: {row.own}  {row.limit}  {row.ratio}  {row.goal}", flush=True)
        print(f"  ({time.monotonic() - at:.0f} s)", flush=True)
    text = _report(rows, load_before, time.monotonic() - began)
    if options.write or not options.names:
        _write(text)
    missed = [f"{name}: {row.name}" for name, each in rows.items() for row in each if row.is_reached is False]
    print(f"{len(rows)} cases, {len(missed)} goals missed, {len(broken)} broken", *missed, *broken, sep="\n  ")
    return 1 if missed or broken else 0


def _mark(row: Row) -> str:
    return {True: "✓", False: "✗", None: "·"}[row.is_reached]


def _report(rows: dict[str, list[Row]], load_before: float, lasted: float) -> str:
    head = (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {_machine()}; load before the start {load_before:.1f}; "
        f"{lasted:.0f} s in all. A figure is the median of the rounds, in brackets the least and the most."
    )
    lines = [head]
    for name, each in rows.items():
        lines += [
            "",
            f"### {name}",
            "",
            "| | what | ours | limit | ratio | goal |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [f"| {_mark(row)} | {row.name} | {row.own} | {row.limit} | {row.ratio} | {row.goal} |" for row in each]
    return "\n".join(lines)


def _machine() -> str:
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    server = Stack().psql("postgres", "SHOW server_version")
    return (
        f"{os.cpu_count()} cores of {model or platform.processor() or platform.machine()}, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}, "
        f"Django {django.get_version()}, PostgreSQL {server}, load generator on the same cores"
    )


def _write(text: str) -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    print(f"written to {DOCUMENT.relative_to(PROJECT)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
