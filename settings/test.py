"""Settings of the tests: real PostgreSQL and Valkey of their own, one database and one Valkey number a worker."""

import os
import sys
from urllib.parse import urlsplit

os.environ.setdefault("LINJIA_PROCESS", "test")
os.environ.setdefault("LINJIA_LOG_FORM", "text")
os.environ.setdefault("LINJIA_LOG_LEVEL", "WARNING")

from settings import embedded, samples
from settings.base import *  # noqa: F403 - a settings module extends the common one
from settings.base import STORAGES
from settings.env import broker_from_url, database_from_url, env_str, keys_from
from settings.servers import DATABASE_OPTIONS, cache_at

DEBUG = False
SECRET_KEY = samples.TEST_SECRET_KEY
LINJIA_DATA_KEYS = keys_from("LINJIA_DATA_KEYS", [samples.DATA_KEY])
LINJIA_LOOKUP_KEYS = keys_from("LINJIA_LOOKUP_KEYS", [samples.LOOKUP_KEY])
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

_worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
_number = int(_worker.removeprefix("gw")) + 1

_database = env_str("DATABASE_URL", "")
_redis = env_str("REDIS_URL", "")
if not (_database and _redis):
    try:
        _place = embedded.ensure("test")
    except embedded.ServersDown as error:
        sys.exit(f"linjia: {error}")
    # The superuser makes and empties test databases; tests of the guards step down with `as_app_role`.
    _database = _database or _place.database_url(embedded.SUPERUSER)
    _redis = _redis or _place.redis_url()
_address = urlsplit(_redis)
REDIS_URL = (
    f"unix://{_address.path}?db={_number}"
    if _address.scheme == "unix"
    else _address._replace(path=f"/{_number}").geturl()
)

DATABASES = {"default": database_from_url(_database) | {"ENGINE": "tests.database"}}
DATABASES["default"]["OPTIONS"] |= DATABASE_OPTIONS
DATABASES["default"]["TEST"] = {"NAME": "test_linjia", "TEMPLATE": "template0", "SERIALIZE": False}
CACHES = cache_at(REDIS_URL)
LINJIA_REDIS_URL = REDIS_URL
CELERY_BROKER_URL = broker_from_url(REDIS_URL)

# Fast and good enough for made-up people.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LINJIA_BELL = False
# Tests see what the database says; those of kept pages switch them on.
LINJIA_PAGE_SECONDS = 0
LINJIA_REFUND_SPACING_SECONDS = 0
LINJIA_SANDBOX = True
LINJIA_SERVE_MEDIA = True
MEDIA_ROOT = embedded.home() / f"media-{_worker}"
LINJIA_PRIVATE_MEDIA = embedded.home() / f"private-{_worker}"
STORAGES = STORAGES | {
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": LINJIA_PRIVATE_MEDIA, "file_permissions_mode": 0o600},
    }
}
LINJIA_GATEWAY = "sandbox"
LINJIA_SANDBOX_URL = env_str("LINJIA_SANDBOX_URL", "http://127.0.0.1:1")
# Tests that talk to WeChat ask for the `sandbox` fixture, which starts one and sets its address and home.
# Keys for tests that name the gateway without talking to it; the fixture `sandbox` has a home of its own.
LINJIA_SANDBOX_HOME = str(embedded.home() / f"sandbox-{_worker}")
LINJIA_WECHAT_APP_ID = "wx0000linjiasandbox"
LINJIA_WECHAT_ACCOUNT_APP_ID = "wx0000linjiasandboxaccount"
LINJIA_PUBLIC_URL = "http://testserver"
WHITENOISE_AUTOREFRESH = True
