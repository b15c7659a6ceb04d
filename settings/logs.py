"""Structured logs: one event a line, with the request's id, as JSON or readable."""

import os
import re
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


# Numbers that are somebody's: a mainland mobile, an identity card, a bank card. Order numbers and the like have letters.
_PHONE = re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d)\d{4}(\d{4})(?![0-9A-Za-z])")
_CARD = re.compile(r"(?<![0-9A-Za-z])\d{11,15}(\d{3}[0-9Xx])(?![0-9A-Za-z])")


def scrub(value: Any) -> Any:
    """Return what is logged with phones and card numbers masked, however deep they stand."""
    if isinstance(value, str):
        return _CARD.sub(r"****\1", _PHONE.sub(r"\1****\2", value))
    if isinstance(value, dict):
        return {name: scrub(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else scrub(str(value))


def _scrub(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """The last word before an event is written: what a careless line or a fault's text tells of people is masked."""
    return {name: scrub(value) for name, value in event.items()}


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


def formatter(*, form: str) -> structlog.stdlib.ProcessorFormatter:
    """Return what turns an event into a line: ``json`` for machines or ``text`` for people."""
    # Plain tracebacks: decorated ones print local variables, and with them people's data.
    safe: list[Any] = [structlog.processors.format_exc_info, _scrub]
    if form == "json":
        renderer: list[Any] = [*safe, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        colours = os.environ.get("LINJIA_LOG_COLOUR") == "1"
        renderer = [*safe, _shorten, structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=0, pad_level=False)]
    return structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer], foreign_pre_chain=_SHARED
    )


def configuration(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form` is `json` for machines or `text` for people."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"events": {"()": lambda: formatter(form=form)}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "events"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # One line when a request ends is enough; Django's own "Not Found" would repeat it.
            "django.request": {"level": "ERROR"},
            # Its DEBUG lines print whole template contexts: forms with what people wrote into them.
            "django.template": {"level": "INFO"},
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
