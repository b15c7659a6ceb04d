"""The beancount file: bean-check accepts it, and its balances are ours."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, post_many
from shop.ledger.export import beancount_lines, beancount_names
from shop.ledger.models import Account
from shop.ledger.queries import trial_balance

AT = datetime(2026, 11, 19, 18, 30, tzinfo=UTC)  # the 20th in Shanghai


def bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("bean-check")
    return subprocess.run([program, "--no-cache", path], capture_output=True, text=True, check=False)


def book_a_sale(order: str = "O1") -> None:
    clearing = chart.clearing(order)
    post_many(
        postings=[
            Posting(
                "payment_received",
                order,
                f'p:"{order}"\\',
                [Entry("gateway/sandbox", clearing, 10_001)],
            ),
            Posting("supplier_accrued", order, f"a:{order}", [Entry(clearing, "supplier/s_1/frozen", 7)]),
            Posting("supplier_accrued", order, f"b:{order}", [Entry(clearing, "supplier/S-1/frozen", 9)]),
            Posting("supplier_accrued", order, f"c:{order}", [Entry(clearing, "supplier/_1/frozen", 1)]),
            Posting("fee_taken", order, f"f:{order}", [Entry(clearing, "platform/fee", 1_500)]),
            Posting(
                "channel_cost",
                order,
                f"x:{order}",
                [Entry("platform/channel_cost", "gateway/sandbox", 60)],
            ),
        ],
        at=AT,
    )


@pytest.mark.django_db
def test_bean_check_accepts_the_file_and_its_balances_are_ours(tmp_path: Path) -> None:
    book_a_sale()
    file = tmp_path / "books.beancount"

    call_command("export_ledger", "--format", "beancount", "--output", str(file))

    checked = bean_check(file)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    text = file.read_text()
    assert '2026-11-20 * "payment_received" "O1"' in text
    assert '  key: "p:\\"O1\\"\\\\"' in text
    assert "  Assets:Gateway:Sandbox  100.01 CNY\n  Liabilities:Order:O1:Clearing  -100.01 CNY" in text
    asserted = dict(re.findall(r"^2026-11-21 balance (\S+) (\S+) ~ 0 CNY$", text, re.MULTILINE))
    assert asserted == {
        "Assets:Gateway:Sandbox": "99.41",
        "Expenses:Platform:Channel-cost": "0.60",
        "Income:Platform:Fee": "-15.00",
        "Liabilities:Order:O1:Clearing": "-84.84",
        "Liabilities:Supplier:S-1:Frozen": "-0.09",
        "Liabilities:Supplier:S-1:Frozen-2": "-0.07",
        "Liabilities:Supplier:X-1:Frozen": "-0.01",
    }
    assert sum(line.balance_fen for line in trial_balance() if line.kind == "asset") == 9_941


@pytest.mark.django_db
def test_bean_check_refuses_the_file_when_a_balance_of_ours_is_wrong(tmp_path: Path) -> None:
    book_a_sale()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE ledger_account SET credits_fen = credits_fen + 1 WHERE path = 'order/O1/clearing'")
    file = tmp_path / "books.beancount"
    file.write_text("\n".join(beancount_lines()) + "\n")

    checked = bean_check(file)
    assert checked.returncode == 1
    assert "Balance failed for 'Liabilities:Order:O1:Clearing'" in checked.stderr + checked.stdout


@pytest.mark.django_db(transaction=True)
def test_an_empty_book_is_a_file_too(tmp_path: Path) -> None:
    out = StringIO()
    call_command("export_ledger", stdout=out)
    file = tmp_path / "books.beancount"
    file.write_text(out.getvalue())
    assert bean_check(file).returncode == 0


@pytest.mark.django_db
def test_a_file_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("export_ledger", "--output", str(tmp_path / "missing" / "books"))
    assert "No such file or directory" in str(refusal.value)


def test_names_never_meet() -> None:
    paths = [
        "store/a_b/debt",
        "store/a-b/debt",
        "store/A-b/debt",
        "store/A-b-2/debt",
        "store/0/debt",
    ]
    names = beancount_names([Account(path=path, kind="asset") for path in paths])
    assert len(set(names.values())) == len(paths)
    assert names["store/0/debt"] == "Assets:Store:0:Debt"
