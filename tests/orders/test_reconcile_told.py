"""What a comparison of the books tells whom, and that a larger day costs no more memory."""

import json
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import timedelta

import pytest

from orders.flow import reversal
from orders.lifecycle.models import Order
from orders.payments.actions import explain_difference
from orders.payments.models import BookDifference, Payment, Reconciliation, Refund
from shop.base.errors import Conflict, Invalid
from shop.gateways.sandbox.client import SandboxControl
from tests import world
from tests.gateways_fixtures import SandboxProcess
from tests.orders import gateway_books
from tests.orders.gateway_books import command, compare, found
from tests.stories.town import Town

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(sandbox: SandboxControl) -> Payment:
    return gateway_books.paying()


@pytest.fixture
def order(payment: Payment, sandbox: SandboxControl) -> Order:
    return gateway_books.paid(payment, sandbox)


def test_as_json(payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay(payment.number)
    code, said = command("--mend", "--json")
    told = json.loads(said)
    assert (code, told["open"], told["theirs"]) == (0, 0, 1)
    assert [(one["number"], one["cause"], one["mended"]) for one in told["differences"]] == [
        (payment.number, "not_recorded", True)
    ]


def test_the_health_page_and_the_figures_say_so(payment: Payment, sandbox: SandboxControl, client) -> None:
    def said() -> tuple[str, list[str]]:
        lines = client.get("/metrics").content.decode().splitlines()
        word: str = client.get("/readyz").json()["reconciliation"]
        return word, [line for line in lines if line.startswith("linjia_reconciliation_differences")]

    assert said() == ("never", [])
    sandbox.pay(payment.number)
    command()
    assert said() == ("differs", ["linjia_reconciliation_differences 1.0"])
    command("--mend")
    assert said() == ("ok", ["linjia_reconciliation_differences 0.0"])
    Reconciliation.objects.update(finished_at=world.now() - timedelta(hours=37))
    assert said()[0] == "old"


def test_uncleared_money_has_an_age(order: Order, client) -> None:
    reversal.cancel_order(order=order, actor="user:U1", reason="", now=world.now())
    Refund.objects.update(requested_at=world.now() - timedelta(hours=50))
    assert client.get("/readyz").json()["uncleared_money"] == "old"
    (line,) = [
        line
        for line in client.get("/metrics").content.decode().splitlines()
        if line.startswith("linjia_uncleared_oldest_seconds")
    ]
    assert 179_000 < float(line.split()[1]) < 181_000


def test_staff_explain_what_may_differ(order: Order, payment: Payment, sandbox: SandboxControl, client) -> None:
    sandbox.pay_again(payment.number)
    compare()
    row = BookDifference.objects.get()
    town = Town(sandbox, lambda *_kinds: [])
    client.force_login(town.admin(), backend="django.contrib.auth.backends.ModelBackend")
    assert "与支付渠道的差异" in client.get("/admin/").content.decode()
    assert payment.number in client.get("/admin/payments/bookdifference/").content.decode()
    assert client.get("/admin/payments/reconciliation/").status_code == 200
    town.staff(row, "explain", text="第二笔由客服线下退回")
    row.refresh_from_db()
    assert (row.explanation, row.is_open) == ("第二笔由客服线下退回", False)

    # The next night finds the same and takes the explanation over.
    assert command()[0] == 0
    assert BookDifference.objects.last().explanation == "第二笔由客服线下退回"
    sandbox.pay_again(payment.number)
    assert command()[0] == 1, "another difference is not explained by the old one"


# --- size ------------------------------------------------------------------------------------------------


def _fill(process: SandboxProcess, count: int) -> None:
    """So many payments of a day in the gateway's book that we know nothing of."""
    with closing(sqlite3.connect(process.home / "book.sqlite3", timeout=10)) as book, book:
        numbers = [(f"PBULK{index:07d}", f"wx{index}", f"42{index:010d}") for index in range(count)]
        book.executemany(
            "INSERT OR IGNORE INTO payments VALUES (?, ?, 'native', '', 100, '茶', '', 0, 'SUCCESS', 0, '', '')",
            [(number, prepay) for number, prepay, _transaction in numbers],
        )
        book.executemany(
            "INSERT OR IGNORE INTO transactions VALUES (?, ?, 'o', 100, strftime('%s', 'now'))",
            [(transaction, number) for number, _prepay, transaction in numbers],
        )


def test_a_larger_day_takes_no_more_memory(
    sandbox: SandboxControl, sandbox_process: SandboxProcess, django_assert_max_num_queries
) -> None:
    peaks = []
    for count in (1_000, 16_000):
        _fill(sandbox_process, count)
        tracemalloc.start()
        with django_assert_max_num_queries(25):
            run = compare()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (run.theirs_count, run.differences.filter(cause="unknown_here").count()) == (count, count)
    # Sixteen times the day: one compressed bill more, not one list of lines more.
    assert peaks[1] < 4 * peaks[0]


def test_the_apps_role_may_compare(order: Order, payment: Payment, as_app_role) -> None:
    with as_app_role():
        assert found() == set()


def test_explaining_twice_is_once(order: Order, payment: Payment, sandbox: SandboxControl) -> None:
    sandbox.pay_again(payment.number)
    row = compare().differences.get()
    with pytest.raises(Invalid):
        explain_difference(difference=row, text=" ", actor="staff:U1")
    explain_difference(difference=row, text="已核对", actor="staff:U1")
    with pytest.raises(Conflict):
        explain_difference(difference=row, text="又一次", actor="staff:U2")
