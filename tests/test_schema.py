"""The API's description is committed; whoever changes the API changes it too."""

from io import StringIO
from pathlib import Path

from django.core.management import call_command

COMMITTED = Path(__file__).resolve().parent.parent / "docs" / "openapi.yaml"


def test_the_committed_schema_is_the_one_of_the_code() -> None:
    """On a difference: `.venv/bin/python manage.py spectacular --lang en --file docs/openapi.yaml`, and read what changed."""
    made = StringIO()
    call_command("spectacular", "--lang", "en", "--validate", "--fail-on-warn", stdout=made)
    assert made.getvalue().strip() == COMMITTED.read_text(encoding="utf-8").strip()
