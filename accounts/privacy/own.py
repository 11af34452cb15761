"""What this app keeps of people, and the libraries that it uses for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.privacy.keepers import Holding, Keeper

if TYPE_CHECKING:
    from accounts.privacy.keepers import EraseSome

_OF_SUBJECT = "t.subject = %(user)s"

HOLDINGS = (
    Holding(
        table="accounts_user", words="You: your address, your tier, since when.", whose="t.id = %(user)s"
    ),
    Holding(
        table="accounts_session",
        words="Where you were signed in, in the last thirty days.",
        left_out=frozenset({"key_hash"}),
    ),
    Holding(
        table="accounts_assertion",
        words="Confirmations by passkey for one thing each, not used yet.",
        left_out=frozenset({"digest"}),
    ),
    Holding(
        table="django_otp_webauthn_webauthncredential",
        words="Your passkeys: their public halves. The secret ones never leave your devices.",
    ),
    Holding(
        table="django_otp_webauthn_webauthnattestation",
        words="What the makers of your passkeys said of them.",
        whose=(
            "t.credential_id in (select p.id from django_otp_webauthn_webauthncredential p"
            " where p.user_id = %(user)s)"
        ),
    ),
    Holding(
        table="django_otp_webauthn_webauthnuserhandle",
        words="The name that your passkeys know you by: chance, made for that.",
    ),
    Holding(
        table="accounts_recoverycodes",
        words="How many recovery codes you have left.",
        left_out=frozenset({"digests"}),
        figures={"unused_codes": "cardinality(t.digests)"},
    ),
    Holding(
        table="accounts_passkeyreset",
        words="Resets of your passkeys by the people who run the installation.",
        left_out=frozenset({"asked_by_id", "approved_by_id"}),
    ),
    Holding(table="accounts_tierchange", words="How your tier changed."),
    Holding(
        table="accounts_apikey",
        words="Your API keys. Their secrets are kept by nobody but you.",
        left_out=frozenset({"secret_hash"}),
    ),
    Holding(
        table="accounts_auditentry",
        words="What was done to your access, your money and your settings, by whom; each with the hash of the one before.",
        whose=_OF_SUBJECT,
    ),
    Holding(
        table="accounts_auditdetail",
        words="The personal part of that: an entry's details_digest says which is whose.",
        whose=_OF_SUBJECT,
        left_out=frozenset({"salt"}),
    ),
    Holding(
        table="accounts_export",
        words="Archives such as this one.",
        left_out=frozenset({"token_hash", "file"}),
    ),
    Holding(table="accounts_erasure", words="Your wishes to be erased."),
    Holding(
        table="accounts_user_groups",
        words="Groups of the staff that you are in.",
        figures={"group_name": "(select g.name from auth_group g where g.id = t.group_id)"},
    ),
    Holding(
        table="accounts_user_user_permissions",
        words="What you may do as a member of the staff.",
        figures={"permission": "(select p.codename from auth_permission p where p.id = t.permission_id)"},
    ),
    Holding(
        table="guardian_userobjectpermission",
        words="The same, of one thing each.",
        figures={"permission": "(select p.codename from auth_permission p where p.id = t.permission_id)"},
    ),
    Holding(
        table="django_admin_log",
        words="What you did as a member of the staff; not with whom.",
        left_out=frozenset({"object_id", "object_repr", "change_message"}),
    ),
)


def keeper(erase_some: EraseSome) -> Keeper:
    """Return this app as a keeper."""
    return Keeper(app="accounts", holdings=HOLDINGS, erase_some=erase_some)
