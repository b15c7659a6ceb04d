"""Settings of every environment. What differs stands in dev.py, test.py and prod.py."""

from pathlib import Path

from csp.constants import NONE, SELF

from settings import celery, logs, schedule
from settings.backoffices import UNFOLD, UNFOLD_SUPPLIER  # noqa: F401 - the two back offices
from settings.env import env_int, env_str
from settings.servers import *  # noqa: F403 - what PostgreSQL, Redis and Celery are told
from settings.servers import PROCESS

BASE_DIR = Path(__file__).resolve().parent.parent

# --- assembly ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_celery_beat",
    "django_structlog",
    "csp",
    # floor 1: the house
    "shop.privacy",
    "shop.states",
    "shop.accounts",
    "shop.ledger",
    "shop.work",
    "shop.regions",
    "shop.suppliers",
    "shop.notifications",
    "shop.media",
    "shop.personal",
    "shop.panel",
    "shop.catalogue",
    "shop.interests",
    "shop.stock",
    "shop.pricing",
    "shop.freight",
    "shop.coupons",
    "shop.imports",
    "shop.web",
    # floor 2: the sellers
    "distributors.stores",
    "distributors.referrals",
    "distributors.links",
    "distributors.commissions",
    "distributors.codes",
    "distributors.payouts",
    # floor 3: the trade
    "orders.lifecycle",
    "orders.checkout",
    "orders.payments",
    "orders.shipments",
    "orders.aftersales",
    "orders.settlements",
    "orders.reviews",
    "orders.flow",
    "orders.demo",
]

# What a process does not do it does not load: the worker has no pages; the web rings no clock, and tells the API's
# description as it is committed (decision 27).
_PAGES = {
    "unfold",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
}
_NOT_LOADED = {"worker": _PAGES, "web": {"drf_spectacular", "django_celery_beat"}}.get(PROCESS, set())
INSTALLED_APPS = [name for name in INSTALLED_APPS if name.split(".")[0] not in _NOT_LOADED]
if PROCESS == "worker":
    INSTALLED_APPS[INSTALLED_APPS.index("django.contrib.admin")] = "django.contrib.admin.apps.SimpleAdminConfig"

MIDDLEWARE = [
    "settings.patience.RequestBudgetMiddleware",
    # What every answer carries.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "settings.tracing.RequestIdMiddleware",
    "settings.security.PolicyMiddleware",
    "settings.security.PersonalAnswersMiddleware",
    # Who might be asking; neither looks into a session unless somebody wants to know.
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "distributors.links.middleware.ShareMiddleware",
    # The short path ends here: kept pages go no deeper, and are counted but not logged one by one.
    "shop.pages.middleware.KeptPageMiddleware",
    "shop.web.request_log.RequestLogMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    # Views of the API go no deeper: what follows is for pages.
    "shop.api.middleware.ApiMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "shop.web.origin.OriginMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # Last, so that it is the first to hear of a refusal.
    "shop.web.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "settings.urls"
WSGI_APPLICATION = "settings.wsgi.application"
ASGI_APPLICATION = "settings.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
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
            ],
        },
    }
]

