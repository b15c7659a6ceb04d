"""The sandbox's own book: one SQLite file that survives a kill at any moment.

What is answered has been committed before. Amounts are whole fen; instants are seconds since 1970 by the
sandbox's own clock, except ``due_at`` and ``finish_at``, which follow the machine's clock.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    out_trade_no TEXT PRIMARY KEY, prepay_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, openid TEXT NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0), description TEXT NOT NULL, notify_url TEXT NOT NULL,
    expires_at REAL NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
    transaction_id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL REFERENCES payments, openid TEXT NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0), paid_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS transactions_of_payment ON transactions (out_trade_no, paid_at);
CREATE TABLE IF NOT EXISTS refunds (
    out_refund_no TEXT PRIMARY KEY, refund_id TEXT NOT NULL UNIQUE, out_trade_no TEXT NOT NULL,
    transaction_id TEXT NOT NULL REFERENCES transactions, amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
    total_fen INTEGER NOT NULL, reason TEXT NOT NULL, notify_url TEXT NOT NULL, state TEXT NOT NULL,
    created_at REAL NOT NULL, succeeded_at REAL, finish_at REAL);
CREATE INDEX IF NOT EXISTS refunds_of_transaction ON refunds (transaction_id);
CREATE INDEX IF NOT EXISTS refunds_unfinished ON refunds (finish_at) WHERE finish_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS transfers (
    out_bill_no TEXT PRIMARY KEY, transfer_bill_no TEXT NOT NULL UNIQUE, openid TEXT NOT NULL,
    user_name TEXT NOT NULL, amount_fen INTEGER NOT NULL CHECK (amount_fen > 0), remark TEXT NOT NULL,
    scene TEXT NOT NULL, notify_url TEXT NOT NULL, state TEXT NOT NULL, package_info TEXT NOT NULL,
    fail_reason TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS transfers_waiting ON transfers (created_at) WHERE state = 'WAIT_USER_CONFIRM';
CREATE TABLE IF NOT EXISTS notices (
    position INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    number TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, due_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, copies INTEGER NOT NULL DEFAULT 1, answer INTEGER,
    last_headers TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS notices_due ON notices (due_at) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS notices_of ON notices (number);
CREATE TABLE IF NOT EXISTS faults (
    position INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, mode TEXT NOT NULL,
    times INTEGER, percent INTEGER NOT NULL, options TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS used_codes (code TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS deeds (
    position INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, subject TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS calls (
    position INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, number TEXT NOT NULL,
    status INTEGER NOT NULL, fault TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS knobs (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

_TABLES = (
    "refunds",
    "transactions",
    "payments",
    "transfers",
    "notices",
    "faults",
    "used_codes",
    "deeds",
    "calls",
    "knobs",
)


class Book:
    """One connection behind one lock: the sandbox is a single process and a transaction takes microseconds."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        # WAL with NORMAL loses nothing when the process dies, only when the machine does.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.executescript(_SCHEMA)
        self._add_columns()

    def _add_columns(self) -> None:
        """What books of earlier versions lack."""
        known = {row["name"] for row in self.rows("PRAGMA table_info(payments)")}
        for name in {"attach", "app_id"} - known:
            self.run(f"ALTER TABLE payments ADD COLUMN {name} TEXT NOT NULL DEFAULT ''")
        if "app_id" not in {row["name"] for row in self.rows("PRAGMA table_info(transfers)")}:
            self.run("ALTER TABLE transfers ADD COLUMN app_id TEXT NOT NULL DEFAULT ''")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; an inner one joins the outer."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def run(self, sql: str, *arguments: Any) -> int:
        """Execute one statement and return how many rows it touched."""
        with self._lock:
            return self._connection.execute(sql, arguments).rowcount

    def rows(self, sql: str, *arguments: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with self._lock:
            return self._connection.execute(sql, arguments).fetchall()

    def row(self, sql: str, *arguments: Any) -> sqlite3.Row | None:
        """Return the first row of a query, or nothing."""
        with self._lock:
            found: sqlite3.Row | None = self._connection.execute(sql, arguments).fetchone()
            return found

    def insert(self, table: str, **values: Any) -> None:
        """Insert one row."""
        names, marks = ", ".join(values), ", ".join("?" for _ in values)
        # Names come from this package alone; values are bound.
        self.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())  # noqa: S608

    def empty(self) -> None:
        """Forget everything, knobs included."""
        with self.transaction():
            for table in _TABLES:
                self.run(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
