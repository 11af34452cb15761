"""A log line names the request that it was written for, in either form; and tells no secret."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from accounts import links, tracing
from accounts.links import _PAGE as PAGES
from raxx import env, logs

ROOT = Path(__file__).resolve().parents[2]
USER, ACCOUNT = UUID(int=1), UUID(int=2)


@pytest.fixture
def written(monkeypatch):
    """Return a logger of its own whose lines go to a text, as each form; ask for them by calling it."""

    def ready(form):
        monkeypatch.setenv("RAXX_LOG_FORMAT", form)
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs.formatter("web"))
        logger = logging.Logger("raxx.test")  # noqa: LOG001 - of this test alone, with no parents
        logger.addHandler(handler)
        return logger, stream

    yield ready
    tracing.end()


def test_a_line_of_json_has_the_request_and_whose_it_is(written):
    logger, stream = written("json")
    trace = tracing.begin(request_id="r-1")
    tracing.told(user_id=USER, account_id=ACCOUNT, actor_kind="key", actor_id="PK1")

    logger.warning("%s is\nlate", "it")

    [line] = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "WARNING",
        "logger": "raxx.test",
        "message": "it is\nlate",
        "process": "web",
        "pid": os.getpid(),
        "request_id": "r-1",
        "trace_id": trace.trace_id,
        "span_id": trace.span_id,
        "user_id": str(USER),
        "account_id": str(ACCOUNT),
        "actor": "key:PK1",
    }


def test_a_line_of_nobody_s_request_names_none(written):
    logger, stream = written("json")

    logger.info("begun")

    assert json.loads(stream.getvalue()).keys() == {"time", "level", "logger", "message", "process", "pid"}


def test_a_traceback_is_a_field_and_any_text_can_be_written(written):
    logger, stream = written("json")

    try:
        raise ValueError("half a \ud800 pair")
    except ValueError:
        logger.exception("bad: %s", "\u2028 \ud800")

    [line] = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found["error"].startswith("Traceback (most recent call last):\n")
    assert found["error"].rstrip().endswith("ValueError: half a \ud800 pair")
    assert found["message"] == "bad: \u2028 \ud800"


def test_the_instant_is_utc_to_the_microsecond(written):
    logger, _ = written("json")
    record = logger.makeRecord("n", logging.INFO, "f", 1, "m", (), None)
    record.created = 1_381_239_000.9999996

    assert json.loads(logs.JsonLines("web").format(record))["time"] == "2013-10-08T13:30:01.000000Z"


def test_a_line_of_text_ends_with_the_request_before_any_traceback(written):
    logger, stream = written("text")
    tracing.begin(request_id="r-1")
    tracing.told(user_id=USER)

    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("bad")

    first, second, *_ = stream.getvalue().splitlines()
    assert first.endswith(f" ERROR raxx.test: bad [request=r-1 user={USER}]")
    assert second == "Traceback (most recent call last):"


def test_nobody_can_begin_a_line_of_their_own(written):
    logger, stream = written("text")

    logger.error("no path %s", "/a\n2026-01-01 ERROR forged\r\x1b[2J\x85")

    [line] = stream.getvalue().splitlines()
    assert line.endswith("raxx.test: no path /a\\n2026-01-01 ERROR forged\\r\\x1b[2J\\x85")


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    ("told", "written_as"),
    [
        *[
            (f"Not Found: /{page}/abc:1x:Y-_z/", f"Not Found: /{page}/.../")
            for page in sorted(set(PAGES.values()))
        ],
        ("/raxx/v1/privacy/exports/1/download?token=abc", "/raxx/v1/privacy/exports/1/download?token=..."),
        ("/live/callback?state=abc&code=def HTTP/1.1", "/live/callback?state=...&code=... HTTP/1.1"),
        ("/auth/enrol/begin", "/auth/enrol/begin"),
    ],
)
def test_what_opens_something_by_being_in_an_address_is_not_written(written, form, told, written_as):
    logger, stream = written(form)

    try:
        raise ValueError(told)
    except ValueError:
        logger.exception("%s", told)

    assert (written_as in stream.getvalue(), told == written_as or told not in stream.getvalue()) == (
        True,
        True,
    )


def test_a_link_that_somebody_s_mailer_has_mangled_is_not_written(client, written, caplog):
    token = links.make(links.Purpose.RESET, email="a@example.com")
    logger, stream = written("json")

    assert client.get(f"/enrol/{token}/").status_code == 404

    [record] = [each for each in caplog.records if each.name == "django.request"]
    logger.handle(record)
    assert json.loads(stream.getvalue())["message"] == "Not Found: /enrol/.../"


def test_a_line_may_be_about_another_request_than_the_one_at_hand(written):
    logger, stream = written("json")
    other = tracing.Trace(request_id="other")
    tracing.begin(request_id="mine")

    logger.info("done", extra={"trace": other})

    assert json.loads(stream.getvalue())["request_id"] == "other"


@pytest.mark.parametrize(
    ("environment", "form", "kind"),
    [
        ("development", "", logs.TextLines),
        ("production", "", logs.JsonLines),
        ("development", "json", logs.JsonLines),
        ("production", "text", logs.TextLines),
    ],
)
def test_lines_are_json_in_production_unless_told(monkeypatch, environment, form, kind):
    monkeypatch.setenv("RAXX_ENV", environment)
    monkeypatch.setenv("RAXX_LOG_FORMAT", form)

    assert type(logs.formatter("web")) is kind


def test_another_form_stops_the_start(monkeypatch):
    monkeypatch.setenv("RAXX_LOG_FORMAT", "xml")

    with pytest.raises(env.SettingError, match="RAXX_LOG_FORMAT"):
        logs.formatter("web")


LINE = "import logging; logging.getLogger('raxx.of_test').warning('hello')"
PROCESSES = {
    "web": ["-c", f"import raxx.wsgi; {LINE}"],
    "stream": ["-c", f"import raxx.asgi; {LINE}"],
    "front": ["-c", f"from raxx import logs; logs.configure('front'); {LINE}"],
    "hub": ["-c", f"import sys; sys.argv = ['manage.py', 'hub']; import django; django.setup(); {LINE}"],
    "matcher": ["-c", f"import sys; sys.argv = ['manage.py', 'matcher']; import django; django.setup(); {LINE}"],
    "worker": ["-c", f"import sys; sys.argv = ['celery', 'worker']; from raxx.celery import app; app.log.setup('ERROR'); {LINE}"],
    "beat": ["-c", f"import sys; sys.argv = ['celery', 'beat']; from raxx.celery import app; app.log.setup('ERROR'); {LINE}"],
}  # fmt: skip


def run(folder, *arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    given = {"RAXX_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "raxx.settings", **environment}
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**kept, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("process", PROCESSES)
def test_every_kind_of_process_writes_such_lines_and_nothing_else(tmp_path, process):
    lines = run(tmp_path, *PROCESSES[process], RAXX_LOG_FORMAT="json").splitlines()

    [found] = [json.loads(line) for line in lines]
    assert (found["process"], found["level"], found["message"]) == (process, "WARNING", "hello")


def test_the_servers_first_process_writes_such_lines_too(tmp_path):
    arguments = ("--interface", "wsgi", "--log-config", "raxx/granian.json", "--uds", str(tmp_path / "s"))

    lines = run(tmp_path, "-m", "granian", *arguments, "raxx.nowhere:application", RAXX_LOG_FORMAT="json")

    # The traceback of a worker that never began is Python's own.
    found = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    assert {line["process"] for line in found} == {"granian"}
    assert any("Starting granian" in line["message"] for line in found)
