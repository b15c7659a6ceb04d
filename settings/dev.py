"""Settings of a developer's machine: private servers, the sandbox WeChat, readable logs."""

import os
import sys
import warnings

os.environ.setdefault("LINJIA_LOG_FORM", "text")

from settings import embedded, samples
from settings.base import *  # noqa: F403 - a settings module extends the common one
from settings.env import broker_from_url, database_from_url, env_bool, env_list, env_str, keys_from
from settings.servers import DATABASE_OPTIONS, cache_at

DEBUG = env_bool("LINJIA_DEBUG", False)
SECRET_KEY = samples.DEVELOPMENT_SECRET_KEY
LINJIA_DATA_KEYS = keys_from("LINJIA_DATA_KEYS", env_list("LINJIA_DATA_KEYS", [samples.DATA_KEY]))
LINJIA_LOOKUP_KEYS = keys_from("LINJIA_LOOKUP_KEYS", env_list("LINJIA_LOOKUP_KEYS", [samples.LOOKUP_KEY]))
ALLOWED_HOSTS = env_list("LINJIA_HOSTS", ["localhost", "127.0.0.1", "[::1]", ".localhost"])

# --- servers: those that are named, else our own ---------------------------------------------------------------------

_database = env_str("DATABASE_URL", "")
_owner = env_str("DATABASE_OWNER_URL", _database)
REDIS_URL = env_str("REDIS_URL", "")
if not (_database and REDIS_URL):
    try:
        _place = embedded.ensure("run")
    except embedded.ServersDown as error:
        sys.exit(f"linjia: {error}")
    if not _database:
        _database, _owner = (_place.database_url(role) for role in (embedded.APP_ROLE, embedded.OWNER_ROLE))
    REDIS_URL = REDIS_URL or _place.redis_url()
if env_str("LINJIA_DATABASE_ROLE", "app") == "owner":
    _database = _owner

DATABASES = {"default": database_from_url(_database) | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}}
DATABASES["default"]["OPTIONS"] |= DATABASE_OPTIONS
CACHES = cache_at(REDIS_URL)
LINJIA_REDIS_URL = REDIS_URL
CELERY_BROKER_URL = broker_from_url(REDIS_URL)

# --- the sandbox WeChat --------------------------------------------------------------------------------------------------

LINJIA_SANDBOX = True
LINJIA_SANDBOX_URL = env_str("LINJIA_SANDBOX_URL", "http://127.0.0.1:8010")
LINJIA_SANDBOX_HOME = env_str("LINJIA_SANDBOX_HOME", str(embedded.home() / "sandbox"))
# The sandbox's own app, the same everywhere; openids of made-up people belong to it.
LINJIA_WECHAT_APP_ID = "wx0000linjiasandbox"
LINJIA_WECHAT_ACCOUNT_APP_ID = "wx0000linjiasandboxaccount"
LINJIA_SERVE_MEDIA = True

if os.geteuid() == 0:
    # Known: in a container one is root. The worker runs nothing but this project's own tasks.
    warnings.filterwarnings("ignore", message="You're running the worker with superuser")

# Static files straight from their sources; a browser asks again each time, so that a rebuilt style is seen at once.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 0
STATIC_ROOT = None  # type: ignore[assignment]  # nothing is collected here
