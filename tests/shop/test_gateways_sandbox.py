"""The sandbox itself: it survives kills, sends notices until they arrive, believes nobody, and stays on this machine."""

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from shop.gateways.contract import Gateway
from shop.gateways.registry import gateway_named
from shop.gateways.sandbox.client import SandboxControl, SandboxError
from shop.gateways.sandbox.keys import ensure_keys
from tests.gateways_fixtures import SandboxProcess
from tests.shop.gateway_steps import collection, paid, refund, transfer


class Shop(ThreadingHTTPServer):
    """A shop's webhook that answers what it is told to and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.answers: list[int] = []
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.got) < count and time.monotonic() < deadline:
            time.sleep(0.02)


class _Webhook(BaseHTTPRequestHandler):
    server: Shop

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answers.pop(0) if self.server.answers else 204
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(answer)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def shop(sandbox: SandboxControl, settings) -> Iterator[Shop]:
    server = Shop()
    settings.LINJIA_WECHAT_NOTIFY_BASE_URL = server.url
    sandbox.turn(notify_mode="send", notice_retries=[0.1, 0.1, 0.1])
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def rail(shop: Shop, settings) -> Gateway:
    return gateway_named("sandbox")


def state_of_notice(sandbox: SandboxControl) -> str:
    deadline = time.monotonic() + 10
    while (state := sandbox.state()["notices"][0]["state"]) == "waiting" and time.monotonic() < deadline:
        time.sleep(0.02)
    return str(state)


# Sending


def test_notice_is_posted_and_provable(sandbox: SandboxControl, rail: Gateway, shop: Shop) -> None:
    paid(sandbox, rail)
    shop.wait_for(1)
    path, headers, body = shop.got[0]
    assert path == "/api/v1/webhooks/wechat/payment/"
    assert rail.read_notice(headers, body, datetime.now(UTC)).number == "PAY000001"
    assert state_of_notice(sandbox) == "delivered"


def test_notice_is_sent_again_until_the_shop_says_yes(sandbox: SandboxControl, rail: Gateway, shop: Shop) -> None:
    shop.answers += [500, 401, 200]
    paid(sandbox, rail)
    shop.wait_for(3)
    assert state_of_notice(sandbox) == "delivered"
    assert len(shop.got) == 3
    assert len({body for _, _, body in shop.got}) == 1
    assert len({headers["Wechatpay-Nonce"] for _, headers, _ in shop.got}) == 3


def test_plan_of_repetitions_ends(sandbox: SandboxControl, rail: Gateway, shop: Shop) -> None:
    shop.answers += [500] * 10
    paid(sandbox, rail)
    assert state_of_notice(sandbox) == "given_up"
    assert len(shop.got) == 4


def test_copies_are_posted_too(sandbox: SandboxControl, rail: Gateway, shop: Shop) -> None:
    sandbox.turn(notice_copies=5)
    paid(sandbox, rail)
    shop.wait_for(5)
    assert state_of_notice(sandbox) == "delivered"
    assert len(shop.got) == 5


def test_redirecting_shop_is_not_followed(sandbox: SandboxControl, rail: Gateway, shop: Shop) -> None:
    shop.answers += [302] * 4
    paid(sandbox, rail)
    assert state_of_notice(sandbox) == "given_up"


def test_resend_on_request(sandbox: SandboxControl, rail: Gateway, shop: Shop) -> None:
    paid(sandbox, rail)
    shop.wait_for(1)
    assert sandbox.resend_notices("PAY000001") == [204]
    assert len(shop.got) == 2


# Surviving


def test_kill_loses_nothing_that_was_answered(tmp_path: Path, settings) -> None:
    process = SandboxProcess(tmp_path / "home")
    process.start()
    try:
        settings.LINJIA_SANDBOX_URL, settings.LINJIA_SANDBOX_HOME = process.url, str(process.home)
        control = SandboxControl(process.url)
        control.queue_notices()
        rail = gateway_named("sandbox")
        for index in range(30):
            paid(control, rail, f"PAY{index:06}")
            refund(rail, f"REF{index}", 5, payment_number=f"PAY{index:06}")
            transfer(control, rail, f"BILL{index}")
            if index % 10 == 9:
                process.kill()
                process.start()
        before = control.book()
        process.kill()
        process.start()
        assert control.book() == before
        assert {rail.query_payment(f"PAY{index:06}").state for index in range(30)} == {"refunded"}
        assert {rail.query_refund(f"REF{index}").state for index in range(30)} == {"succeeded"}
        assert {rail.query_transfer(f"BILL{index}").state for index in range(30)} == {"waiting_user"}
        assert len(control.pending_notices()) == 60
        assert control.state()["knobs"]["notify_mode"] == "queue"
    finally:
        process.stop()


# Believing nobody


def test_unsigned_calls_are_refused(sandbox: SandboxControl) -> None:
    answer = requests.get(f"{sandbox.base_url}/v3/pay/transactions/out-trade-no/PAY000001?mchid=1", timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGN_ERROR")


def test_repeated_nonce_is_refused(sandbox: SandboxControl, gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.collect(collection(sandbox))
    sent: list[tuple[str, dict[str, str]]] = []
    original = requests.get

    def watch(url: str, **options):
        sent.append((url, options["headers"]))
        return original(url=url, **options)

    monkeypatch.setattr(requests, "get", watch)
    gateway.query_payment("PAY000001")
    url, headers = sent[0]
    again = original(url, headers=headers, timeout=5)
    assert (again.status_code, again.json()["message"]) == (401, "the nonce was used before")


def test_answers_are_signed_by_the_platform(sandbox: SandboxControl, gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[requests.Response] = []
    original = requests.get

    def watch(url: str, **options):
        answers.append(original(url=url, **options))
        return answers[-1]

    monkeypatch.setattr(requests, "get", watch)
    gateway.collect(collection(sandbox))
    gateway.query_payment("PAY000001")
    core = gateway._library._core
    assert core._verify_signature(answers[0].headers, answers[0].text) is True
    assert core._verify_signature(answers[0].headers, answers[0].text + " ") is False


@pytest.mark.parametrize("target", ["/control/state", "/", "/sns/jscode2session"])
def test_foreign_names_do_not_reach_it(sandbox: SandboxControl, target: str) -> None:
    answer = requests.get(sandbox.base_url + target, headers={"Host": "evil.example"}, timeout=5)
    assert answer.status_code == 421


def test_control_takes_json_only(sandbox: SandboxControl) -> None:
    answer = requests.post(f"{sandbox.base_url}/control/reset", data={"a": "b"}, timeout=5)
    assert answer.status_code == 415


def test_control_names_what_is_wrong(sandbox: SandboxControl) -> None:
    with pytest.raises(SandboxError, match="no such knob"):
        sandbox.turn(colour="red")
    with pytest.raises(SandboxError, match="mode must be"):
        sandbox.fail("collect", "explode")
    with pytest.raises(SandboxError, match="ORDER_NOT_EXIST"):
        sandbox.pay("PAY000001")


def test_identity_tells_no_secret(sandbox: SandboxControl, sandbox_process: SandboxProcess) -> None:
    keys = ensure_keys(sandbox_process.home)
    for target in ("identity", "state", "book"):
        text = requests.get(f"{sandbox.base_url}/control/{target}", timeout=5).text
        assert keys.api_v3_key not in text
        assert keys.app_secret not in text


# Staying here


def test_it_listens_on_loopback_only(sandbox_process: SandboxProcess) -> None:
    # /proc/net/tcp writes addresses as reversed hexadecimal: 0100007F is 127.0.0.1.
    port = f"{sandbox_process.port:04X}"
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port}")
    ]
    assert listening == [f"0100007F:{port}"]


def test_keys_are_the_owners_alone(tmp_path: Path) -> None:
    keys = ensure_keys(tmp_path / "home")
    files = sorted(path.name for path in (tmp_path / "home").glob("*") if path.suffix in (".pem", ".json"))
    assert files == [
        "keys.json",
        "merchant_private.pem",
        "merchant_public.pem",
        "platform_private.pem",
        "platform_public.pem",
    ]
    assert {stat.S_IMODE((tmp_path / "home" / name).stat().st_mode) for name in files} == {0o600}
    assert ensure_keys(tmp_path / "home") == keys
    assert ensure_keys(tmp_path / "other").api_v3_key != keys.api_v3_key
    assert len(keys.api_v3_key) == 32


@pytest.mark.parametrize("word", ["production", "PROD"])
def test_it_does_not_run_in_production(tmp_path: Path, word: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "shop.gateways.sandbox", "--port", "0", "--home", str(tmp_path / "home")],
        env=os.environ | {"LINJIA_ENV": word},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "does not run in production" in ended.stderr
    assert not (tmp_path / "home").exists()


def test_init_makes_keys_and_ends(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "shop.gateways.sandbox", "--init", "--home", str(tmp_path / "home")],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout.strip() == str(tmp_path / "home" / "keys.json")


# Pages for a person


def page(sandbox: SandboxControl, path: str, **query: str) -> requests.Response:
    return requests.get(sandbox.base_url + path, params=query, timeout=5, allow_redirects=False)


def press(sandbox: SandboxControl, path: str, deed: str, back: str = "") -> requests.Response:
    form = {"deed": deed, "redirect_url": back}
    return requests.post(sandbox.base_url + path, data=form, timeout=5, allow_redirects=False)


def test_person_pays_and_goes_back_to_the_shop(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox, description="<b>苹果</b>"))
    back = "http://testserver/orders/ORD1/?paid=1&x=2"
    shown = page(sandbox, "/pay/PAY000001", redirect_url=back)
    assert shown.status_code == 200
    assert "¥123.45" in shown.text
    assert "&lt;b&gt;苹果&lt;/b&gt;" in shown.text
    assert "支付" in shown.text and "Pay" in shown.text
    assert "script" not in shown.text
    answer = press(sandbox, "/pay/PAY000001", "pay", back)
    assert (answer.status_code, answer.headers["Location"]) == (303, back)
    assert gateway.query_payment("PAY000001").state == "paid"
    assert "已支付" in page(sandbox, "/pay/PAY000001").text


def test_payment_may_fail(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    answer = press(sandbox, "/pay/PAY000001", "fail", "http://testserver/cart/")
    assert answer.headers["Location"] == "http://testserver/cart/"
    assert gateway.query_payment("PAY000001").state == "unpaid"


def test_paying_twice_on_the_page_is_one_payment(sandbox: SandboxControl, gateway: Gateway) -> None:
    gateway.collect(collection(sandbox))
    press(sandbox, "/pay/PAY000001", "pay")
    again = press(sandbox, "/pay/PAY000001", "pay")
    assert again.status_code == 409
    assert len(sandbox.book()) == 1


def test_scanned_code_leads_to_the_page(sandbox: SandboxControl, gateway: Gateway) -> None:
    code = gateway.collect(collection(sandbox, kind="native", payer_openid=None)).code_url
    assert "¥123.45" in requests.get(code, timeout=5).text
    answer = page(sandbox, "/pay", code_url=code, redirect_url="http://testserver/x/?a=1")
    assert answer.status_code == 303
    assert "¥123.45" in requests.get(sandbox.base_url + answer.headers["Location"], timeout=5).text
    assert page(sandbox, "/pay", code_url="https://evil.example/pay/1").status_code == 404


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "http://testserver@evil.example/",
        "http://testserver\\@evil.example/",
        "https:evil.example",
        "http://[broken",
        "",
    ],
)
def test_page_leads_nowhere_else(sandbox: SandboxControl, gateway: Gateway, back: str) -> None:
    gateway.collect(collection(sandbox))
    assert "evil" not in page(sandbox, "/pay/PAY000001", redirect_url=back).text
    answer = press(sandbox, "/pay/PAY000001", "fail", back)
    assert answer.headers["Location"] == "/pay/PAY000001"


def test_person_confirms_a_transfer(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    shown = page(sandbox, "/transfer/BILL1", redirect_url="http://testserver/dashboard/")
    assert "¥50.00" in shown.text and "确认收款" in shown.text and "Confirm receipt" in shown.text
    answer = press(sandbox, "/transfer/BILL1", "confirm", "http://testserver/dashboard/")
    assert answer.headers["Location"] == "http://testserver/dashboard/"
    assert gateway.query_transfer("BILL1").state == "paid"
    assert press(sandbox, "/transfer/BILL1", "confirm").status_code == 409


def test_front_page_lists_what_waits(sandbox: SandboxControl, gateway: Gateway) -> None:
    paid(sandbox, gateway, "PAY000001")
    gateway.collect(collection(sandbox, "PAY000002"))
    transfer(sandbox, gateway)
    shown = page(sandbox, "/").text
    assert "/pay/PAY000002" in shown and "/transfer/BILL1" in shown
    assert "/pay/PAY000001" not in shown


@pytest.mark.parametrize("path", ["/pay/NONE0001", "/transfer/NONE1", "/nothing"])
def test_what_is_not_there_is_404(sandbox: SandboxControl, path: str) -> None:
    assert page(sandbox, path).status_code == 404
