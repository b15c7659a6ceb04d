"""Guessing passwords and codes: bounded per account and per address, in PostgreSQL, the same for known and unknown."""

import re
import threading
from datetime import timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher, get_hasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis import Redis

from shop.accounts import actions
from shop.accounts.limits import TooManyTries, forget_old
from shop.accounts.models import SignInCode, TryCount, User
from shop.gateways.sms import SandboxSms
from tests import world
from tests.asking import Caller, refused, told

pytestmark = pytest.mark.django_db

SU, UNKNOWN = "13800000001", "13900009999"


class CountingHasher(MD5PasswordHasher):
    """The tests' hasher, which notes that it was asked: the work that takes the time."""

    hashed: ClassVar[list[str]] = []

    def encode(self, password: str, salt: str) -> str:
        self.hashed.append(password)
        return super().encode(password, salt)


@pytest.fixture
def su() -> User:
    return world.person("苏 Su")


def flush() -> None:
    """Empty this worker's Valkey, as FLUSHALL does."""
    Redis.from_url(settings.LINJIA_REDIS_URL).flushdb()


def guess(phone: str, password: str = "guess", **more: str) -> Any:
    return Caller().post("auth/password-sign-in/", {"phone": phone, "password": password}, **more)


def test_twenty_guesses_then_the_right_password_is_refused_and_others_are_not(su: User) -> None:
    zhou = world.person("周 Zhou")
    answers = []
    for _ in range(20):
        answers.append(guess(SU).status_code)
        flush()
    assert answers == [401] * 4 + [429] * 16
    problem = refused(right := guess(SU, world.PASSWORD), 429, "too_many_tries")
    assert 0 < int(right["Retry-After"]) == problem["retry_after_seconds"] <= 15 * 60
    page = Client().post("/sign-in/?way=password", {"phone": SU, "password": world.PASSWORD})
    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= 15 * 60
    assert told(guess(zhou.phone, world.PASSWORD))["access"]


def test_the_lock_ends_by_itself_and_guessing_on_does_not_prolong_it(su: User) -> None:
    with time_machine.travel(world.now(), tick=False) as clock:
        for _ in range(5):
            guess(SU)
        clock.shift(timedelta(minutes=14))
        assert guess(SU).status_code == 429
        clock.shift(timedelta(minutes=1, seconds=1))
        assert told(guess(SU, world.PASSWORD))["access"]
        # Success wiped the slate.
        assert [guess(SU).status_code for _ in range(4)] == [401] * 4


def test_fifty_wrong_tries_lock_an_address_whatever_the_accounts(su: User) -> None:
    answers = [guess(f"139{number:08d}").status_code for number in range(51)]
    assert answers == [401] * 50 + [429]
    assert guess(SU, world.PASSWORD).status_code == 429
    other = Client(REMOTE_ADDR="203.0.113.5").post(
        "/api/v1/auth/password-sign-in/", {"phone": SU, "password": world.PASSWORD}, content_type="application/json"
    )
    assert other.status_code == 200


def test_wrong_codes_count_for_the_address_too(su: User, settings: Any) -> None:
    settings.LINJIA_SIGN_IN_TRIES_PER_ADDRESS_MAX = 3
    body = {"phone": SU, "code": "000000"}
    answers = [Caller().post("auth/code-sign-in/", body).status_code for _ in range(4)]
    assert answers == [401, 401, 401, 429]


def test_an_address_is_what_the_connection_or_our_own_proxy_says(su: User, settings: Any) -> None:
    settings.LINJIA_SIGN_IN_TRIES_PER_ADDRESS_MAX = 2
    answers = [guess(f"139{n:08d}", X_Forwarded_For=f"198.51.100.{n}").status_code for n in range(3)]
    assert answers == [401, 401, 429], "without a proxy the header is anybody's word"

    settings.LINJIA_PROXIES = 1
    spoofed = [guess(f"137{n:08d}", X_Forwarded_For=f"198.51.100.{n}, 203.0.113.9").status_code for n in range(3)]
    assert spoofed == [401, 401, 429], "only what our proxy added counts"
    assert guess(SU, world.PASSWORD, X_Forwarded_For="198.51.100.1, 203.0.113.10").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_guesses_sent_at_once_are_counted_one_by_one() -> None:
    world.person("苏 Su")
    start, outcomes = threading.Barrier(12), []

    def try_it() -> None:
        start.wait()
        try:
            outcomes.append(guess(SU).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 12
    # One count for the account, one for the address: the seven others were turned away uncounted.
    assert [len(row.tried_at) for row in TryCount.objects.all()] == [5, 5]
    # At most five were looked at; those that lost the race for the last one were told to wait.
    assert outcomes.count(401) <= 4 and set(outcomes) <= {401, 429}


@pytest.mark.parametrize("way", ["/api/v1/auth/password-sign-in/", "/sign-in/?way=password"])
def test_known_unknown_and_passwordless_accounts_get_one_answer_for_the_same_work(
    su: User, settings: Any, way: str
) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    hashed = get_hasher().hashed
    User.objects.create_user("13800000044", None)
    su.set_password(world.PASSWORD)
    su.save()
    facts = []
    for phone in (SU, UNKNOWN, "13800000044"):
        hashed.clear()
        TryCount.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            form = {"phone": phone, "password": "guess"}
            kind = {"content_type": "application/json"} if way.startswith("/api/") else {}
            answer = Client().post(way, form, **kind)
        body = re.sub(r'value="\w{64}"|Token": "\w{64}"', "", answer.content.decode())
        statements = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries]
        facts.append((answer.status_code, body.replace(phone, ""), len(hashed), statements))
    assert facts[0] == facts[1] == facts[2]
    assert facts[0][2] == 1


def test_codes_are_sent_alike_to_known_and_unknown_phones(su: User) -> None:
    facts = []
    for phone in (SU, UNKNOWN):
        with CaptureQueriesContext(connection) as queries:
            answer = Caller().post("auth/codes/", {"phone": phone})
        statements = [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries]
        facts.append((answer.status_code, answer.content, statements))
        assert SandboxSms.last_code(phone)
    assert facts[0] == facts[1]


def test_code_limits_survive_an_emptied_redis(su: User) -> None:
    now = world.now()
    with time_machine.travel(now, tick=False) as clock:
        for _ in range(5):
            assert Caller().post("auth/codes/", {"phone": SU}).status_code == 204
            flush()
            clock.shift(timedelta(seconds=61))
        answer = Caller().post("auth/codes/", {"phone": SU})
        refused(answer, 429, "too_many_tries")
        assert int(answer["Retry-After"]) == 3600 - 5 * 61


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_send_one_code() -> None:
    start, outcomes = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        try:
            actions.send_sign_in_code(phone=SU, now=world.now())
            outcomes.append("sent")
        except TooManyTries:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "sent"]
    assert SignInCode.objects.count() == 1


def test_what_limits_nothing_any_more_is_forgotten(su: User) -> None:
    guess(SU)
    actions.send_sign_in_code(phone=SU, now=world.now())
    assert forget_old(now=world.now() + timedelta(hours=47)) == 0
    assert forget_old(now=world.now() + timedelta(hours=49)) == 4
    assert (TryCount.objects.count(), SignInCode.objects.count()) == (0, 0)
