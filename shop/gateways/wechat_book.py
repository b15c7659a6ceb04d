"""WeChat's daily bills: asked for, fetched, proven, and read line by line."""

import gzip
import hashlib
import hmac
import io
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import IO, Any, cast

import requests
from wechatpayv3 import WeChatPay as Library

from shop.gateways.contract import BookEntry, GatewayRefused, GatewayUnknown
from shop.gateways.wechat_bills import CHINA, trade_entries, transfer_entries
from shop.gateways.wechat_words import Understanding, text

_CHUNK_BYTES = 1 << 16


class BillReader:
    """Reads one bill after the other; held in memory is one, as it came: compressed."""

    def __init__(self, library: Library, *, ask: Callable[..., dict[str, Any]], call: Callable[..., Any]) -> None:
        self._library, self._ask, self._call = library, ask, call

    def entries(self, since: datetime) -> Iterator[BookEntry]:
        """Every movement from ``since`` on, day by day. Raises ``GatewayUnknown`` when a bill cannot be had."""
        # Bills know whole seconds only.
        since = since.replace(microsecond=0)
        day = since.astimezone(CHINA).date()
        today = datetime.fromtimestamp(time.time(), tz=UTC).astimezone(CHINA).date()
        while day <= today:
            for entry in self._of_day(day, is_made=day < today):
                if entry.at >= since:
                    yield entry
            day += timedelta(days=1)

    def _of_day(self, day: date, *, is_made: bool) -> Iterator[BookEntry]:
        yield from self._bill(self._library.trade_bill, trade_entries, day, is_made=is_made)
        for account in ("BASIC", "OPERATION"):
            bill = self._library.fundflow_bill
            yield from self._bill(bill, transfer_entries, day, is_made=is_made, account_type=account)

    def _bill(
        self,
        kind: Callable[..., Any],
        read: Callable[[Iterable[str]], Iterator[BookEntry]],
        day: date,
        *,
        is_made: bool,
        **options: str,
    ) -> Iterator[BookEntry]:
        try:
            told = self._ask(kind, bill_date=day.isoformat(), **options)
        except GatewayRefused as refusal:
            if refusal.code == "NO_STATEMENT_EXIST" or not is_made:
                return
            raise
        with Understanding():
            content = self._download(text(told["download_url"]))
            # The download itself is not signed; the digest was, in the answer that named it.
            if not hmac.compare_digest(_digest(content), text(told["hash_value"]).lower()):
                raise ValueError("the bill is not the one that was offered")
            yield from read(io.TextIOWrapper(_opened(content), encoding="utf-8-sig", newline=""))

    def _download(self, address: str) -> bytes:
        status, content = self._call(self._library.download_bill, url=address)
        if status != requests.codes.ok or not isinstance(content, bytes):
            raise GatewayUnknown(f"the bill could not be fetched: status {status}")
        return content


def _opened(content: bytes) -> IO[bytes]:
    packed = io.BytesIO(content)
    return cast("IO[bytes]", gzip.GzipFile(fileobj=packed)) if content[:2] == b"\x1f\x8b" else packed


def _digest(content: bytes) -> str:
    total = hashlib.sha1(usedforsecurity=False)
    with _opened(content) as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            total.update(chunk)
    return total.hexdigest()
