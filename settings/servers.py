"""What PostgreSQL, Redis and Celery are told in every environment, above all: how long nobody waits for them."""

from typing import Any

from settings import caching, patience, schedule
from settings.env import env_str

# --- database ------------------------------------------------------------------------------------------------------------

# How long one statement may run, by what kind of process asks. People wait for `web`; commands may take their time.
PROCESS = env_str("LINJIA_PROCESS", "worker")
# Nobody waits for a page longer than five seconds: before that it says that we are busy.
STATEMENT_MS_MAX = {"web": 4_000, "worker": 120_000, "command": 0}.get(PROCESS, 10_000)
if PROCESS in ("web", "worker"):
    # A server that is frozen or cut off does not keep its time-out: then our own ends the waiting.
    patience.limit_waiting(STATEMENT_MS_MAX / 1000 + 0.5)
DATABASE_SESSION = {
    "lock_timeout": 3_000,
    "statement_timeout": STATEMENT_MS_MAX,
    "idle_in_transaction_session_timeout": 0 if PROCESS == "command" else 15_000,
    # Psycopg takes every instant it reads as UTC. So a session's own zone is UTC from the first, whatever the server's,
    # the database's or the role's is, and again after a RESET or a pooler's DISCARD.
    "TimeZone": "UTC",
}
DATABASE_OPTIONS = {
    "application_name": f"linjia-{PROCESS}",
    "connect_timeout": 3,
    # A road that swallows packets is noticed by the kernel: milliseconds without an acknowledgement, seconds of rest.
    "tcp_user_timeout": 4_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "options": " ".join(f"-c {name}={value}" for name, value in DATABASE_SESSION.items()),
}


def cache_at(url: str) -> dict[str, Any]:
    """The cache at a Redis address. Redis may be away at any time; then there is nothing in it."""
    return {
        "default": {
            "BACKEND": "settings.caching.PatientRedisCache",
            "LOCATION": url,
            "KEY_PREFIX": "linjia",
            "OPTIONS": caching.OPTIONS,
        }
    }


# The payment channel: seconds to connect and to answer. Who waits at a page is told that nobody can tell, and the same
# number is asked about later; a worker waits longer.
LINJIA_GATEWAY_SECONDS = (1.5, 3.0) if PROCESS == "web" else (3.0, 10.0)
LINJIA_APP_ROLE = env_str("LINJIA_APP_ROLE", "linjia_app")

# --- Celery ----------------------------------------------------------------------------------------------------------------

CELERY_BEAT_SCHEDULE = schedule.BEAT
CELERY_BEAT_SCHEDULER = "shop.work.clock:Clock"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = schedule.ROUTES
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 200_000
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker never gives up on Redis.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "linjia:",
    "visibility_timeout": 900,
    "socket_connect_timeout": 1,
    # A Redis that is silent counts as away. A worker listens for a second in one go; a page does not wait so long.
    "socket_timeout": 1 if PROCESS == "web" else 4,
    "socket_keepalive": True,
    # Whoever rings does not wait for Redis to come back: the sweep needs no bell.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
