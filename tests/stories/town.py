"""The town the stories happen in: people with phones, a WeChat that runs beside, and days that pass.

Customers and distributors act through the API as the mini-program does, suppliers and staff through
their back offices. Every story ends in the audit views, which finance reads too. Amounts in fen.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.response import Response
from rest_framework.test import APIClient

from distributors.payouts.actions import save_payout_account
from distributors.stores.models import Store
from orders.demo.shift import shift_days
from orders.lifecycle.models import Order, SupplierOrder
from shop.accounts.actions import sign_in_with_wechat
from shop.accounts.models import User
from shop.gateways.sandbox.client import SandboxControl
from shop.suppliers.models import Supplier, SupplierMember
from shop.work.sweep import run_due, run_periodic
from tests import world

APP = "wx0000linjiasandbox"


class Phone:
    """Somebody's mini-program: signed in, or a visitor who is nobody yet."""

    def __init__(self, visitor_key: str) -> None:
        self.client = APIClient()
        self.visitor_key = visitor_key
        self.headers = {"X-Visitor-Key": visitor_key}

    def sign_in(self, user: User) -> "Phone":
        answer = self.post("auth/password-sign-in/", {"phone": user.phone, "password": world.PASSWORD})
        self.headers["Authorization"] = f"Bearer {answer['access']}"
        return self

    def open(self, token: str) -> dict[str, Any]:
        """Open a share link; what must not be lost is carried to the next POST."""
        told = self.post(f"links/{token}/touches/", {}, expect=201)
        self.headers["X-Share-Touch"] = told["share_touch"]
        return told

    def get(self, path: str, expect: int = 200) -> Any:
        return self._read(self.client.get(f"/api/v1/{path}", headers=self.headers), expect)

    def post(self, path: str, body: Any = None, *, expect: int = 200, key: str = "") -> Any:
        headers = {**self.headers, "Idempotency-Key": key or uuid4().hex}
        answer = self.client.post(f"/api/v1/{path}", body or {}, format="json", headers=headers)
        return self._read(answer, expect)

    def order(self, *wishes: tuple[Any, int], address: str, store: Store | None = None) -> dict[str, Any]:
        """Quote, then place what was quoted at the price that was shown."""
        items = [
            {"sku": world.sku_of(goods).number, "quantity": pieces, "store": store.code if store else ""}
            for goods, pieces in wishes
        ]
        quote = self.post("quotes/", {"items": items, "address": address})
        assert quote["is_placeable"], quote["problems"]
        body = {"items": items, "address": address, "expected_payable_fen": quote["payable_fen"]}
        placed: dict[str, Any] = self.post("orders/", body, expect=201)
        return placed

    @staticmethod
    def _read(answer: Response, expect: int) -> Any:
        assert answer.status_code == expect, answer.content.decode()
        return answer.json() if answer.content else None


class Town:
    """Everything around the people: WeChat, the suppliers' desks, the staff, the passing of days."""

    def __init__(self, sandbox: SandboxControl, deliver: Callable[..., list[int]]) -> None:
        self.sandbox, self.deliver = sandbox, deliver

    # --- people ---------------------------------------------------------------------------------

    def phone(self, user: User | None = None, visitor_key: str = "") -> Phone:
        phone = Phone(visitor_key or uuid4().hex)
        return phone.sign_in(user) if user else phone

    def owner(self, store: Store) -> Phone:
        return self.phone(store.distributor.user)

    def with_wechat(self, store: Store) -> Store:
        """The owner signed in through WeChat once and said where she wants to be paid."""
        user = store.distributor.user
        openid = self.sandbox.openid_of(user.phone)
        sign_in_with_wechat(app_id=APP, openid=openid, phone=user.phone)
        save_payout_account(store=store, real_name=user.name, now=world.now())
        return store

    # --- buying ---------------------------------------------------------------------------------

    def start_paying(self, phone: Phone, number: str) -> str:
        """Begin a payment and return its number."""
        started = phone.post(f"orders/{number}/payments/", {"kind": "native"}, expect=201)
        payment: str = started["number"]
        return payment

    def pay(self, phone: Phone, number: str) -> str:
        """Pay in WeChat; its notice arrives."""
        payment = self.start_paying(phone, number)
        self.sandbox.pay(payment)
        assert self.deliver("payment") == [200]
        return payment

    def ship_all(self, number: str) -> None:
        """Every supplier sends its part from its own order desk."""
        for part in SupplierOrder.objects.filter(order__number=number).select_related("supplier"):
            self.desk(part.supplier, part, "ship", carrier="顺丰速运", tracking_number=f"SF{part.pk:012d}")

    def receive_all(self, phone: Phone, number: str) -> None:
        for part in phone.get(f"orders/{number}/")["supplier_orders"]:
            phone.post(f"orders/{number}/parts/{part['number']}/receive/")

    def deliver_all(self, phone: Phone, number: str) -> None:
        self.ship_all(number)
        self.receive_all(phone, number)

    def give_back(self, phone: Phone, number: str, line: int, pieces: int) -> None:
        """Damaged goods: the customer asks, the supplier agrees, WeChat pays back."""
        case = phone.post(
            "aftersales/",
            {
                "order": number,
                "line": line,
                "kind": "refund_only",
                "reason": "damaged",
                "quantity": pieces,
                "text": "压坏了",
            },
            expect=201,
        )
        order = Order.objects.get(number=number)
        row = order.aftersales.select_related("supplier_order__supplier").get(number=case["number"])
        self.desk(row.supplier_order.supplier, row, "agree", text="抱歉")
        self.work()
        assert set(self.deliver("refund")) <= {200}

    # --- desks ----------------------------------------------------------------------------------

    def desk(self, supplier: Supplier, row: Any, act: str, **form: str) -> None:
        """A member of the supplier does one act in the panel."""
        member = SupplierMember.objects.filter(supplier=supplier).select_related("user").first()
        assert member is not None
        self._act(member.user, "supplier", row, act, form)

    def staff(self, row: Any, act: str, **form: str) -> None:
        """A member of the staff does one act in the admin."""
        self._act(self.admin(), "admin", row, act, form)

    def admin(self) -> User:
        user = world.person("安 An")
        User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
        user.refresh_from_db()
        return user

    @staticmethod
    def _act(user: User, site: str, row: Any, act: str, form: dict[str, str]) -> None:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        meta = row._meta
        url = reverse(f"{site}:{meta.app_label}_{meta.model_name}_act_{act}", args=[row.pk])
        answer = client.post(url, {**form, "_": "1"})
        assert answer.status_code == 302, answer.content.decode()[-2000:]

    # --- time -----------------------------------------------------------------------------------

    def work(self) -> None:
        """Do what is due, as the worker does all the time."""
        while run_due(rounds_max=50) + run_periodic():
            pass

    def days_pass(self, days: int) -> None:
        shift_days(days)
        self.work()


def audit(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Read an audit view, as finance does."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def balances(*paths: str) -> dict[str, int]:
    """Return the balances of accounts, from the audit view; 0 for one that was never used."""
    known = dict(audit("SELECT path, balance_fen FROM audit.accounts WHERE path = ANY(%s)", list(paths)))
    return {path: int(known.get(path, 0)) for path in paths}


def books_hold(*order_numbers: str) -> None:
    """The whole book holds, and these finished orders left nothing in their clearing accounts."""
    call_command("verify_ledger", verbosity=0)
    for number in order_numbers:
        clearing = f"order/{number}/clearing"
        assert balances(clearing) == {clearing: 0}
