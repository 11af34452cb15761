"""How a log line looks: one JSON object a line for machines, or a line of text for people.

Every line names the request that it was written for, and whose that was, as `accounts.tracing` knows them.
No arguments of calls, headers or bodies stand in a line, and what opens something by standing in an address is
taken out, so no secret can. Nothing here needs Django's
settings: the front, and the web servers' own processes, have none.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
import time
import traceback
from typing import TYPE_CHECKING, Any

from accounts import tracing
from raxx import env

if TYPE_CHECKING:
    from accounts.tracing import Trace

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
FORMATS = ("json", "text")

# What these tell at INFO about each task and connection would bury the rest.
QUIET = ("celery", "kombu", "amqp", "urllib3", "opentelemetry")

# A message may repeat a path or a name that somebody chose: a line end in it would begin a line of theirs.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    9: "\t",
    10: "\\n",
    13: "\\r",
}

# Django and the servers tell the path of what they refuse, which may be that of a mailed link, still good.
_OPENS = re.compile(r"((?<!/auth)/(?:sign-up|enrol|keep)/|[?&](?:token|code|state)=)[^\s/?&'\"]+")


def config(process: str) -> dict[str, Any]:
    """Return what `logging.config.dictConfig` makes of one handler for all; `process` is its kind.

    Raises SettingError.
    """
    level = env.choice("RAXX_LOG_LEVEL", LEVELS, "INFO")
    quiet = level if level == "DEBUG" else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "process": process}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # These come with handlers of their own, which would write each line a second time.
            **{
                name: {"handlers": [], "level": level, "propagate": True}
                for name in ("django", "_granian", "granian.access")
            },
            **{name: {"level": quiet} for name in QUIET},
        },
    }


def formatter(process: str) -> logging.Formatter:
    """Return the formatter that RAXX_LOG_FORMAT names, by default JSON in production. Raises SettingError.

    The file granian.json names it too: granian's first process has a log before it has settings.
    """
    is_production = env.choice("RAXX_ENV", ("development", "production"), "development") == "production"
    chosen = env.choice("RAXX_LOG_FORMAT", FORMATS, "json" if is_production else "text")
    return JsonLines(process) if chosen == "json" else TextLines()


def configure(process: str) -> None:
    """Write this process's log as the environment says; for a process without Django's settings."""
    logging.config.dictConfig(config(process))


def trace_of(record: logging.LogRecord) -> Trace:
    """Return what the line belongs to: `extra={"trace": ...}` where it is not the request at hand."""
    given: Trace | None = getattr(record, "trace", None)
    return tracing.current() if given is None else given


class JsonLines(logging.Formatter):
    """One JSON object a line, in ASCII. What is not known is left out; `time` is UTC, to the microsecond.

    Fields: time, level, logger, message, process, pid; request_id, trace_id, span_id, user_id, account_id,
    actor; error (a traceback), stack.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        trace = trace_of(record)
        line: dict[str, Any] = {
            "time": _instant(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _OPENS.sub(r"\1...", record.getMessage()),
            "process": self._process,
            "pid": record.process,
        }
        if trace.request_id:
            line |= {"request_id": trace.request_id, "trace_id": trace.trace_id, "span_id": trace.span_id}
        if trace.user_id is not None:
            line["user_id"] = str(trace.user_id)
        if trace.account_id is not None:
            line["account_id"] = str(trace.account_id)
        if trace is not tracing.NOBODY:
            line["actor"] = trace.actor
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = _OPENS.sub(r"\1...", "".join(traceback.format_exception(*record.exc_info)))
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line)


class TextLines(logging.Formatter):
    """A line for people, with the request and whose it was at its end, where there is one."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback that may follow it."""
        return _OPENS.sub(r"\1...", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the line without the traceback that may follow it."""
        record.message = record.message.translate(_CONTROLS)
        trace = trace_of(record)
        known = {"request": trace.request_id, "user": trace.user_id, "account": trace.account_id}
        told = " ".join(f"{name}={value}" for name, value in known.items() if value)
        return super().formatMessage(record) + (f" [{told}]" if told else "")


def _instant(created: float) -> str:
    whole, fraction = divmod(round(created * 1_000_000), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{fraction:06d}Z"
