"""Settings of production. Refuses to start with anything missing, weak, borrowed from a sample, or of the sandbox."""

import os
import re

from django.core.exceptions import ImproperlyConfigured

from settings.base import *  # noqa: F403 - a settings module extends the common one
from settings.base import REST_FRAMEWORK, STORAGES
from settings.env import (
    broker_from_url,
    database_from_url,
    env_bool,
    env_int,
    env_keys,
    env_list,
    env_secret,
    env_str,
    strong,
)
from settings.servers import DATABASE_OPTIONS, cache_at

if env_bool("LINJIA_DEBUG", False) or env_bool("DEBUG", False):
    raise ImproperlyConfigured("DEBUG is on. Production does not start with it: unset LINJIA_DEBUG and DEBUG.")
DEBUG = False
SECRET_KEY = env_secret("LINJIA_SECRET_KEY", length_min=50)
# People's data: what encrypts it, and what finds it again. Losing the first loses phones and addresses for ever.
LINJIA_DATA_KEYS = env_keys("LINJIA_DATA_KEYS")
LINJIA_LOOKUP_KEYS = env_keys("LINJIA_LOOKUP_KEYS")
if set(LINJIA_DATA_KEYS) & set(LINJIA_LOOKUP_KEYS):
    raise ImproperlyConfigured("LINJIA_DATA_KEYS and LINJIA_LOOKUP_KEYS must not share a key.")
ALLOWED_HOSTS = env_list("LINJIA_HOSTS", [])
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("LINJIA_HOSTS must name the shop's hosts, separated by commas; * is refused.")
LINJIA_PUBLIC_URL = env_str("LINJIA_PUBLIC_URL")
if not LINJIA_PUBLIC_URL.startswith("https://"):
    raise ImproperlyConfigured("LINJIA_PUBLIC_URL must begin with https://")
CSRF_TRUSTED_ORIGINS = [LINJIA_PUBLIC_URL.rstrip("/")]

# --- servers ---------------------------------------------------------------------------------------------------------

# The app's role owns nothing; the owner's address is needed by `migrate` alone.
_role = env_str("LINJIA_DATABASE_ROLE", "app")
_database = env_str("DATABASE_OWNER_URL" if _role == "owner" else "DATABASE_URL")
REDIS_URL = env_str("REDIS_URL")
LINJIA_REDIS_URL = REDIS_URL
DATABASES = {"default": database_from_url(_database) | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}}
DATABASES["default"]["OPTIONS"] |= DATABASE_OPTIONS
CACHES = cache_at(REDIS_URL)
CELERY_BROKER_URL = broker_from_url(REDIS_URL)

LINJIA_ENV = "production"

# --- the outside world -------------------------------------------------------------------------------------------------

LINJIA_SANDBOX = False
if env_bool("LINJIA_SANDBOX", False) or env_str("LINJIA_SANDBOX_URL", ""):
    raise ImproperlyConfigured(
        "The sandbox WeChat has no place in production: unset LINJIA_SANDBOX and LINJIA_SANDBOX_URL."
    )
LINJIA_GATEWAY = env_str("LINJIA_GATEWAY", "wechat")
if LINJIA_GATEWAY == "sandbox":
    raise ImproperlyConfigured("LINJIA_GATEWAY=sandbox is refused in production.")
# Every key by name, so that the refusal says which one is missing.
for _name in (
    "LINJIA_WECHAT_APP_ID",
    "LINJIA_WECHAT_APP_SECRET",
    "LINJIA_WECHAT_MERCHANT_ID",
    "LINJIA_WECHAT_API_V3_KEY",
    "LINJIA_WECHAT_CERT_SERIAL",
    "LINJIA_WECHAT_PRIVATE_KEY_PATH",
    "LINJIA_WECHAT_PLATFORM_KEY_ID",
    "LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH",
):
    if re.search(r"sandbox|sample|example|change.?me", env_str(_name), re.IGNORECASE):
        raise ImproperlyConfigured(f"{_name} is a value of the sandbox or of a sample.")
    if _name.endswith("_PATH") and not os.access(os.environ[_name].strip(), os.R_OK):
        raise ImproperlyConfigured(f"{_name}: there is no readable file at that path.")
if len(env_str("LINJIA_WECHAT_API_V3_KEY")) != 32:
    raise ImproperlyConfigured("LINJIA_WECHAT_API_V3_KEY must have exactly 32 characters.")
for _name in ("LINJIA_WECHAT_API_V3_KEY", "LINJIA_WECHAT_APP_SECRET", "LINJIA_METRICS_TOKEN"):
    if env_str(_name, ""):
        strong(_name, env_str(_name))
LINJIA_SMS_URL = env_str("LINJIA_SMS_URL")
LINJIA_SMS_KEY = env_secret("LINJIA_SMS_KEY")

# --- transport -----------------------------------------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env_int("LINJIA_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
# TLS ends at a proxy of ours; its X-Forwarded-For says who asks, and only the last entry is its word.
LINJIA_PROXIES = env_int("LINJIA_PROXIES", 1)
REST_FRAMEWORK = REST_FRAMEWORK | {"NUM_PROXIES": LINJIA_PROXIES}
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
WHITENOISE_MAX_AGE = 31_536_000
