"""`make run` and `make test`: everything from a bare Python to a running shop, in one supervised process tree.

The first half runs on the system's Python and makes the virtual environment; then the program replaces itself by the
second half inside that environment. Standard library only.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

VERSION_MIN = (3, 11)
PROJECT = Path(__file__).resolve().parent.parent


def _newer_python() -> None:
    """Go on with a newer Python of this machine when `python3` is an old one."""
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if path:
            os.execv(path, [path, *sys.argv])
    sys.exit("Linjia needs Python 3.11 or newer; `python3` here is " + sys.version.split()[0] + ".")


if __name__ == "__main__":
    if sys.version_info < VERSION_MIN:
        _newer_python()
    # Started by path: this folder would hide the package `celery` behind settings/celery.py.
    sys.path[0] = str(PROJECT)

from settings import embedded, prepare
from settings.keeper import Keeper
from settings.prepare import PYTHON, Trouble, step
from settings.supervisor import Service, Supervisor, TaskFailed, paint, say

_READY_SECONDS = 60.0
# Memory that threads gave back goes back to the machine; `make bench` measures with the same.
MEMORY = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    # The web server's own allocator: it keeps less for threads that have little to do; 2 MB of each process.
    "_RJEM_MALLOC_CONF": "narenas:1,tcache:false,dirty_decay_ms:1000,muzzy_decay_ms:0",
}
WEB_WORKERS = "2"
WORKER_PROCESSES = "2"


class Stopped(BaseException):
    """Somebody asked to stop while things were being set up."""


def _stop_now(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _number(name: str, default: int) -> int:
    raw = os.environ.get(name, "").strip() or str(default)
    if not raw.isdigit() or not 0 < int(raw) < 65536:
        raise Trouble(f"{name}={raw} is no port: use a whole number from 1 to 65535.")
    return int(raw)


class Shop:
    """The addresses of one run and the steps that bring it up."""

    def __init__(self) -> None:
        self.host = os.environ.get("HOST", "").strip() or "127.0.0.1"
        self.port = _number("PORT", 8000)
        self.sandbox_port = _number("SANDBOX_PORT", 8010)
        self.supervisor = Supervisor()
        self.keeper: Keeper | None = None
        self.home = embedded.home()
        self.metrics_folder = self.home / "metrics"
        self.env: dict[str, str] = {}
        self.people: list[str] = []

    @property
    def url(self) -> str:
        """Where a browser finds the shop."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def has_own_servers(self) -> bool:
        return not (os.environ.get("DATABASE_URL", "").strip() and os.environ.get("REDIS_URL", "").strip())

    @property
    def stamps(self) -> Path:
        """Steps done to the private database are remembered beside it, so that they go when it goes."""
        return embedded.place("run").root / "done"

    def check_ports(self) -> None:
        """Say at once that a port is taken, before minutes of setting up. Raises Trouble."""
        for host, port, name in ((self.host, self.port, "PORT"), ("127.0.0.1", self.sandbox_port, "SANDBOX_PORT")):
            if not prepare.port_is_free(host, port):
                other = next(
                    each
                    for each in range(port + 1, port + 1000)
                    if each not in {self.port, self.sandbox_port} and prepare.port_is_free(host, each)
                )
                raise Trouble(
                    f"Port {port} on {host} is in use. Stop what runs there, or choose another: {name}={other} make run"
                )

    def prepare_environment(self) -> None:
        """What every process of the tree finds in its environment."""
        self.metrics_folder.mkdir(parents=True, exist_ok=True)
        for old in self.metrics_folder.glob("*.db"):
            old.unlink()
        defaults = {
            "DJANGO_SETTINGS_MODULE": "settings.dev",
            "PORT": str(self.port),
            "LINJIA_PUBLIC_URL": self.url,
            "LINJIA_SANDBOX_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "LINJIA_SANDBOX_HOME": str(self.home / "sandbox"),
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics_folder),
            "PYTHONUNBUFFERED": "1",
            # Workers load no pages to check them.
            "CELERY_SKIP_CHECKS": "1",
            **MEMORY,
        }
        self.env = {**defaults, **prepare.node_environment()}
        if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
            self.env["LINJIA_LOG_COLOUR"] = "1"

    def start_servers(self) -> None:
        """PostgreSQL and Valkey of our own: led by this process, or by one that leads them already."""
        if not self.has_own_servers:
            return
        spot = embedded.place("run")
        is_first = not (spot.database_folder / "PG_VERSION").exists()
        with step("Creating the database" if is_first else "Starting PostgreSQL and Valkey"):
            keeper = Keeper(spot)
            if keeper.lead():
                self.keeper = keeper
                keeper.start(self.supervisor)
            embedded.ensure("run")

    def prepare_database(self) -> None:
        """Tables, rights and translations; skipped while nothing has changed. Raises Trouble."""
        folders = [
            path for floor in ("shop", "distributors", "orders") for path in (PROJECT / floor).rglob("migrations")
        ]
        texts = list((PROJECT / "locale").rglob("*.po"))
        wanted = prepare.fingerprint([*folders, *texts, PROJECT / "requirements.txt"])
        is_compiled = all(path.with_suffix(".mo").exists() for path in texts)
        # The state of somebody else's server is not ours to remember: there we always look.
        if self.has_own_servers and is_compiled and prepare.is_stamped("upgraded", wanted, folder=self.stamps):
            return
        with step("Updating tables and translations"):
            problem = prepare.run([PYTHON, "-m", "settings.upgrade"], env=self.env)
            if problem:
                raise Trouble(f"Updating the tables failed: {problem}")
        if self.has_own_servers:
            prepare.stamp("upgraded", wanted, folder=self.stamps)

    def load_demo(self) -> None:
        """The made-up neighbourhood, once; `LINJIA_DEMO=0` leaves the shop empty.

        The story plays in the past, so the worker must not look at it before it is whole.
        """
        if os.environ.get("LINJIA_DEMO", "1").strip().lower() in {"0", "no", "off", "false"}:
            return
        memory = self.stamps / "demo" if self.has_own_servers else None
        if memory and memory.exists():
            self.people = memory.read_text(encoding="utf-8").splitlines()
            return
        print(f"  Pages are served already: {paint(self.url, 'cyan')}", flush=True)
        command = [str(PYTHON), "manage.py", "demo"]
        with step("Playing the demo story"):
            try:
                self.people = self.supervisor.play(
                    Service("demo", command, self.env, colour="yellow", folder=str(PROJECT), quiet=True)
                )
            except TaskFailed as error:
                raise Trouble(f"manage.py demo failed: {error}") from None
        if memory:
            prepare.stamp("demo", "\n".join(self.people), folder=self.stamps)

    def start_sandbox(self) -> None:
        """The local WeChat; the demo already pays with it."""
        home = self.env["LINJIA_SANDBOX_HOME"]
        command = [str(PYTHON), "-m", "shop.gateways.sandbox", "--port", str(self.sandbox_port), "--home", home]
        self.supervisor.start(Service("wechat", command, self.env, colour="green", folder=str(PROJECT), rank=3))

    def start_web(self) -> None:
        """The web server; returns when pages are served."""
        command = [
            "granian", "--interface", "wsgi", "--host", self.host, "--port", str(self.port), "--workers", WEB_WORKERS,
            "--blocking-threads", "3", "--no-ws", "--respawn-failed-workers", "--workers-kill-timeout", "5",
            "--log-level", "warning", "settings.wsgi:application",
        ]  # fmt: skip
        self._start("web", command, colour="cyan", rank=0)
        self._await(f"http://127.0.0.1:{self.sandbox_port}/", "wechat", "The sandbox WeChat")
        self._await(f"{self.url}/readyz", "web", "The web server")

    def start_workers(self) -> None:
        """Celery: the worker and the clock."""
        celery = ["celery", "--app", "settings.celery", "--quiet"]
        worker = [
            *celery, "worker", "--queues", "money,default", "--concurrency", WORKER_PROCESSES, "--loglevel", "INFO",
            "--without-gossip", "--without-mingle",
        ]  # fmt: skip
        self._start("worker", worker, colour="magenta", rank=1)
        self._start("beat", [*celery, "beat", "--loglevel", "INFO", "--pidfile="], colour="yellow", rank=1)

    def _start(self, name: str, words: list[str], *, colour: str, rank: int) -> None:
        env = self.env | {"LINJIA_PROCESS": "web" if name == "web" else "worker"}
        command = [str(PYTHON), "-m", *words]
        self.supervisor.start(Service(name, command, env, colour=colour, folder=str(PROJECT), rank=rank))

    def _await(self, url: str, name: str, title: str) -> None:
        """Wait until a service answers (with anything); it must not fall meanwhile. Raises Trouble."""
        service = next(each for each in self.supervisor.services if each.name == name)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            try:
                opener.open(url, timeout=5).close()
            except urllib.error.HTTPError as error:
                error.close()
                if error.code < 500:
                    return
            except OSError:
                pass
            else:
                return
            if not service.is_running:
                raise Trouble(f"{title} does not start: {service.tail[-1] if service.tail else 'it said nothing'}")
            time.sleep(0.1)
        raise Trouble(f"{title} does not answer at {url} after {_READY_SECONDS:.0f} s.")

    def greet(self) -> None:
        """Where everything is, and who may sign in."""
        places = [
            ("Shop", f"{self.url}/"),
            ("Store desk", f"{self.url}/dashboard/"),
            ("Supplier panel", f"{self.url}/supplier/"),
            ("Staff", f"{self.url}/admin/"),
            ("API", f"{self.url}/api/v1/docs/"),
            ("Sandbox WeChat", f"http://127.0.0.1:{self.sandbox_port}/"),
        ]
        print()
        for title, url in places:
            print(f"  {title:<16}{paint(url, 'cyan')}")
        print()
        for line in self.people:
            print(f"  {line}")
        print("\n  Ctrl-C stops everything.\n", flush=True)

    def stop(self) -> None:
        """Stop all processes, then give up the servers."""
        self.supervisor.stop()
        if self.keeper:
            self.keeper.leave()


