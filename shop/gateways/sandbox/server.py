"""The process: routes, proof of the caller, failing on purpose, signed answers. Loopback only."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shop.gateways.sandbox import bills, control, open_api, pages, payments, refunds, transfers, web_sign_in
from shop.gateways.sandbox.faults import Fault, fault_for, suffer
from shop.gateways.sandbox.notices import Courier
from shop.gateways.sandbox.wire import (
    CLOCK_TOLERANCE,
    Call,
    NoAnswer,
    Refusal,
    Reply,
    is_signed,
    read_authorization,
    signed_headers,
)
from shop.gateways.sandbox.world import World

HOST = "127.0.0.1"
_BODY_MAX = 1 << 20
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]", "::1"}
Handler = Callable[..., Reply]
Deed = Callable[[World], Reply]

_BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
_N = r"([^/?]+)"
_PAY_ROUTES: list[tuple[str, str, str, Handler]] = [
    ("POST", r"/v3/pay/transactions/jsapi", "collect", partial(payments.collect, kind="jsapi")),
    ("POST", r"/v3/pay/transactions/native", "collect", partial(payments.collect, kind="native")),
    ("POST", r"/v3/pay/transactions/h5", "collect", partial(payments.collect, kind="h5")),
    ("GET", rf"/v3/pay/transactions/out-trade-no/{_N}", "query_payment", payments.query_by_number),
    ("GET", rf"/v3/pay/transactions/id/{_N}", "query_payment", payments.query_by_id),
    ("POST", rf"/v3/pay/transactions/out-trade-no/{_N}/close", "close_payment", payments.close),
    ("POST", r"/v3/refund/domestic/refunds", "refund", refunds.refund),
    ("GET", rf"/v3/refund/domestic/refunds/{_N}", "query_refund", refunds.query),
    ("POST", _BILLS, "transfer", transfers.transfer),
    ("GET", rf"{_BILLS}/out-bill-no/{_N}", "query_transfer", transfers.query),
    ("POST", rf"{_BILLS}/out-bill-no/{_N}/cancel", "cancel_transfer", transfers.cancel),
    ("GET", r"/v3/bill/tradebill", "bill", bills.trade_bill),
    ("GET", r"/v3/bill/fundflowbill", "bill", bills.fund_bill),
    ("GET", r"/v3/billdownload/file", "download_bill", bills.download),
]
_OPEN_ROUTES: list[tuple[str, str, str, Handler]] = [
    ("GET", r"/sns/jscode2session", "code2session", open_api.code2session),
    ("GET", r"/sns/oauth2/access_token", "web_access_token", web_sign_in.access_token),
    ("POST", r"/cgi-bin/stable_token", "stable_token", open_api.stable_token),
    ("POST", r"/wxa/business/getuserphonenumber", "phone_number", open_api.phone_number),
    ("POST", r"/wxa/getwxacodeunlimit", "code_picture", open_api.code_picture),
    ("POST", r"/wxa/msg_sec_check", "check_text", open_api.check_text),
    ("POST", r"/cgi-bin/message/subscribe/send", "subscribe_message", open_api.subscribe_message),
    ("POST", r"/wxa/generate_urllink", "url_link", open_api.url_link),
    ("POST", r"/wxa/sec/order/upload_shipping_info", "upload_shipping", open_api.upload_shipping),
]
_PERSON_ROUTES: list[tuple[str, str, str, Handler]] = [
    ("GET", r"/", "page", pages.index),
    ("GET", r"/pay", "page", pages.follow_code),
    ("GET", rf"/pay/{_N}", "page", pages.pay_page),
    ("POST", rf"/pay/{_N}", "page", pages.pay_page),
    ("GET", rf"/transfer/{_N}", "page", pages.transfer_page),
    ("POST", rf"/transfer/{_N}", "page", pages.transfer_page),
    ("GET", r"/connect/(?:oauth2/authorize|qrconnect)", "page", web_sign_in.ask),
    ("POST", r"/connect/(?:oauth2/authorize|qrconnect)", "page", web_sign_in.ask),
    ("GET", r"/control/state", "control", control.state),
    ("GET", r"/control/book", "control", control.book),
    ("GET", r"/control/identity", "control", control.identity),
    ("POST", rf"/control/{_N}", "control", control.do),
]


def _compiled(routes: list[tuple[str, str, str, Handler]]) -> list[tuple[str, re.Pattern[str], str, Handler]]:
    return [(method, re.compile(pattern + r"\Z"), name, handler) for method, pattern, name, handler in routes]


_PAY, _OPEN, _PERSON = _compiled(_PAY_ROUTES), _compiled(_OPEN_ROUTES), _compiled(_PERSON_ROUTES)


def _find(routes: list[tuple[str, re.Pattern[str], str, Handler]], call: Call) -> tuple[str, Deed] | None:
    for method, pattern, name, handler in routes:
        match = pattern.match(call.path)
        if match and method == call.method:
            return name, partial(_run, handler, call, match.groups())
    return None


def _run(handler: Handler, call: Call, groups: tuple[str, ...], world: World) -> Reply:
    return handler(world, call, *groups)


def prove_caller(world: World, call: Call) -> None:
    """Check the merchant's signature over the call, its clock and that the nonce is new."""
    parts = read_authorization(call.headers.get("Authorization", ""))
    if parts["mchid"] != world.keys.merchant_id or parts["serial_no"] != world.keys.cert_serial:
        raise Refusal(401, "SIGN_ERROR", "unknown merchant or certificate")
    lines = (call.method, call.target, parts["timestamp"], parts["nonce_str"], call.body.decode("utf-8", "replace"))
    if not is_signed(world.merchant_public_key, parts["signature"], *lines):
        raise Refusal(401, "SIGN_ERROR", "the signature is wrong")
    stamp = parts["timestamp"]
    is_near = stamp.isdigit() and abs(world.signing_time() - int(stamp)) <= CLOCK_TOLERANCE
    if world.knob("check_client_clock") and not is_near:
        raise Refusal(401, "SIGN_ERROR", "the timestamp is too far from ours")
    now = time.time()
    if world.seen_nonces.setdefault(parts["nonce_str"], now) != now:
        raise Refusal(401, "SIGN_ERROR", "the nonce was used before")
    if len(world.seen_nonces) > 100_000:
        world.seen_nonces.clear()


