"""Somebody who listens to an account all the while and resumes from the last event that it heard."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.client import Login

PAUSE_S = 0.1
SILENCE_MAX_S = 20.0  # keep-alives come more often


class Listener(threading.Thread):
    """Reads `/v2/events/trades`; `heard` holds (order id, event) in the order of hearing."""

    def __init__(self, login: Login) -> None:
        super().__init__(name=f"listener-{login.account_id}", daemon=True)
        self.account_id = login.account_id
        self.heard: list[tuple[str, str]] = []
        self.resumed = 0
        self.refusals: list[str] = []
        self._login = login
        self._last_id = "0"
        self._over = threading.Event()
        self._news = threading.Condition()
        self._line: http.client.HTTPConnection | None = None

    def run(self) -> None:
        while not self._over.is_set():
            try:
                self._read()
            except (OSError, http.client.HTTPException):
                pass  # it was cut off
            self.resumed += 1
            self._over.wait(PAUSE_S)

    def until_heard(self, count: int, within_s: float) -> bool:
        """Wait until so many events were heard; return whether they were."""
        with self._news:
            return self._news.wait_for(lambda: len(self.heard) >= count, within_s)

    def stop(self) -> None:
        """Hang up and end."""
        self._over.set()
        line = self._line
        if line is not None and line.sock is not None:
            try:
                line.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was hung up already
        self.join()

    def _read(self) -> None:
        line = self._line = self._login.connect()
        line.timeout = SILENCE_MAX_S
        headers = {**self._login.headers, "Last-Event-ID": self._last_id}
        try:
            line.request("GET", "/v2/events/trades", headers=headers)
            answer = line.getresponse()
            if answer.status != 200:
                if answer.status not in {429, 502, 503}:
                    self.refusals.append(f"{answer.status} {answer.read().decode()}")
                return
            rest = b""
            while piece := answer.read1(65_536):
                *blocks, rest = (rest + piece).split(b"\n\n")
                for block in blocks:
                    self._hear(block.decode())
        finally:
            line.close()

    def _hear(self, block: str) -> None:
        lines = dict(one.split(": ", 1) for one in block.splitlines())
        if "id" not in lines:
            return  # a keep-alive, or a farewell
        data = json.loads(lines["data"])
        with self._news:
            self._last_id = lines["id"]
            self.heard.append((data["order"]["id"], data["event"]))
            self._news.notify_all()
