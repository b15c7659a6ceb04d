"""Two lines in the log for every request that goes deeper than a kept page: what was asked, what was answered."""

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

from shop.base.callers import address_of


class RequestLogMiddleware(RequestMiddleware):
    """The library's lines, with the address our own proxies vouch for, and without looking for people who cannot be there."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Note who asks; the library believes any header, and looks through a dozen of them."""
        structlog.contextvars.bind_contextvars(ip=address_of(request) or None)

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Note who is signed in. Without a session's cookie nobody is, unless the view has just found out otherwise."""
        has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
        if has_session or request.session.accessed or "Authorization" in request.headers:
            RequestMiddleware.bind_user_id(request)
        else:
            structlog.contextvars.bind_contextvars(user_id=None)