def answer(world: World, call: Call) -> Reply:
    """The whole way of a call; raises ``NoAnswer`` when the line is to break."""
    tick(world)
    if call.path.startswith("/v3/"):
        return _answer_pay(world, call)
    found = _find(_OPEN, call)
    if found:
        return _answer_open(world, call, *found)
    found = _find(_PERSON, call)
    if found is None:
        return Reply({"code": "NOT_FOUND", "message": "there is nothing here"}, status=404)
    try:
        return found[1](world)
    except Refusal as refusal:
        if found[0] == "page":
            return pages.refusal_page(refusal)
        return Reply({"code": refusal.code, "message": refusal.message}, status=refusal.status)


def _answer_pay(world: World, call: Call) -> Reply:
    fault: Fault | None = None
    name = ""
    try:
        prove_caller(world, call)
        found = _find(_PAY, call)
        if found is None:
            raise Refusal(404, "NOT_FOUND", "there is no such address")
        name, deed = found
        fault = fault_for(world, name)
        reply = suffer(fault, lambda: deed(world))
    except Refusal as refusal:
        reply = Reply({"code": refusal.code, "message": refusal.message}, status=refusal.status)
    except NoAnswer:
        _note_call(world, call, name, 0, fault)
        raise
    _note_call(world, call, name, reply.status, fault)
    # Bills and pages of proxies carry no signature.
    mode = fault.mode if fault else ""
    if mode not in ("unsigned", "bad_gateway") and name != "download_bill":
        body = reply.body() if mode != "bad_signature" else b"something else"
        key_id = world.keys.platform_key_id
        reply.headers |= signed_headers(world.platform_key, key_id, body, world.signing_time())
    return reply


def _note_call(world: World, call: Call, name: str, status: int, fault: Fault | None) -> None:
    number = call.path.removesuffix("/close").removesuffix("/cancel").rsplit("/", 1)[-1]
    for asked in (b"out_refund_no", b"out_bill_no", b"out_trade_no"):
        match = re.search(rb'"' + asked + rb'": ?"([^"]{1,64})"', call.body)
        if match:
            number = match[1].decode("utf-8", "replace")
            break
    world.book.insert("calls", endpoint=name, number=number, status=status, fault=fault.mode if fault else "")


def _answer_open(world: World, call: Call, name: str, deed: Deed) -> Reply:
    fault = fault_for(world, name)
    errcode = 0
    try:
        reply = suffer(fault, lambda: deed(world))
    except open_api.OpenError as error:
        reply = Reply({"errcode": error.errcode, "errmsg": error.errmsg})
        errcode = error.errcode
    except Refusal as refusal:
        # The services answer "busy" inside a 200, and only a broken one with a status.
        busy = refusal.status in (429, 500)
        errcode, errmsg = (-1, "system error") if busy else (47001, refusal.message)
        reply = Reply({"errcode": errcode, "errmsg": errmsg}, status=500 if refusal.status == 500 else 200)
    world.book.insert("calls", endpoint=name, number="", status=errcode, fault=fault.mode if fault else "")
    return reply


def tick(world: World) -> None:
    """What happens by itself as time passes."""
    with world.book.transaction():
        refunds.finish_due(world)
        transfers.expire_overdue(world)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "LinjiaSandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    # One write per answer instead of one per header block and body.
    wbufsize = -1
    timeout = 120
    server: "Sandbox"

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _BODY_MAX:
            self.close_connection = True
            self._send(Reply({"code": "PARAM_ERROR", "message": "the body is too long"}, status=413))
            return
        body = self.rfile.read(int(length))
        call = Call(method=self.command, target=self.path, headers=self.headers, body=body)  # type: ignore[arg-type]
        # A foreign name that points at this machine must not reach it through somebody's browser.
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        try:
            if host not in _LOOPBACK:
                raise Refusal(421, "PARAM_ERROR", "ask by the loopback address")
            self._send(answer(self.server.world, call))
        except NoAnswer:
            self.close_connection = True
        except Refusal as refusal:
            self._send(Reply({"code": refusal.code, "message": refusal.message}, status=refusal.status))

    def _send(self, reply: Reply) -> None:
        body = reply.body()
        try:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Request-ID", hashlib.sha1(body, usedforsecurity=False).hexdigest()[:20])
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if reply.status != 204:
                self.wfile.write(body)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class named it
        """Quiet: the book keeps every call."""


class Sandbox(ThreadingHTTPServer):
    """The server with its world and the thread that lets time pass."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, home: Path) -> None:
        super().__init__((HOST, port), _Connection)
        self.world = World(home, f"http://{HOST}:{self.server_port}")
        self._courier = Courier(self.world)
        self._stopping = threading.Event()
        (home / "address.json").write_text(json.dumps({"url": self.world.base_url}), encoding="ascii")
        threading.Thread(target=self._let_time_pass, name="time", daemon=True).start()

    def _let_time_pass(self) -> None:
        while not self._stopping.is_set():
            tick(self.world)
            self._courier.send_due()
            self.world.bell.wait(timeout=0.25)
            self.world.bell.clear()

    def server_close(self) -> None:
        """Stop; what was answered is in the book already."""
        self._stopping.set()
        super().server_close()
