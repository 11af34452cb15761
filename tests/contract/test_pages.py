"""The pages at /docs in a real browser: they show the document, and break none of their own policy."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from raxx import headers

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WITHIN_S = 100

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        BROWSER is None, reason="no Chromium on this machine: the pages at /docs are not tested"
    ),
]


@pytest.fixture
def shown(live_server, tmp_path):
    """Return a function that opens a page: its elements after its scripts have run, and the console."""

    def open_page(path):
        command = [
            str(BROWSER),
            "--headless",
            "--no-sandbox",  # it may run as root, and loads nothing but ours
            "--disable-gpu",
            "--enable-logging=stderr",
            "--virtual-time-budget=30000",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{live_server.url}{path}",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return open_page


def test_an_operation_is_shown_and_nothing_is_refused(shown):
    elements, console = shown("/docs#/Orders/placeOrder")

    assert console == []
    assert len(re.findall(r'class="opblock-tag', elements)) > 10
    assert "client_order_id" in elements
    assert "Try it out" in elements


def test_a_browser_tells_what_the_policy_refuses(shown, monkeypatch):
    monkeypatch.setattr(headers, "POLICY", headers.POLICY.replace("script-src 'self'", "script-src 'none'"))

    elements, console = shown("/docs")

    assert "opblock-tag" not in elements
    assert any("Content Security Policy" in line for line in console)