def serve() -> int:
    """The second half of `make run`: bring the shop up and keep it up until somebody stops it."""
    shop = Shop()
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop_now)
    try:
        shop.prepare_environment()
        shop.start_servers()
        shop.prepare_database()
        with step("Starting the web server and the sandbox WeChat"):
            shop.start_sandbox()
            shop.start_web()
        shop.load_demo()
        shop.start_workers()
        shop.greet()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda got, _frame: asked.append(got))
        shop.supervisor.watch(until=lambda: bool(asked))
    except Stopped:
        pass
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        say("linjia", "stopping")
        shop.stop()
        say("linjia", "stopped")
    return 0


def keep_bytecode() -> None:
    """Where Python must not write beside the code, it keeps what it compiled in our own folder.

    Without that every process compiles every module anew: two seconds of each start, and memory that stays.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(embedded.home() / "bytecode"))


def main(words: list[str]) -> int:
    """`run`, `regions` (and `serve`, `load-regions`: their second halves), `check`, `bench [cases]`, `test` or `faults` [what pytest understands]."""
    os.chdir(PROJECT)
    keep_bytecode()
    what = words[0] if words else "run"
    try:
        if what in _SECOND_HALVES:
            return _SECOND_HALVES[what]()
        if what == "run":
            Shop().check_ports()
        prepare.everything(for_tests=what not in {"run", "regions"})
        if what in {"run", "regions"}:
            os.execv(PYTHON, [str(PYTHON), str(Path(__file__).resolve()), "serve" if what == "run" else "load-regions"])
        if what == "check":
            return check()
        return {"bench": bench, "faults": faults}.get(what, test)(words[1:])
    except (Trouble, embedded.ServersDown) as trouble:
        print(f"{paint('✗', 'red')} {trouble}", file=sys.stderr, flush=True)
        return 1
    except (KeyboardInterrupt, Stopped):
        return 130


def compile_texts() -> None:
    """Translations for the tests."""
    env = dict(os.environ, DJANGO_SETTINGS_MODULE="settings.test")
    problem = prepare.run([PYTHON, "manage.py", "compile_locale"], env=env)
    if problem:
        raise Trouble(f"manage.py compile_locale failed: {problem}")


def load_regions() -> int:
    """All townships and villages of the country into the database that `make run` uses, whether it runs or not."""
    folder = prepare.places()
    shop = Shop()
    env = dict(os.environ, LINJIA_PROCESS="command", LINJIA_DATABASE_ROLE="owner")
    env.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    shop.env = env
    try:
        shop.start_servers()
        # A database of the operator's own is upgraded when its operator says so.
        if shop.has_own_servers:
            shop.prepare_database()
        with step("Taking in townships and villages"):
            command = [str(PYTHON), "manage.py", "import_regions", "--package", str(folder)]
            return subprocess.run(command, env=env, cwd=PROJECT, check=False).returncode
    finally:
        shop.stop()


_SECOND_HALVES = {"serve": serve, "load-regions": load_regions}


def check() -> int:
    """Formatting, lint, types, floors, migrations, schema, translations."""
    compile_texts()
    os.execv(PYTHON, [str(PYTHON), str(PROJECT / "settings" / "check.py")])


def bench(words: list[str]) -> int:
    """Measure, on servers of its own that keep their promises of durability."""
    compile_texts()
    env = dict(os.environ, DJANGO_SETTINGS_MODULE="settings.dev")
    os.execve(PYTHON, [str(PYTHON), "-m", "tests.bench", *words], env)


def test(words: list[str]) -> int:
    """Run the tests as a person or CI does, with browser tests where there is a browser.

    Three at a time for two cores: while the fault tests wait for leases and retries, the others work.
    """
    prepare.chromium()
    compile_texts()
    env = dict(os.environ, DJANGO_SETTINGS_MODULE="settings.test")
    os.execve(PYTHON, [str(PYTHON), "-m", "pytest", "-n", "3", *words], env)


def faults(words: list[str]) -> int:
    """Kill, cut and empty everything, many times: the long form of the fault tests."""
    compile_texts()
    env = dict(os.environ, DJANGO_SETTINGS_MODULE="settings.test", LINJIA_FAULTS="full")
    where = [] if any("tests/" in word for word in words) else ["tests/faults"]
    os.execve(PYTHON, [str(PYTHON), "-m", "pytest", "-n", "0", "-s", *where, *words], env)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