# --- people --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
# A user's phone is unique by the keyed hash beside it.
# Django looks for its own protection of forms by name; ours (shop/web/origin.py) is a subclass of it.
SILENCED_SYSTEM_CHECKS = ["auth.E003", "security.W003"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "lj_session"
CSRF_COOKIE_NAME = "lj_csrf"
CSRF_COOKIE_HTTPONLY = True

# Wrong passwords of one account, and of one address (many people share one behind a carrier's gateway), in 15 minutes.
# Who may do what: the staff's roles stand there, and the tests try every route by it.
LINJIA_ACCESS_FILE = BASE_DIR / "docs" / "access.toml"
LINJIA_SIGN_IN_TRIES_MAX = env_int("LINJIA_SIGN_IN_TRIES_MAX", 5, minimum=1)
LINJIA_SIGN_IN_TRIES_PER_ADDRESS_MAX = env_int("LINJIA_SIGN_IN_TRIES_PER_ADDRESS_MAX", 50, minimum=1)
# How many proxies of ours stand in front and add to X-Forwarded-For; 0: the connection itself says who asks.
LINJIA_PROXIES = env_int("LINJIA_PROXIES", 0)

# --- languages, time, files ------------------------------------------------------------------------------------------

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "lj_language"
# Ours, and what the panels' theme leaves in English.
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "panels"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = True
USE_I18N = True

_FRONTEND = BASE_DIR / "frontend"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [_FRONTEND / "static"]
MEDIA_URL = "media/"
MEDIA_ROOT = Path(env_str("LINJIA_MEDIA", str(BASE_DIR / "media")))
WHITENOISE_MAX_AGE = 3600
# Originals of uploads, evidence of after-sales, hidden photos: no address leads here. Web and workers share it.
LINJIA_PRIVATE_MEDIA = Path(env_str("LINJIA_PRIVATE_MEDIA", str(BASE_DIR / "private")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": LINJIA_PRIVATE_MEDIA, "file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "shop.web.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o644

# --- what browsers may do ----------------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # No nonce: pages are kept and shown to many, and carry nothing inline.
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- API ---------------------------------------------------------------------------------------------------------------

# The web tells what is committed; only commands and tests work it out (shop/api/describing.py).
LINJIA_DESCRIBES_API = PROCESS != "web"
LINJIA_API_DESCRIPTION = BASE_DIR / "docs" / "openapi.yaml"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["shop.api.auth.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["shop.api.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "shop.api.negotiation.ContentNegotiation",
    "DEFAULT_PARSER_CLASSES": ["shop.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": (
        "drf_spectacular.openapi.AutoSchema"
        if LINJIA_DESCRIBES_API
        else "rest_framework.schemas.inspectors.ViewInspector"
    ),
    "DEFAULT_THROTTLE_CLASSES": ["shop.api.throttles.Scoped"],
    "DEFAULT_THROTTLE_RATES": {
        "sms": "10/min",
        "sign_in": "200/hour",
        "place_order": "60/min",
        "pay": "60/min",
        "share_link": "60/min",
        "withdraw": "10/min",
        "touch": "300/min",
        "upload": "60/min",
        "review": "30/min",
        "coupon_claim": "10/min",
    },
    "EXCEPTION_HANDLER": "shop.api.errors.handle",
    "NUM_PROXIES": LINJIA_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Linjia API",
    "DESCRIPTION": "Amounts are whole fen, rates basis points, instants ISO 8601. "
    "Errors are application/problem+json (RFC 9457).",
    "VERSION": "1.0.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "AfterSaleKind": "orders.aftersales.models.AfterSale.Kind",
        "AfterSaleReason": "orders.aftersales.models.AfterSale.Reason",
        "AfterSaleState": "orders.aftersales.states.AfterSaleState.choices",
        "CouponKind": "shop.coupons.models.Coupon.Kind",
        "CouponPieceState": "shop.coupons.states.ClaimState.choices",
        "CouponScope": "shop.coupons.models.Coupon.Scope",
        "CommissionState": "distributors.commissions.states.CommissionState.choices",
        "OrderState": "orders.lifecycle.states.OrderState.choices",
        "PaymentState": "orders.payments.states.PaymentState.choices",
        "ReviewState": "orders.reviews.states.ReviewState.choices",
        "SupplierOrderState": "orders.lifecycle.states.SupplierOrderState.choices",
        "WithdrawalState": "distributors.payouts.states.WithdrawalState.choices",
    },
}

# --- Celery's clock, see servers.py for the rest -----------------------------------------------------------------------

CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = True

# --- logs ------------------------------------------------------------------------------------------------------------------

LOG_FORM = env_str("LINJIA_LOG_FORM", "json")
LOGGING = logs.configuration(form=LOG_FORM, level=env_str("LINJIA_LOG_LEVEL", "INFO"))
logs.configure_structlog()
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_COMMAND_LOGGING_ENABLED = False
DJANGO_STRUCTLOG_USER_ID_FIELD = "number"

# --- the trade's own rules and windows ---------------------------------------------------------------------------------------

LINJIA_VERSION = "0.1.0"
DUE_WORK = schedule.DUE_WORK
PERIODIC_WORK = schedule.PERIODIC_WORK
HEALTH_FACTS = schedule.HEALTH_FACTS
PERSONAL_DATA = schedule.PERSONAL_DATA
# Whether the doorbell is rung after a commit; the sweep finds the work anyway.
LINJIA_BELL = True
LINJIA_WORK_ATTEMPTS_MAX = env_int("LINJIA_WORK_ATTEMPTS_MAX", 12, minimum=1)
LINJIA_PAYMENT_MINUTES = env_int("LINJIA_PAYMENT_MINUTES", 30, minimum=1)
# Suppliers: so many days after completion an earning is settled; statements are issued per week or month.
LINJIA_SUPPLIER_SETTLE_DAYS = env_int("LINJIA_SUPPLIER_SETTLE_DAYS", 0)
LINJIA_STATEMENT_PERIOD = env_str("LINJIA_STATEMENT_PERIOD", "week")
# How soon the gateway is asked about what it has not told; how far apart it wants the refunds of one payment.
LINJIA_QUERY_SECONDS = env_int("LINJIA_QUERY_SECONDS", 30, minimum=1)
LINJIA_REFUND_SPACING_SECONDS = env_int("LINJIA_REFUND_SPACING_SECONDS", 60)
LINJIA_RETURN_DAYS = env_int("LINJIA_RETURN_DAYS", 7)
LINJIA_AUTO_RECEIVE_DAYS = env_int("LINJIA_AUTO_RECEIVE_DAYS", 10, minimum=1)
LINJIA_TOUCH_WINDOW_DAYS = env_int("LINJIA_TOUCH_WINDOW_DAYS", 30, minimum=1)
LINJIA_TOUCH_RETENTION_MONTHS = env_int("LINJIA_TOUCH_RETENTION_MONTHS", 36, minimum=1)
LINJIA_BOND_PROTECTED_DAYS = env_int("LINJIA_BOND_PROTECTED_DAYS", 15)
LINJIA_BOND_VALID_DAYS = env_int("LINJIA_BOND_VALID_DAYS", 365, minimum=1)
LINJIA_SELF_PURCHASE = env_str("LINJIA_SELF_PURCHASE", "discount")
LINJIA_COMMISSION_CAP_BP = env_int("LINJIA_COMMISSION_CAP_BP", 5000, maximum=10_000)
LINJIA_WITHDRAW_MIN_FEN = env_int("LINJIA_WITHDRAW_MIN_FEN", 100, minimum=1)
LINJIA_WITHDRAW_MAX_FEN = env_int("LINJIA_WITHDRAW_MAX_FEN", 2_000_000, minimum=1)
LINJIA_WITHDRAWALS_PER_DAY_MAX = env_int("LINJIA_WITHDRAWALS_PER_DAY_MAX", 5, minimum=1)
# Above this amount two different members of staff must agree before money leaves.
LINJIA_TWO_PERSON_FEN = env_int("LINJIA_TWO_PERSON_FEN", 500_000)
LINJIA_TRANSFER_HOURS = env_int("LINJIA_TRANSFER_HOURS", 24, minimum=1)
LINJIA_PAYOUT_COOLING_HOURS = env_int("LINJIA_PAYOUT_COOLING_HOURS", 24)
LINJIA_AFTERSALE_ANSWER_HOURS = env_int("LINJIA_AFTERSALE_ANSWER_HOURS", 48, minimum=1)
LINJIA_AFTERSALE_SEND_BACK_HOURS = env_int("LINJIA_AFTERSALE_SEND_BACK_HOURS", 168, minimum=1)
LINJIA_AFTERSALE_RECEIVE_HOURS = env_int("LINJIA_AFTERSALE_RECEIVE_HOURS", 168, minimum=1)
LINJIA_AFTERSALE_ESCALATE_HOURS = env_int("LINJIA_AFTERSALE_ESCALATE_HOURS", 72, minimum=1)
# How long an uploaded picture waits to become part of something before it is thrown away.
LINJIA_UPLOAD_HOURS = env_int("LINJIA_UPLOAD_HOURS", 24, minimum=1)
# How long after a review its author may add to it.
LINJIA_REVIEW_FOLLOW_UP_DAYS = env_int("LINJIA_REVIEW_FOLLOW_UP_DAYS", 30)
# Personal data: how long a file with all of it may be fetched; how long a deleted account can be taken back; how long
# orders and books are kept after that.
LINJIA_EXPORT_DAYS = env_int("LINJIA_EXPORT_DAYS", 7, minimum=1)
LINJIA_LEAVING_DAYS = env_int("LINJIA_LEAVING_DAYS", 7, minimum=1)
LINJIA_RECORD_YEARS = env_int("LINJIA_RECORD_YEARS", 3, minimum=1)
LINJIA_NOTICE_MAX_AGE_SECONDS = env_int("LINJIA_NOTICE_MAX_AGE_SECONDS", 300, minimum=1)

# --- the outside world ---------------------------------------------------------------------------------------------------------

LINJIA_SANDBOX = False
LINJIA_SERVE_MEDIA = False
LINJIA_GATEWAY = env_str("LINJIA_GATEWAY", "wechat")
LINJIA_PUBLIC_URL = env_str("LINJIA_PUBLIC_URL", "http://127.0.0.1:8000")
# How long a page that is the same for everybody is kept ready; 0 makes each one from the database.
LINJIA_PAGE_SECONDS = env_int("LINJIA_PAGE_SECONDS", 10, maximum=300)
# How long a web process shows one again without asking Redis whether it still holds; 0: it always asks.
LINJIA_PAGE_FRONT_SECONDS = env_int("LINJIA_PAGE_FRONT_SECONDS", 1, maximum=10)
LINJIA_METRICS_FOLDER = env_str("PROMETHEUS_MULTIPROC_DIR", "")
LINJIA_METRICS_TOKEN = env_str("LINJIA_METRICS_TOKEN", "")
LINJIA_SMS_URL = env_str("LINJIA_SMS_URL", "")
LINJIA_SMS_KEY = env_str("LINJIA_SMS_KEY", "")
# What this installation calls itself; gateways refuse the sandbox and its keys in "production".
LINJIA_ENV = env_str("LINJIA_ENV", "development")
LINJIA_SANDBOX_URL = ""
LINJIA_SANDBOX_HOME = ""
# WeChat: what the merchant platform and the mini-program platform gave us. Keys are paths of PEM files.
LINJIA_WECHAT_APP_ID = env_str("LINJIA_WECHAT_APP_ID", "")
LINJIA_WECHAT_APP_SECRET = env_str("LINJIA_WECHAT_APP_SECRET", "")
# In a browser: the official account (signing in and paying inside WeChat; bound to the same merchant as the
# mini-program) and the website app (signing in on a desktop).
LINJIA_WECHAT_ACCOUNT_APP_ID = env_str("LINJIA_WECHAT_ACCOUNT_APP_ID", "")
LINJIA_WECHAT_ACCOUNT_APP_SECRET = env_str("LINJIA_WECHAT_ACCOUNT_APP_SECRET", "")
LINJIA_WECHAT_SITE_APP_ID = env_str("LINJIA_WECHAT_SITE_APP_ID", "")
LINJIA_WECHAT_SITE_APP_SECRET = env_str("LINJIA_WECHAT_SITE_APP_SECRET", "")
LINJIA_WECHAT_CONNECT_URL = env_str("LINJIA_WECHAT_CONNECT_URL", "https://open.weixin.qq.com")
LINJIA_WECHAT_MERCHANT_ID = env_str("LINJIA_WECHAT_MERCHANT_ID", "")
LINJIA_WECHAT_API_V3_KEY = env_str("LINJIA_WECHAT_API_V3_KEY", "")
LINJIA_WECHAT_CERT_SERIAL = env_str("LINJIA_WECHAT_CERT_SERIAL", "")
LINJIA_WECHAT_PRIVATE_KEY_PATH = env_str("LINJIA_WECHAT_PRIVATE_KEY_PATH", "")
LINJIA_WECHAT_PLATFORM_KEY_ID = env_str("LINJIA_WECHAT_PLATFORM_KEY_ID", "")
LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH = env_str("LINJIA_WECHAT_PLATFORM_PUBLIC_KEY_PATH", "")
LINJIA_WECHAT_PAY_BASE_URL = env_str("LINJIA_WECHAT_PAY_BASE_URL", "https://api.mch.weixin.qq.com")
LINJIA_WECHAT_OPEN_BASE_URL = env_str("LINJIA_WECHAT_OPEN_BASE_URL", "https://api.weixin.qq.com")
# Where WeChat's notices arrive; empty means the public address.
LINJIA_WECHAT_NOTIFY_BASE_URL = env_str("LINJIA_WECHAT_NOTIFY_BASE_URL", "")

# Whoever loads the settings has the application too: tasks sent from anywhere take its broker.
celery.app.set_default()
