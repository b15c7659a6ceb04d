"""For the test suite: private servers of its own, fast password hashing, no doorbell."""

import os

from settings import embedded
from settings.base import *  # noqa: F403 - an environment is the base and its differences
from settings.env import broker_from_url, database_from_url

SECRET_KEY = "only-for-tests-0123456789-0123456789-0123456789"
DEBUG = False
ALLOWED_HOSTS = ["*"]
LINJIA_SANDBOX = True
LINJIA_BELL = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_url, _redis = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
if not (_url and _redis):
    _place = embedded.ensure("test")
    _url = _url or _place.database_url("postgres")
    _redis = _redis or _place.redis_url(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:] or 0))

DATABASES = {"default": {**database_from_url(_url), "ENGINE": "tests.database"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _redis}}
CELERY_BROKER_URL = broker_from_url(_redis)
LINJIA_REDIS_URL = _redis
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
