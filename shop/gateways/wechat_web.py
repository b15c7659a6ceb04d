"""Signing in with WeChat in a browser: where to send the person, and who came back.

Inside WeChat the official account asks (``/connect/oauth2/authorize``), on a desktop the website shows a code to scan
(``/connect/qrconnect``). Both bring a code back that becomes an openid once, through ``/sns/oauth2/access_token``.
"""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.conf import settings

from shop.gateways.credentials import credentials_from_settings
from shop.gateways.sandbox.keys import site_app_id

# What WeChat's own browser writes into its name.
WECHAT_MARK = "MicroMessenger"


@dataclass(frozen=True, slots=True)
class WebApp:
    """One of our apps at WeChat that a browser can sign in with."""

    app_id: str
    secret: str = field(repr=False)
    page_url: str
    scope: str

    def authorize_url(self, *, redirect_uri: str, state: str) -> str:
        """Return WeChat's page that asks the person and leads back with ``code`` and ``state``."""
        # The order of the fields is WeChat's: it refuses another one.
        asked = {
            "appid": self.app_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "scope": self.scope,
            "state": state,
        }
        return f"{self.page_url}?{urlencode(asked)}#wechat_redirect"


def web_app(*, is_inside: bool) -> WebApp | None:
    """Return the app for WeChat's own browser (``is_inside``) or for any other; None when there is none."""
    if settings.LINJIA_SANDBOX:
        found = credentials_from_settings()
        app_id = found.account_app_id if is_inside else site_app_id(found.app_id)
        return _app(app_id, found.app_secret, found.open_base_url, is_inside=is_inside)
    if is_inside:
        app_id, secret = settings.LINJIA_WECHAT_ACCOUNT_APP_ID, settings.LINJIA_WECHAT_ACCOUNT_APP_SECRET
    else:
        app_id, secret = settings.LINJIA_WECHAT_SITE_APP_ID, settings.LINJIA_WECHAT_SITE_APP_SECRET
    if not app_id or not secret:
        return None
    return _app(app_id, secret, settings.LINJIA_WECHAT_CONNECT_URL.rstrip("/"), is_inside=is_inside)


def _app(app_id: str, secret: str, base: str, *, is_inside: bool) -> WebApp:
    if is_inside:
        return WebApp(app_id, secret, f"{base}/connect/oauth2/authorize", "snsapi_userinfo")
    return WebApp(app_id, secret, f"{base}/connect/qrconnect", "snsapi_login")
