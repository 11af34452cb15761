"""The library's ceremonies, hardened: user verification always, the right person's handle, the counter.

Source: Web Authentication Level 3, sections 7.1 (registering) and 7.2 (verifying an assertion).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle
from webauthn import base64url_to_bytes, verify_authentication_response
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import InvalidAuthenticationResponse
from webauthn.helpers.structs import PublicKeyCredentialUserEntity, UserVerificationRequirement

from accounts.errors import PasskeyRefused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User


class SignCountFell(PasskeyRefused):
    """A passkey signed, and counted less than it had before: there are two of it, or it was put back.

    `seen` is the count that it showed; `passkey` is its row, whose count stays what it was.
    """

    def __init__(self, passkey: WebAuthnCredential, seen: int) -> None:
        super().__init__("the passkey was not accepted")
        self.passkey = passkey
        self.seen = seen


class PasskeyHelper(WebAuthnHelper):  # type: ignore[misc] # the library has no types
    """Every ceremony of ours goes through one of these.

    `handle` is that of a person who has no row yet; `excludes` says whether a device that holds one of the
    person's passkeys may not make another (not where the old ones are about to end).
    """

    def __init__(
        self, request: HttpRequest | None = None, *, handle: bytes | None = None, excludes: bool = True
    ) -> None:
        super().__init__(request)
        self._handle = handle
        self._excludes = excludes

    def get_user_entity(self, user: User) -> PublicKeyCredentialUserEntity:
        """Return who the passkey is for, with the handle that it keeps."""
        handle = WebAuthnUserHandle.get_handle_for_user(user) if self._handle is None else self._handle
        return PublicKeyCredentialUserEntity(id=handle, name=user.email, display_name=user.email)

    def get_generate_registration_options_kwargs(self, *, user: User) -> dict[str, Any]:
        """Ask for user verification, which the library only prefers."""
        asked: dict[str, Any] = super().get_generate_registration_options_kwargs(user=user)
        asked["authenticator_selection"].user_verification = UserVerificationRequirement.REQUIRED
        asked["exclude_credentials"] = _descriptors(user) if self._excludes else []
        return asked

    def get_generate_authentication_options_kwargs(
        self,
        *,
        user: User | None = None,
        require_user_verification: bool,  # noqa: ARG002 - always, whatever the library thinks
    ) -> dict[str, Any]:
        """Ask for user verification also of who is signed in, and only for passkeys that are on."""
        asked: dict[str, Any] = super().get_generate_authentication_options_kwargs(
            user=None, require_user_verification=True
        )
        if user is not None:
            asked["allow_credentials"] = _descriptors(user)
        return asked

    def authenticate_complete(
        self, user: User | None, state: dict[str, Any], data: dict[str, Any]
    ) -> WebAuthnCredential:
        """Return the passkey that signed, and keep its count; within the caller's transaction.

        Raises PasskeyRefused for another person's handle and SignCountFell; else as the library does.
        """
        answer = parse_authentication_credential_json(data)
        # Locked, so that two answers of one passkey are counted one after the other.
        passkey = (
            WebAuthnCredential.objects.select_for_update(of=("self",))
            .filter(credential_id_sha256=WebAuthnCredential.get_credential_id_sha256(answer.raw_id))
            .first()
        )
        if passkey is None:
            raise PasskeyRefused("the passkey was not accepted")
        given = answer.response.user_handle
        if given is None and user is None:
            raise PasskeyRefused("the passkey was not accepted")  # not discoverable: it names nobody
        if given is not None and given != WebAuthnUserHandle.get_handle_for_user(passkey.user):
            raise PasskeyRefused("the passkey was not accepted")
        try:
            return super().authenticate_complete(user, state, data)
        except InvalidAuthenticationResponse:
            self._look_at_count(passkey, state, data)
            raise

    def _look_at_count(
        self, passkey: WebAuthnCredential, state: dict[str, Any], data: dict[str, Any]
    ) -> None:
        """Raise SignCountFell where the count is all that is wrong.

        The library looks at the count before the signature, so its refusal alone proves nothing: anybody
        who knows a passkey's id can claim a low count. Here the signature has been verified.
        """
        verified = verify_authentication_response(
            credential=data,
            credential_current_sign_count=0,
            credential_public_key=passkey.public_key,
            expected_challenge=base64url_to_bytes(state["challenge"]),
            expected_rp_id=self.get_relying_party_domain(),
            expected_origin=self.get_allowed_origins(),
            require_user_verification=True,
        )
        raise SignCountFell(passkey, verified.new_sign_count)


def _descriptors(user: User) -> list[Any]:
    """Return the person's passkeys that are on, the last used one first, as a browser is told of them."""
    mine = WebAuthnCredential.objects.filter(user=user, confirmed=True)
    return list(mine.order_by("-last_used_at", "pk").as_credential_descriptors())


def challenge_life_s() -> int:
    """Return how many seconds a challenge may be answered, which is what the browser is told as well."""
    return int(settings.OTP_WEBAUTHN_TIMEOUT_SECONDS)
