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
        renderer: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        colours = os.environ.get("LINJIA_LOG_COLOUR") == "1"
        renderer = [_shorten, structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, pad_level=False)]
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
            "axes": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "_granian": {"level": "WARNING"},
        },
    }


def _shorten(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """What a person at a terminal does not read: loggers' names, the address of the machine."""
    for name in ("logger", "ip", "user_agent"):
        event.pop(name, None)
    return event
