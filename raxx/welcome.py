"""What `up` says when everything is ready: never a secret, because terminals are recorded."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from matching.market import rows
from matching.market.clock import REPLAY
from matching.market.feeds import TapeConfig
from matching.market.times import rfc3339, to_datetime, to_ns

if TYPE_CHECKING:
    from datetime import datetime

    from matching.models import Market
    from raxx.folder import DataFolder

EXAMPLE = re.compile(r"<!-- example[^>]*-->\n```python\n(.*?)```", re.DOTALL)
USUAL_FOLDER = ".raxx"  # the data folder's name in the README's example
AFTER_OPEN = timedelta(minutes=1)  # by then everything that trades has been quoted


def text(base_url: str, folder: DataFolder, *, advance_to: datetime | None = None) -> str:
    """Return the address and, when there is a demo account, code that trades it.

    `advance_to` is where a paused tape has to stand for that code to see a fill, None where it may stay.
    """
    lines = ["", f"Raxx is ready at {base_url}"]
    try:
        demo = json.loads(folder.demo_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "\n".join(
            [
                *lines,
                "Open an account, and make a key to it:",
                f"  {command('create_account --email you@example.com', folder)}",
                f"  {command('create_api_key --email you@example.com', folder)}",
                "",
            ]
        )
    lines.append(f"Demo account: {demo['email']}, key {demo['key_id']} (all of it in {folder.demo_file})")
    lines.append(f"In a browser, as yourself: {base_url}/sign-up{_where_mails_are(folder)}")
    lines.append(
        "or as the demo person, by a link from: " + command(f"create_user --email {demo['email']}", folder)
    )
    if advance_to is not None:
        lines.append(
            "The tape is paused before the open. First: "
            + command(f"tape advance --to {rfc3339(to_ns(advance_to))}", folder)
        )
    lines += ["", example(settings.BASE_DIR / "README.md", folder), ""]
    return "\n".join(lines)


def _where_mails_are(folder: DataFolder) -> str:
    return "" if settings.MAIL_SERVER else f" (mails are printed to {folder.logs / 'web.log'})"


def example(readme: Path, folder: DataFolder) -> str:
    """Return the README's example for this data folder, or where to look when there is none."""
    try:
        found = EXAMPLE.search(readme.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = None
    if found is None:
        return f"Point alpaca-py's TradingClient at it: url_override, key_id and secret are in {folder.demo_file}"
    code = found[1].rstrip()
    if folder.root != settings.BASE_DIR / USUAL_FOLDER:
        code = code.replace(f'"{USUAL_FOLDER}/', json.dumps(f"{folder.root}/", ensure_ascii=False)[:-1])
    return code


def command(words: str, folder: DataFolder) -> str:
    """Return a management command as it can be pasted in the clone's folder."""
    python = Path(sys.executable)
    if python.is_relative_to(settings.BASE_DIR):
        python = python.relative_to(settings.BASE_DIR)
    place = ""
    if folder.root != settings.BASE_DIR / USUAL_FOLDER and "RAXX_DATA_DIR" in os.environ:
        place = f"RAXX_DATA_DIR={shlex.quote(str(folder.root))} "
    return f"{place}{shlex.quote(str(python))} manage.py {words}"


def advance_needed(market: Market) -> datetime | None:
    """Return a minute after the next open of a tape that is paused outside of a session, else None.

    None, too, when the tape has no further open.
    """
    if market.feed != REPLAY or not market.paused:
        return None
    stands_at = to_ns(market.anchor_at)
    dates = TapeConfig.of(market.config).dates
    for day in rows.calendar(market.calendar, dates[0], dates[-1]).days(dates[0], dates[-1]):
        if day.open <= stands_at < day.close:
            return None
        if day.date in dates and stands_at < day.open:
            return to_datetime(day.open) + AFTER_OPEN
    return None
