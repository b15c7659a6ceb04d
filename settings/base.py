"""What every environment shares. Values come from the environment through settings/env.py."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from settings.env import env_bool, env_int, env_str
from settings.schedule import BEAT, DUE_WORK as DUE_WORK, PERIODIC_WORK as PERIODIC_WORK

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "import_export",
    "rest_framework",
    "simple_history",
    "shop.accounts",
    "shop.states",
    "shop.ledger",
    "shop.work",
    "shop.regions",
    "shop.suppliers",
    "shop.notifications",
    "shop.catalogue",
    "shop.stock",
    "shop.pricing",
    "shop.freight",
    "shop.panel",
    "distributors.stores",
    "distributors.referrals",
    "distributors.links",
    "distributors.commissions",
    "distributors.payouts",
    "orders.lifecycle",
    "orders.checkout",
    "orders.payments",
    "orders.shipments",
    "orders.aftersales",
    "orders.settlements",
    "orders.flow",
    "orders.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "distributors.links.middleware.ShareMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "settings.urls"
WSGI_APPLICATION = "settings.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "frontend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".linjia" / "static"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env_str("LINJIA_MEDIA", str(BASE_DIR / ".linjia" / "media")))

CACHES: dict[str, dict[str, Any]] = {}  # filled from REDIS_URL by use_redis()

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["shop.api.auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "shop.api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["shop.api.throttles.Scoped"],
    "DEFAULT_THROTTLE_RATES": {
        "sms": "10/min",
        "sign_in": "200/hour",
        "place_order": "60/min",
        "pay": "60/min",
        "share_link": "60/min",
        "withdraw": "10/min",
        "touch": "300/min",
    },
    "EXCEPTION_HANDLER": "shop.api.errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": env_int("LINJIA_PROXIES", 0),
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Linjia API",
    "DESCRIPTION": "Amounts are whole fen, rates basis points, instants ISO 8601. "
    "Errors are application/problem+json (RFC 9457).",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

CELERY_BEAT_SCHEDULE = BEAT
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TIMEZONE = TIME_ZONE
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_RESET_ON_SUCCESS = True
# Addresses are limited by throttles: many people share one behind a carrier's gateway.
SILENCED_SYSTEM_CHECKS = ["axes.W006"]

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# --- Linjia's own: windows and limits -------------------------------------------------------------

LINJIA_APP_ROLE = env_str("LINJIA_APP_ROLE", "linjia_app")
LINJIA_BELL = True
LINJIA_WORK_ATTEMPTS_MAX = env_int("LINJIA_WORK_ATTEMPTS_MAX", 12)
LINJIA_PAYMENT_MINUTES = env_int("LINJIA_PAYMENT_MINUTES", 30)
LINJIA_RETURN_DAYS = env_int("LINJIA_RETURN_DAYS", 7)
LINJIA_AUTO_RECEIVE_DAYS = env_int("LINJIA_AUTO_RECEIVE_DAYS", 10)
LINJIA_TOUCH_WINDOW_DAYS = env_int("LINJIA_TOUCH_WINDOW_DAYS", 30)
LINJIA_TOUCH_RETENTION_MONTHS = env_int("LINJIA_TOUCH_RETENTION_MONTHS", 36)
LINJIA_BOND_PROTECTED_DAYS = env_int("LINJIA_BOND_PROTECTED_DAYS", 15)
LINJIA_BOND_VALID_DAYS = env_int("LINJIA_BOND_VALID_DAYS", 365)
LINJIA_SELF_PURCHASE = env_str("LINJIA_SELF_PURCHASE", "discount")
LINJIA_COMMISSION_CAP_BP = env_int("LINJIA_COMMISSION_CAP_BP", 5000)
LINJIA_WITHDRAW_MIN_FEN = env_int("LINJIA_WITHDRAW_MIN_FEN", 100)
LINJIA_WITHDRAW_MAX_FEN = env_int("LINJIA_WITHDRAW_MAX_FEN", 2_000_000)
LINJIA_WITHDRAWALS_PER_DAY_MAX = env_int("LINJIA_WITHDRAWALS_PER_DAY_MAX", 5)
LINJIA_TRANSFER_HOURS = env_int("LINJIA_TRANSFER_HOURS", 24)
LINJIA_PAYOUT_COOLING_HOURS = env_int("LINJIA_PAYOUT_COOLING_HOURS", 24)
LINJIA_AFTERSALE_ANSWER_HOURS = env_int("LINJIA_AFTERSALE_ANSWER_HOURS", 48)
LINJIA_AFTERSALE_SEND_BACK_HOURS = env_int("LINJIA_AFTERSALE_SEND_BACK_HOURS", 168)
LINJIA_AFTERSALE_RECEIVE_HOURS = env_int("LINJIA_AFTERSALE_RECEIVE_HOURS", 168)
LINJIA_NOTICE_MAX_AGE_SECONDS = env_int("LINJIA_NOTICE_MAX_AGE_SECONDS", 300)
LINJIA_SMS_URL = env_str("LINJIA_SMS_URL", "")
LINJIA_SMS_KEY = env_str("LINJIA_SMS_KEY", "")
LINJIA_SANDBOX = env_bool("LINJIA_SANDBOX", False)
LINJIA_GATEWAY = env_str("LINJIA_GATEWAY", "wechat")
LINJIA_PUBLIC_URL = env_str("LINJIA_PUBLIC_URL", "http://127.0.0.1:8000")

