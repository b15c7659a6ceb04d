"""Compile the translations, without a system package: every ``.po`` below ``locale/`` gets its ``.mo``."""

from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """``manage.py compile_locale``; quick, and does nothing where the result is newer than its source."""

    help = "Compile the translations (locale/**/*.po) for use."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Write each catalogue's binary form beside it."""
        for folder in settings.LOCALE_PATHS:
            for source in sorted(Path(folder).rglob("*.po")):
                target = source.with_suffix(".mo")
                if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
                    continue
                catalogue = polib.pofile(str(source))
                # Written aside and moved, so that a server starting meanwhile never reads half of it.
                half = target.with_suffix(".mo.half")
                catalogue.save_as_mofile(str(half))
                half.replace(target)
                self.stdout.write(f"{target}: {len(catalogue.translated_entries())} texts")
