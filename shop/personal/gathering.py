"""Everything about one person as one file: each sheet as CSV for people, all of it as JSON for machines."""

import csv
import io
import json
import zipfile
from typing import IO, Any

from django.core.serializers.json import DjangoJSONEncoder

from shop.base.sheets import harmless
from shop.personal.models import Consent, Export, Leaving
from shop.privacy.parts import Part, Row, parts, rows

# Excel reads Chinese in a CSV only behind this mark.
_MARK = "\ufeff"


def write_all(user_id: int, out: IO[bytes]) -> None:
    """Write a person's data into ``out``: ``data.json``, ``tables/…csv`` and her pictures."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        sheets: dict[str, list[Row]] = {}
        for part in parts():
            sheets |= part.tell(user_id)
            for name, data in part.files(user_id):
                archive.writestr(name, data)
        for name, found in sheets.items():
            if found:
                archive.writestr(f"tables/{name}.csv", _MARK + _csv(found))
        text = json.dumps(sheets, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder)
        archive.writestr("data.json", text)


def _csv(found: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]))
    writer.writeheader()
    for row in found:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    return harmless(value) if isinstance(value, str) else value


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "consents": rows(Consent.objects.filter(user_id=user_id), "purpose", "version", "given_at", "withdrawn_at"),
        "exports": rows(Export.objects.filter(user_id=user_id), "number", "asked_at", "made_at", "ended_at"),
        "deletions": rows(Leaving.objects.filter(user_id=user_id), "asked_at", "due_at", "cancelled_at"),
    }


# Consents and the record of leaving stay: they prove that what was done was asked for, and name nobody any more.
PART = Part(name="personal", tables=frozenset({"personal.consent", "personal.export", "personal.leaving"}), tell=_tell)
