"""A browser with a passkey device, which walks the whole way over HTTP."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.accounts.authenticator import Authenticator
from tests.factories.people import CSRF, as_web

if TYPE_CHECKING:
    from datetime import timedelta

    from accounts.models import Session

LINK = re.compile(r"http://localhost:8000/(?:sign-up|enrol)/(\S+)")


@dataclass
class Page:
    """Our pages in one browser. Every request is served by the role that serves people, CSRF enforced."""

    device: Authenticator = field(default_factory=Authenticator)
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("post", path, {} if body is None else body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if settings.CSRF_COOKIE_NAME not in self.client.cookies:
            self.client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
        token = self.client.cookies[settings.CSRF_COOKIE_NAME].value
        content = "" if body is None else json.dumps(body)
        with as_web():
            return self.client.generic(
                method.upper(), path, content, "application/json", headers={"X-CSRFToken": token, **headers}
            )

    def get(self, path: str) -> Any:
        with as_web():
            return self.client.get(path)

    def sign_up(self, email: str = "person@example.com", name: str = "") -> User:
        """Go the whole way in, from the address to the session."""
        assert self.post("/auth/sign-up", {"email": email}).status_code == 202
        answer = self.enrol(token_of(email), name=name)
        assert answer.status_code == 201, answer.content
        return User.objects.get(email=email)

    def enrol(self, token: str = "", *, name: str = "", **lies: Any) -> Any:
        """Make a first passkey for a link, or in a session that may only enrol."""
        begun = self.post("/auth/enrol/begin", {"token": token})
        if begun.status_code != 200:
            return begun
        made = self.device.create(begun.json(), **lies)
        return self.post("/auth/enrol/complete", {"credential": made, "name": name})

    def log_in(self, **lies: Any) -> Any:
        options = self.post("/auth/log-in/begin").json()
        return self.post("/auth/log-in/complete", {"credential": self.device.get(options, **lies)})

    def step_up(self, digest: str = "", **lies: Any) -> Any:
        begun = self.post("/auth/step-up/begin", {"digest": digest})
        if begun.status_code != 200:
            return begun
        return self.post("/auth/step-up/complete", {"credential": self.device.get(begun.json(), **lies)})

    def add_passkey(self, device: Authenticator, name: str = "another", **lies: Any) -> Any:
        """Add a passkey of another device to the person who is signed in."""
        options = self.post("/raxx/v1/passkeys/begin")
        if options.status_code != 200:
            return options
        made = device.create(options.json(), **lies)
        return self.post("/raxx/v1/passkeys/complete", {"credential": made, "name": name})

    def who(self) -> Any:
        return self.get("/auth/session")

    def is_in(self) -> bool:
        return self.who().status_code == 200

    def fresh_for(self) -> timedelta:
        """Return for how long the session is fresh yet."""
        until = self.session().fresh_until
        assert until is not None
        return until - timezone.now()

    def session(self) -> Session:
        from tests.factories.people import session_with

        return session_with(self.client.cookies[settings.SESSION_COOKIE_NAME].value)


def token_of(email: str) -> str:
    """Return the token of the link that was mailed last to an address."""
    texts = [str(message.body) for message in mail.outbox if message.to == [email]]
    found = [match.group(1) for text in texts if (match := LINK.search(text))]
    return found[-1]


def reason_of(answer: Any) -> tuple[int, str]:
    """Return status and message of a refusal."""
    return answer.status_code, answer.json()["message"]
