"""Sign-in, tokens and the signed-in person."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from shop.accounts import actions
from shop.accounts.models import User
from shop.api.auth import caller
from shop.api.describing import OpenApiResponse, extend_schema
from shop.api.throttles import limited
from shop.base.callers import address_of
from shop.base.errors import Invalid
from shop.gateways.contract import GatewayRefused
from shop.gateways.registry import wechat_open
from shop.personal.actions import arrive

# WeChat: no such code, used before, blocked for its risk.
BAD_CODES = frozenset({"40029", "40163", "40226"})


class PhoneInput(serializers.Serializer[None]):
    phone = serializers.CharField(max_length=20)


class CodeInput(PhoneInput):
    code = serializers.CharField(max_length=6)
    device = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


class PasswordInput(PhoneInput):
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    device = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


class WechatInput(serializers.Serializer[None]):
    code = serializers.CharField(max_length=128, help_text="From wx.login.")
    phone_code = serializers.CharField(
        max_length=128, required=False, default="", allow_blank=True, help_text="From the phone number button."
    )
    device = serializers.CharField(max_length=80, required=False, default="", allow_blank=True)


class RefreshInput(serializers.Serializer[None]):
    refresh = serializers.CharField(max_length=64)


class NameInput(serializers.Serializer[None]):
    name = serializers.CharField(max_length=40)


class MeOutput(serializers.Serializer[User]):
    number = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField(source="masked_phone", help_text="Masked: 138****0000.")


class TokensOutput(serializers.Serializer[actions.Tokens]):
    access = serializers.CharField()
    refresh = serializers.CharField()
    access_seconds = serializers.IntegerField()
    refresh_seconds = serializers.IntegerField()


def _body(serializer: type[serializers.Serializer[None]], request: Request) -> dict[str, str]:
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _signed_in(user: User, device: str) -> Response:
    now = timezone.now()
    arrive(user=user, now=now)
    tokens = actions.issue_tokens(user=user, device=device, now=now)
    return Response(TokensOutput(tokens).data)


@extend_schema(request=PhoneInput, responses={204: OpenApiResponse(description="Sent.")})
@limited("sms")
@api_view(["POST"])
@permission_classes([AllowAny])
def send_code(request: Request) -> Response:
    """Send a sign-in code. The answer is the same whether the phone has an account or not."""
    actions.send_sign_in_code(phone=_body(PhoneInput, request)["phone"], now=timezone.now())
    return Response(status=204)


@extend_schema(request=CodeInput, responses=TokensOutput)
@limited("sign_in")
@api_view(["POST"])
@permission_classes([AllowAny])
def code_sign_in(request: Request) -> Response:
    """Exchange a code for tokens; the first time makes the account."""
    data = _body(CodeInput, request)
    user = actions.sign_in_with_code(
        phone=data["phone"], code=data["code"], address=address_of(request), now=timezone.now()
    )
    return _signed_in(user, data["device"])


@extend_schema(request=PasswordInput, responses=TokensOutput)
@limited("sign_in")
@api_view(["POST"])
@permission_classes([AllowAny])
def password_sign_in(request: Request) -> Response:
    """Exchange phone and password for tokens."""
    data = _body(PasswordInput, request)
    user = actions.sign_in_with_password(
        request=request._request,  # noqa: SLF001 - Django's backends want Django's own request
        phone=data["phone"],
        password=data["password"],
        address=address_of(request),
        now=timezone.now(),
    )
    return _signed_in(user, data["device"])


@extend_schema(request=WechatInput, responses=TokensOutput)
@limited("sign_in")
@api_view(["POST"])
@permission_classes([AllowAny])
def wechat_sign_in(request: Request) -> Response:
    """Exchange the mini-program's codes for tokens. Identity comes from WeChat's answer alone."""
    data = _body(WechatInput, request)
    wechat = wechat_open()
    with _code_of("code"):
        session = wechat.code_to_session(data["code"])
    with _code_of("phone_code"):
        phone = wechat.phone_number(data["phone_code"]) if data["phone_code"] else None
    user = actions.sign_in_with_wechat(
        app_id=settings.LINJIA_WECHAT_APP_ID,
        openid=session.openid,
        unionid=session.unionid,
        phone=phone,
    )
    return _signed_in(user, data["device"])


@contextmanager
def _code_of(field: str) -> Iterator[None]:
    """A code that WeChat does not know, or knows as used, is the client's fault, not the channel's."""
    try:
        yield
    except GatewayRefused as error:
        if error.code not in BAD_CODES:
            raise
        raise Invalid(_("This code is not valid any more. Ask WeChat for a new one."), field=field) from error


@extend_schema(request=RefreshInput, responses=TokensOutput)
@limited("sign_in")
@api_view(["POST"])
@permission_classes([AllowAny])
def refresh(request: Request) -> Response:
    """Exchange a refresh token for a new pair. Each works once."""
    tokens = actions.refresh_tokens(refresh=_body(RefreshInput, request)["refresh"], now=timezone.now())
    return Response(TokensOutput(tokens).data)


@extend_schema(request=None, responses={204: OpenApiResponse(description="Signed out.")})
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def sign_out(request: Request) -> Response:
    """End this device's tokens at once."""
    actions.revoke_tokens(user=caller(request), token=str(request.auth), now=timezone.now())
    return Response(status=204)


@extend_schema(methods=["GET"], responses=MeOutput)
@extend_schema(methods=["PATCH"], request=NameInput, responses=MeOutput)
@api_view(["GET", "PATCH"])
@permission_classes([IsAuthenticated])
def me(request: Request) -> Response:
    """The signed-in person."""
    if request.method == "PATCH":
        actions.rename(user=caller(request), name=_body(NameInput, request)["name"])
    return Response(MeOutput(caller(request)).data)
