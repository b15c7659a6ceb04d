"""People: signing up and in, tokens, addresses. Su is a customer, Zhou another."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import RequestFactory
from django.utils import timezone

from shop.accounts import actions, addresses
from shop.accounts.limits import TooManyTries
from shop.accounts.models import AccessToken, SignInCode, User, WechatIdentity
from shop.accounts.queries import address_of, addresses_of, user_of_token
from shop.accounts.rules import clean_phone, mask_name, mask_phone
from shop.base.errors import Invalid, NotAllowed, NotFound
from shop.gateways.sms import SandboxSms

pytestmark = pytest.mark.django_db

SU, ZHOU = "13800000001", "13800000002"
HERE = "192.0.2.7"


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()


@pytest.fixture
def su():
    return actions.register(phone=SU, password="warm-peaches-8", name="苏")


def sign_in(phone: str, password: str) -> User:
    request = RequestFactory().post("/sign-in/")
    return actions.sign_in_with_password(
        request=request, phone=phone, password=password, address=HERE, now=timezone.now()
    )


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("138 0000 0001", "13800000001"),
        ("+86-138-0000-0001", "13800000001"),
        ("008613800000001", "13800000001"),
        ("12800000001", None),
        ("1380000000", None),
        ("", None),
        ("１３８００００００01", None),
    ],
)
def test_a_phone_is_eleven_digits(written, clean):
    assert clean_phone(written) == clean


def test_masks_show_little():
    assert mask_phone(SU) == "138****0001"
    assert (mask_name("苏小小"), mask_name("苏"), mask_name("")) == ("苏**", "苏*", "")


def test_registering_twice_with_one_phone_is_refused(su):
    with pytest.raises(actions.PhoneTaken) as refusal:
        actions.register(phone="+86 13800000001", password="warm-peaches-9")
    assert refusal.value.field == "phone"
    assert User.objects.count() == 1


@pytest.mark.parametrize(("phone", "password", "field"), [("12", "warm-peaches-8", "phone"), (SU, "123", "password")])
def test_registering_names_the_field_at_fault(phone, password, field):
    with pytest.raises(Invalid) as refusal:
        actions.register(phone=phone, password=password)
    assert refusal.value.field == field
    assert User.objects.count() == 0


def test_unknown_phone_and_wrong_password_get_the_same_answer(su):
    with pytest.raises(actions.WrongCredentials) as wrong:
        sign_in(SU, "cold-peaches-8")
    with pytest.raises(actions.WrongCredentials) as unknown:
        sign_in(ZHOU, "cold-peaches-8")
    assert str(wrong.value) == str(unknown.value)
    assert sign_in(SU, "warm-peaches-8") == su


def test_five_wrong_passwords_lock_the_account_even_for_the_right_one_and_others_stay_free(su):
    zhou = actions.register(phone=ZHOU, password="green-teapot-5")
    for _ in range(4):
        with pytest.raises(actions.WrongCredentials):
            sign_in(SU, "guess")
    cache.clear()  # emptying Redis must not open the door
    with pytest.raises(TooManyTries):
        sign_in(SU, "guess")
    with pytest.raises(TooManyTries):
        sign_in(SU, "warm-peaches-8")
    assert sign_in(ZHOU, "green-teapot-5") == zhou


def test_a_code_signs_in_once_and_makes_the_account():
    now = timezone.now()
    actions.send_sign_in_code(phone=SU, now=now)
    code = SandboxSms.last_code(SU)
    user = actions.sign_in_with_code(phone=SU, code=code, address=HERE, now=now)

    assert user.phone == SU
    with pytest.raises(actions.WrongCredentials):
        actions.sign_in_with_code(phone=SU, code=code, address=HERE, now=now)
    assert code not in SignInCode.objects.get().code_hash


@pytest.mark.parametrize("guess", ["0", "000000", "123456", ""])
def test_well_known_codes_do_not_open(guess):
    now = timezone.now()
    actions.send_sign_in_code(phone=SU, now=now)
    if SandboxSms.last_code(SU) == guess:
        pytest.skip("the random code happens to be the guess")
    with pytest.raises(actions.WrongCredentials):
        actions.sign_in_with_code(phone=SU, code=guess, address=HERE, now=now)


def test_a_code_is_for_its_phone_its_time_and_five_tries():
    now = timezone.now()
    actions.send_sign_in_code(phone=SU, now=now)
    code = SandboxSms.last_code(SU)
    with pytest.raises(actions.WrongCredentials):
        actions.sign_in_with_code(phone=ZHOU, code=code, address=HERE, now=now)
    with pytest.raises(actions.WrongCredentials):
        actions.sign_in_with_code(phone=SU, code=code, address=HERE, now=now + timedelta(minutes=6))
    for _ in range(5):
        with pytest.raises(actions.WrongCredentials):
            actions.sign_in_with_code(phone=SU, code="xxxxxx", address=HERE, now=now)
    with pytest.raises(actions.WrongCredentials):
        actions.sign_in_with_code(phone=SU, code=code, address=HERE, now=now)


def test_codes_are_sent_once_a_minute_five_an_hour_ten_a_day():
    now = timezone.now()
    actions.send_sign_in_code(phone=SU, now=now)
    with pytest.raises(TooManyTries) as soon:
        actions.send_sign_in_code(phone=SU, now=now + timedelta(seconds=20))
    assert soon.value.extra == {"retry_after_seconds": 40}
    for minute in (2, 4, 6, 8):
        actions.send_sign_in_code(phone=SU, now=now + timedelta(minutes=minute))
    with pytest.raises(TooManyTries):
        actions.send_sign_in_code(phone=SU, now=now + timedelta(minutes=10))
    actions.send_sign_in_code(phone=ZHOU, now=now)
    for hour in range(2, 7):
        actions.send_sign_in_code(phone=SU, now=now + timedelta(hours=hour))
    with pytest.raises(TooManyTries):
        actions.send_sign_in_code(phone=SU, now=now + timedelta(hours=20))
    actions.send_sign_in_code(phone=SU, now=now + timedelta(hours=25))


def test_wechat_finds_a_person_by_unionid_then_openid_then_phone(su):
    by_phone = actions.sign_in_with_wechat(app_id="wx1", openid="o1", unionid="u1", phone=SU)
    by_openid = actions.sign_in_with_wechat(app_id="wx1", openid="o1")
    by_union = actions.sign_in_with_wechat(app_id="wx2", openid="o2", unionid="u1")
    stranger = actions.sign_in_with_wechat(app_id="wx1", openid="o9")

    assert {by_phone, by_openid, by_union} == {su}
    assert stranger != su
    assert stranger.phone is None
    assert WechatIdentity.objects.filter(user=su).count() == 2


def test_a_closed_account_cannot_come_back_through_wechat(su):
    actions.sign_in_with_wechat(app_id="wx1", openid="o1", phone=SU)
    User.objects.filter(pk=su.pk).update(is_active=False)
    with pytest.raises(NotAllowed):
        actions.sign_in_with_wechat(app_id="wx1", openid="o1")


def test_tokens_are_kept_as_hashes_end_in_time_and_at_sign_out(su):
    now = timezone.now()
    tokens = actions.issue_tokens(user=su, device="phone", now=now)

    assert user_of_token(tokens.access, now) == su
    assert user_of_token(tokens.refresh, now) is None
    assert user_of_token(tokens.access, now + timedelta(hours=3)) is None
    assert not AccessToken.objects.filter(token_hash__in=[tokens.access, tokens.refresh]).exists()

    actions.revoke_tokens(user=su, token=tokens.access, now=now)
    assert user_of_token(tokens.access, now) is None
    with pytest.raises(actions.WrongCredentials):
        actions.refresh_tokens(refresh=tokens.refresh, now=now)


def test_a_refresh_token_used_twice_ends_the_family(su):
    now = timezone.now()
    first = actions.issue_tokens(user=su, device="phone", now=now)
    second = actions.refresh_tokens(refresh=first.refresh, now=now)
    assert user_of_token(first.access, now) is None
    assert user_of_token(second.access, now) == su

    with pytest.raises(actions.WrongCredentials):
        actions.refresh_tokens(refresh=first.refresh, now=now)
    assert user_of_token(second.access, now) is None
    with pytest.raises(actions.WrongCredentials):
        actions.refresh_tokens(refresh=second.refresh, now=now)


def save(user: User, **changes: object):
    values = {
        "number": None,
        "name": "苏小小",
        "phone": SU,
        "region_code": "330106",
        "region_names": "浙江省 杭州市 西湖区",
        "detail": "灵隐路 1 号",
        "is_default": False,
    }
    return addresses.save_address(user=user, **{**values, **changes})


def test_the_first_address_is_the_default_and_there_is_always_one(su):
    home, work = save(su), save(su, detail="文三路 2 号", is_default=True)
    assert [row.number for row in addresses_of(su)] == [work.number, home.number]
    assert [row.is_default for row in addresses_of(su)] == [True, False]

    addresses.remove_address(user=su, number=work.number, now=timezone.now())
    assert [(row.number, row.is_default) for row in addresses_of(su)] == [(home.number, True)]
    addresses.restore_address(user=su, number=work.number)
    assert [(row.number, row.is_default) for row in addresses_of(su)] == [
        (home.number, True),
        (work.number, False),
    ]


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("phone", "123"), ("detail", "x" * 121), ("name", "x" * 41)]
)
def test_an_address_names_the_field_at_fault(su, field, value):
    with pytest.raises(Invalid) as refusal:
        save(su, **{field: value})
    assert refusal.value.field == field
    assert list(addresses_of(su)) == []


def test_another_persons_address_does_not_exist(su):
    zhou = actions.register(phone=ZHOU, password="green-teapot-5")
    home = save(su)
    for attempt in (
        lambda: address_of(zhou, home.number),
        lambda: save(zhou, number=home.number),
        lambda: addresses.remove_address(user=zhou, number=home.number, now=timezone.now()),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert address_of(su, home.number).removed_at is None
