"""Two lines in the log for every request that goes deeper than a kept page: what was asked, what was answered."""

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

from shop.accounts.models import User
from shop.base.callers import address_of

logger = structlog.get_logger(__name__)


class RequestLogMiddleware(RequestMiddleware):
    """The library's lines, with the address our own proxies vouch for, and without looking for people who cannot be there."""

    def prepare(self, request: HttpRequest) -> None:
        """Note the request's number, who asks and from where; the library looks through a dozen headers for these."""
        number, address = request.META["HTTP_X_REQUEST_ID"], address_of(request) or None
        structlog.contextvars.bind_contextvars(request_id=number, ip=address)
        self.bind_user_id(request)
        agent = request.META.get("HTTP_USER_AGENT")
        logger.info("request_started", request=self.format_request(request), user_agent=agent)

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Note who is signed in: by a session if there is one, else whom a token has shown meanwhile."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES or request.session.accessed:
            RequestMiddleware.bind_user_id(request)
        else:
            # Whom nobody has asked for is still a promise, and asking would look into a session.
            person = request.user
            structlog.contextvars.bind_contextvars(user_id=person.number if type(person) is User else None)
