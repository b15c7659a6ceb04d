"""`make check`: everything about the code that needs no running shop, each check as a line a person could type."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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
    # So that a mistake in a test's first lines shows here; what Python compiles for it, `make test` finds ready.
    "tests can be read": [*PYTEST, "--collect-only", "-n", "0"],
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


# Takes as long as half of the others, and nothing but a core of its own.
ASIDE = "types"


def main() -> int:
    """Run all checks, show what failed, and say how many did."""
    with ThreadPoolExecutor(max_workers=1) as aside:
        types = aside.submit(_holds, ASIDE)
        failed = [name for name in CHECKS if name != ASIDE and not _holds(name)]
        if not types.result():
            failed.append(ASIDE)
    if failed:
        print(f"{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _holds(name: str) -> bool:
    """Run a check and tell how it ended."""
    env = dict(os.environ, DJANGO_SETTINGS_MODULE="settings.test", LINJIA_PROCESS=PROCESSES.get(name, "command"))
    began = time.monotonic()
    result = subprocess.run([PYTHON, *CHECKS[name]], cwd=PROJECT, env=env, capture_output=True, text=True, check=False)
    mark = paint("✓", "green") if result.returncode == 0 else paint("✗", "red")
    said = result.stdout + result.stderr if result.returncode else ""
    print(f"{mark} {name} ({time.monotonic() - began:.1f} s)\n{said}", end="", flush=True)
    return result.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
