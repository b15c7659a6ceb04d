"""What a proof is made of: checks, what they found, and how both are told to a person or a program.

A check is one statement that lists offenders; no row means that it holds. It names the invariants it
proves by their ids, which docs/invariants.md explains.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

OFFENDERS_MAX = 100
"""How many offenders one check lists; a broken book needs a look, not a million lines."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to the database. ``sql`` gives rows (subject, detail), one for each offender."""

    name: str
    proves: tuple[str, ...]
    sql: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is off: which check found it, what is off, and how."""

    check: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, and what was found. ``checks`` are (name, ids of invariants)."""

    checks: Sequence[tuple[str, tuple[str, ...]]]
    findings: Sequence[Finding]

    @property
    def holds(self) -> bool:
        return not self.findings

    def broken(self) -> set[str]:
        """Return the ids of the invariants that something speaks against."""
        proves = dict(self.checks)
        return {one for finding in self.findings for one in proves[finding.check]}


def find(cursor: CursorWrapper, checks: Sequence[Check], facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Run the checks one after the other; of each, give the first offenders in their order."""
    for check in checks:
        cursor.execute(f"{check.sql} ORDER BY 1, 2 LIMIT {OFFENDERS_MAX}", facts)
        for subject, detail in cursor.fetchall():
            yield Finding(check.name, subject or "?", detail or "")


def told(proof: Proof, invariants: Mapping[str, str]) -> Iterator[str]:
    """Return the lines of a report: each invariant by its id, what looked at it, and its offenders."""
    for number, sentence in invariants.items():
        names = [name for name, proves in proof.checks if number in proves]
        if not names:
            continue
        offenders = [finding for finding in proof.findings if finding.check in names]
        verdict = _("BROKEN") if offenders else _("holds")
        yield f"{number:<4}{verdict:<8}{sentence} ({', '.join(names)})"
        yield from (f"      {finding.check}: {finding.subject}: {finding.detail}" for finding in offenders)
        for name in names:
            if sum(finding.check == name for finding in offenders) == OFFENDERS_MAX:
                yield "      " + _("%(check)s: only the first %(most)s are listed.") % {
                    "check": name,
                    "most": OFFENDERS_MAX,
                }


def as_json(proof: Proof, invariants: Mapping[str, str], *, at: datetime) -> str:
    """Return the same report for programs."""
    broken = proof.broken()
    report = {
        "holds": proof.holds,
        "at": at.isoformat(),
        "invariants": [
            {
                "id": number,
                "says": sentence,
                "holds": number not in broken,
                "checks": [name for name, proves in proof.checks if number in proves],
            }
            for number, sentence in invariants.items()
            if any(number in proves for _name, proves in proof.checks)
        ],
        "findings": [asdict(finding) for finding in proof.findings],
        "offenders_max": OFFENDERS_MAX,
    }
    return json.dumps(report, ensure_ascii=False, indent=2)
