"""`make check`: everything about the code that needs no running shop, each check as a line a person could type."""

import os
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    # Started by path: this folder would hide the package `celery` behind settings/celery.py.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from settings.prepare import PROJECT, PYTHON
from settings.supervisor import paint

PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
_WEB_STARTS = """
import sys, settings.wsgi
from django.urls import get_resolver
get_resolver().url_patterns
assert not {"drf_spectacular", "django_celery_beat", "unittest"} & sys.modules.keys()
"""
CHECKS = {
    "formatting": ["-m", "ruff", "format", "--check", "--quiet", "."],
    "lint": ["-m", "ruff", "check", "."],
    "types": ["-m", "mypy", "."],
    "import floors and ceilings": [*PYTEST, "tests/test_architecture.py"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
    "API schema": [*PYTEST, "tests/test_schema.py"],
    "translations": [*PYTEST, "tests/test_translations.py"],
    "Django's own checks": ["manage.py", "check", "--fail-level", "WARNING"],
    # A process loads only the apps it needs: a name that one of them misses is seen when that one starts.
    # What the web does without (decision 27) shall not come back through an import either.
    "the web starts": ["-c", _WEB_STARTS],
    "the worker starts": ["-c", "import settings.celery as it; it.app.loader.import_default_modules()"],
}
# As whom a check runs, where it is not as a command.
PROCESSES = {"the web starts": "web", "the worker starts": "worker"}


def main() -> int:
    """Run all checks, show what failed, and say how many did."""
    plain = dict(os.environ, DJANGO_SETTINGS_MODULE="settings.test")
    failed = []
    for name, words in CHECKS.items():
        env = plain | {"LINJIA_PROCESS": PROCESSES.get(name, "command")}
        began = time.monotonic()
        result = subprocess.run([PYTHON, *words], cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
        mark = paint("✓", "green") if result.returncode == 0 else paint("✗", "red")
        print(f"{mark} {name} ({time.monotonic() - began:.1f} s)", flush=True)
        if result.returncode:
            failed.append(name)
            print(result.stdout + result.stderr, flush=True)
    if failed:
        print(f"{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
