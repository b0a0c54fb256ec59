"""Logs: one JSON object a line on standard error, with timestamp, level, event and the request's id."""

import logging
import sys
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor

# Loggers whose INFO lines repeat what our own request and job lines say, or only matter to their authors.
QUIET = {"uvicorn.access": logging.WARNING, "alembic": logging.WARNING, "websockets": logging.WARNING}


# A variable of its own, not one of structlog's: every request sets it, so setting it must cost nothing.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


def _add_request_id(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if "request_id" not in event and (identifier := REQUEST_ID.get()):
        event["request_id"] = identifier
    return event


def configure(level: str = "INFO") -> None:
    """Route structlog and the standard library (uvicorn, arq, SQLAlchemy) into JSON lines on stderr."""
    shared: list[Processor] = [
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                *shared,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_colors,
                structlog.processors.JSONRenderer(_dumps),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "arq"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, logging.getLevelName(level)))


def _without_colors(_logger: Any, _method: str, line: EventDict) -> EventDict:
    """uvicorn says everything twice, the second time for terminals."""
    line.pop("color_message", None)
    return line


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


def _dumps(value: Any, **_options: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
