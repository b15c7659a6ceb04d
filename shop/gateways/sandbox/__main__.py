"""``python -m shop.gateways.sandbox --port 8010 --home DIR`` runs the sandbox; ``--init`` only makes its keys."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from shop.gateways.sandbox.keys import INDEX, ensure_keys
from shop.gateways.sandbox.server import Sandbox

DEFAULT_PORT = 8010


def main(arguments: list[str]) -> int:
    """Run until told to stop. In production: refuse, status 2."""
    parser = argparse.ArgumentParser(prog="python -m shop.gateways.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--home", type=Path, required=True, help="folder of the keys and the book")
    parser.add_argument("--init", action="store_true", help="make the keys and stop")
    options = parser.parse_args(arguments)
    if os.environ.get("LINJIA_ENV", "").strip().lower() in ("prod", "production"):
        sys.stderr.write("The sandbox does not run in production: LINJIA_ENV says production.\n")
        return 2
    if options.init:
        ensure_keys(options.home)
        sys.stdout.write(f"{options.home / INDEX}\n")
        return 0
    server = Sandbox(options.port, options.home)
    signal.signal(signal.SIGTERM, _stop)
    sys.stdout.write(f"sandbox {server.world.base_url} home {options.home}\n")
    sys.stdout.flush()
    try:
        server.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
