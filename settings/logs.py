"""Structured logs: one event a line, with the request's id, as JSON or readable."""

import os
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def configure_structlog() -> None:
    """Send structlog's events through the standard library, so that all of them look alike."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is `json` for machines or `text` for people."""
    if form == "json":
        renderer: list[Any] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        colours = os.environ.get("LINJIA_LOG_COLOUR") == "1"
        # Plain tracebacks: the decorated ones print local variables, and with them people's data.
        plain = structlog.dev.plain_traceback
        renderer = [
            _shorten,
            structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, pad_level=False, exception_formatter=plain),
        ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "events": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # One line when a request ends is enough; Django's own "Not Found" would repeat it.
            "django.request": {"level": "ERROR"},
            "django.server": {"handlers": [], "propagate": True},
            "django_celery_beat": {"level": "WARNING"},
            # Tasks of the clock come every second; those that do something say so themselves.
            "django_structlog.celery": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "_granian": {"level": "WARNING"},
        },
    }


def _shorten(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """What a person at a terminal does not read: loggers' names, the day, half-told requests."""
    if event.get("event") == "request_started":
        raise structlog.DropEvent
    for name in ("logger", "ip", "user_agent"):
        event.pop(name, None)
    event["timestamp"] = event["timestamp"][11:19]
    return event
