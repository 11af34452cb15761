"""A broker's OAuth 2.0 over Authlib: the code flow with `state` and PKCE, the exchange, and taking tokens back.

Nothing that fails here quotes what was sent or answered: an exception's text is ours, or the broker's `error`
and `error_description`, which RFC 6749 (5.2) means for people.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from broker_handoff.ports import BrokerRefused, BrokerUnavailable, Granted, OutcomeUnknown
from broker_handoff.vault import Token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authlib.integrations.requests_client import OAuth2Session

SCOPES = ("trading", "data")
TIMEOUT_S = 10
WORDS_MAX = 200  # characters of what a broker says
TOKEN_MAX = 4_000
SERVER_ERROR, TOO_MANY = 500, 429
OK_BELOW = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthConsent:
    """One broker's endpoints, and who we are there. Without `revoke_endpoint` it takes no tokens back."""

    authorize_endpoint: str
    token_endpoint: str
    revoke_endpoint: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str

    @property
    def can_revoke(self) -> bool:
        """Whether the broker takes tokens back over its API."""
        return bool(self.revoke_endpoint)

    def authorize_url(self, *, state: str, code_verifier: str) -> str:
        """Return where the person says yes. A broker that knows no PKCE ignores its two parameters (RFC 6749, 3.1)."""
        url: str
        with self._session() as session:
            url, _ = session.create_authorization_url(
                self.authorize_endpoint, state=state, code_verifier=code_verifier
            )
        return url

    def exchange(self, *, code: str, code_verifier: str) -> Granted:
        """Return the token for a code. Raises BrokerRefused, BrokerUnavailable, OutcomeUnknown."""
        with _told(), self._session() as session:
            answer: dict[str, Any] = session.fetch_token(
                self.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=code_verifier,
                redirect_uri=self.redirect_uri,
                allow_redirects=False,
            )
        token, kind = answer.get("access_token"), answer.get("token_type", "bearer")
        if not isinstance(token, str) or not 0 < len(token) <= TOKEN_MAX or str(kind).lower() != "bearer":
            raise BrokerRefused("the broker's answer holds no bearer token")
        # Not said: as asked for (RFC 6749, 5.1).
        said = answer.get("scope")
        return Granted(
            token=Token(token), scopes=tuple(said.split()) if isinstance(said, str) and said else SCOPES
        )

    def revoke(self, token: Token) -> None:
        """Take a token back. Raises BrokerRefused, BrokerUnavailable, OutcomeUnknown."""
        with _told(), self._session() as session:
            answer = session.revoke_token(
                self.revoke_endpoint,
                token=token.reveal(),
                token_type_hint="access_token",  # noqa: S106 - a word of RFC 7009
                allow_redirects=False,
            )
        if answer.status_code >= SERVER_ERROR or answer.status_code == TOO_MANY:
            raise BrokerUnavailable(f"the broker answered {answer.status_code}")
        if answer.status_code >= OK_BELOW or answer.is_redirect:
            raise BrokerRefused(f"the broker answered {answer.status_code}")

    def _session(self) -> OAuth2Session:
        from authlib.integrations.requests_client import OAuth2Session  # slow to import, and rarely used

        # The client's secret goes in the body, as Alpaca documents it (RFC 6749, 2.3.1).
        return OAuth2Session(
            self.client_id,
            self.client_secret,
            token_endpoint_auth_method="client_secret_post",  # noqa: S106 - a method's name
            revocation_endpoint_auth_method="client_secret_post",
            scope=" ".join(SCOPES),
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )


@contextmanager
def _told() -> Iterator[None]:
    """Tell what goes wrong in our words, without the cause: a request that failed holds what it sent."""
    import requests
    from authlib.integrations.base_client import OAuthError

    try:
        yield
    except OAuthError as error:
        said = ": ".join(str(part) for part in (error.error, error.description) if part)
        raise BrokerRefused(said[:WORDS_MAX], code=str(error.error)[:WORDS_MAX]) from None
    except requests.ConnectTimeout:
        raise BrokerUnavailable("the broker does not answer") from None
    except requests.HTTPError as error:
        status = 0 if error.response is None else error.response.status_code
        raise BrokerUnavailable(f"the broker answered {status}") from None
    except (requests.RequestException, ValueError) as error:
        raise OutcomeUnknown(f"the broker's answer was lost: {type(error).__name__}") from None
