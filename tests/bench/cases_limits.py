"""The limits by themselves: what this machine gives at best, so that a reader can place the ratios."""

from tests.bench.case import Bench, case
from tests.bench.load import load, request
from tests.bench.measure import Row, absolute


@case("limits")
def limits(bench: Bench) -> list[Row]:
    """A bare view, a liveness answer through all of our middleware, a SELECT."""
    hello = request("GET", "/")
    alive = request("GET", "/healthz")
    database = bench.stack.fresh("limits")
    with bench.stack.bare() as bare, bench.stack.web(database) as web:
        plain, ours, statement = bench.interleaved(
            lambda: load(port=bare.port, next_request=lambda _client: hello, seconds=bench.seconds).rate,
            lambda: load(port=web.port, next_request=lambda _client: alive, seconds=bench.seconds).rate,
            lambda: bench.stack.pgbench(database, "SELECT 1;\n", seconds=bench.seconds).rate,
        )
    return [
        absolute("bare Django view, 16 clients", own=plain, unit="/s"),
        absolute("/healthz through our middleware, 16 clients", own=ours, unit="/s"),
        absolute("SELECT 1 by pgbench, 16 clients", own=statement, unit="/s"),
    ]
