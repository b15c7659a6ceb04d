"""Bearer tokens for the mini-program."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from shop.accounts.models import User
from shop.accounts.queries import user_of_token
from shop.api.describing import OpenApiAuthenticationExtension


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <access token>``; opaque, hashed at rest, revocable at once."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        token = token_of(request)
        if token is None:
            return None
        user = user_of_token(token, timezone.now())
        if user is None:
            raise sign_in_ended()
        return user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="linjia"'


def token_of(request: Request) -> str | None:
    """Return the bearer token a request brings, None without one. Raises ``AuthenticationFailed`` for half a header."""
    parts = get_authorization_header(request).split()
    if not parts or parts[0].lower() != b"bearer":
        return None
    if len(parts) != 2:
        raise AuthenticationFailed(_("Send the header as: Authorization: Bearer <token>"))
    return parts[1].decode("ascii", "replace")


def sign_in_ended() -> AuthenticationFailed:
    """Return the refusal of a token that is nobody's, or no longer."""
    return AuthenticationFailed(_("Your sign-in has ended. Sign in again."))


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names the tokens."""

    target_class = "shop.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def caller(request: Request) -> User:
    """Return the person behind a request that only signed-in people may make."""
    assert isinstance(request.user, User), "the view asks for IsAuthenticated"
    return request.user
