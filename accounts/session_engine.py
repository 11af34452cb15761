"""Django's session of a request, as far as Django needs one (setting SESSION_ENGINE)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import Session
from accounts.models.user import session_hash
from accounts.sessions import end_sessions, living_session

if TYPE_CHECKING:
    from accounts.sessions import LivingSession

BACKEND = "django_otp_webauthn.backends.WebAuthnBackend"
NEVER_HERE = "a session begins with accounts.sessions.begin_session, which knows by which passkey"


class SessionStore(SessionBase):
    """What Django reads of a session: who it is and by which passkey. What is put into it is forgotten."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.living: LivingSession | None = living_session(session_key) if session_key else None

    def load(self) -> dict[str, Any]:
        """Return the dictionary that stands for the row."""
        session = self.living
        if session is None or session.passkey_id is None or session.is_leaving:
            return {}  # nobody, to Django: such a session opens none of its pages, nor the admin
        return {
            SESSION_KEY: str(session.user_id),
            BACKEND_SESSION_KEY: BACKEND,
            HASH_SESSION_KEY: session_hash(session.user_id, session.epoch),
            DEVICE_ID_SESSION_KEY: WebAuthnCredential(pk=session.passkey_id).persistent_id,
        }

    def is_empty(self) -> bool:
        """Say whether there is no such session."""
        return self.living is None

    def exists(self, session_key: str) -> bool:
        """Say whether this is the key of a living session."""
        return living_session(session_key) is not None

    def save(self, must_create: bool = False) -> None:  # noqa: FBT002 - Django's signature
        """Keep nothing: the row is all there is."""

    def create(self) -> NoReturn:
        """Refuse."""
        raise NotImplementedError(NEVER_HERE)

    def cycle_key(self) -> NoReturn:
        """Refuse: Django's own `login` would begin here."""
        raise NotImplementedError(NEVER_HERE)

    def delete(self, session_key: str | None = None) -> None:
        """End the session: Django's own `logout` comes here."""
        if self.living is not None and session_key in {None, self.session_key}:
            end_sessions(self.living, only=[self.living.id], reason=Session.End.LOGGED_OUT)
            self.living = None

    @classmethod
    def clear_expired(cls) -> None:
        """Do nothing: `accounts.tasks` sweeps the rows."""
