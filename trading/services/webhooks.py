"""Make, change and delete webhook endpoints, and read what became of their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.services.audit import record
from accounts.tiers import allowance
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import TradingAccount, WebhookDelivery, WebhookEndpoint
from trading.webhooks.addresses import target_of
from trading.webhooks.signing import secret_of

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from trading.principal import Principal

DESCRIPTION_MAX = 200  # characters


def endpoints(*, principal: Principal) -> QuerySet[WebhookEndpoint]:
    """Return the account's endpoints, oldest first."""
    return _mine(principal).order_by("created_at", "pk")


def endpoint(*, principal: Principal, endpoint_id: UUID) -> WebhookEndpoint:
    """Return one endpoint. Raises NotFound."""
    return _found(_mine(principal), endpoint_id)


@transaction.atomic(durable=True)
def create_endpoint(*, principal: Principal, url: str, description: str) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint that hears every event from now on, and return it with its secret.

    Raises ValueInvalid, RuleBroken when the tier allows no more.
    """
    _require(url, description)
    now_at = _locked_account(principal).event_seq
    most = allowance(principal.tier).webhooks
    if _mine(principal).count() >= most:
        raise RuleBroken(f"your tier allows {most} webhook endpoints for an account")
    made = WebhookEndpoint.objects.create(
        user_id=principal.user_id,
        account_id=principal.account_id,
        url=url,
        description=description,
        cursor=now_at,
    )
    _tell(made, "created", details={"url": url, "description": description})
    return made, secret_of(made.pk, made.secret_version)


@transaction.atomic(durable=True)
def change_endpoint(
    *,
    principal: Principal,
    endpoint_id: UUID,
    url: str | None = None,
    description: str | None = None,
    is_enabled: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; None leaves a field. Enabling tries what waits at once.

    Raises NotFound, ValueInvalid, RuleBroken when as many are enabled as the tier allows.
    """
    _require(url, description)
    if is_enabled:
        _locked_account(principal)
    found = _found(_mine(principal).select_for_update(), endpoint_id)
    before = _settings(found)
    if url is not None:
        found.url = url
    if description is not None:
        found.description = description
    if is_enabled is False and found.disabled_at is None:
        found.disabled_at, found.disabled_reason = timezone.now(), "disabled by its owner"
    if is_enabled:
        if found.disabled_at is not None:
            _require_room(principal)
        found.disabled_at, found.disabled_reason, found.failures = None, "", 0
        found.next_attempt_at = timezone.now()
    found.save(
        update_fields=[
            "url", "description", "disabled_at", "disabled_reason", "failures", "next_attempt_at",
        ]
    )  # fmt: skip
    after = _settings(found)
    if after != before:
        changed = sorted(name for name in after if after[name] != before[name])
        _tell(found, "changed", after={"changed": changed}, details={"before": before, "after": after})
    return found


@transaction.atomic(durable=True)
def rotate_secret(*, principal: Principal, endpoint_id: UUID) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint another secret, from its next message on, and return it. Raises NotFound."""
    found = _found(_mine(principal).select_for_update(), endpoint_id)
    found.secret_version += 1
    found.save(update_fields=["secret_version"])
    _tell(found, "secret_rotated", after={"secret_version": found.secret_version})
    return found, secret_of(found.pk, found.secret_version)


@transaction.atomic(durable=True)
def ask_for_ping(*, principal: Principal, endpoint_id: UUID) -> WebhookEndpoint:
    """Ask for a test message, before any event that waits. Raises NotFound, RuleBroken when it is disabled."""
    found = _found(_mine(principal).select_for_update(), endpoint_id)
    if found.disabled_at is not None:
        raise RuleBroken(f"the endpoint is disabled: {found.disabled_reason}")
    found.pinged_at = found.next_attempt_at = timezone.now()
    found.save(update_fields=["pinged_at", "next_attempt_at"])
    return found


@transaction.atomic(durable=True)
def delete_endpoint(*, principal: Principal, endpoint_id: UUID) -> None:
    """Stop sending; what was delivered stays on record. Raises NotFound."""
    found = _found(_mine(principal).select_for_update(), endpoint_id)
    found.deleted_at = timezone.now()
    found.save(update_fields=["deleted_at"])
    _tell(found, "deleted")


def deliveries(
    *, principal: Principal, endpoint_id: UUID, limit: int, before: int | None
) -> list[WebhookDelivery]:
    """Return an endpoint's attempts, newest first, those before id `before` where given. Raises NotFound."""
    found = endpoint(principal=principal, endpoint_id=endpoint_id)
    mine = WebhookDelivery.objects.owned_by(principal, principal.account_id).filter(endpoint=found)
    if before is not None:
        mine = mine.filter(pk__lt=before)
    return list(mine.order_by("-pk")[:limit])


@transaction.atomic(durable=True)
def replay_own(*, principal: Principal, endpoint_id: UUID, from_seq: int) -> tuple[WebhookEndpoint, int]:
    """Send an endpoint's events again from `from_seq` on; return it, and how many those are.

    Raises NotFound, ValueInvalid for an event that is not kept or not delivered yet, RuleBroken when it is disabled.
    """
    account = _locked_account(principal)
    found = _found(_mine(principal).select_for_update(), endpoint_id)
    if found.disabled_at is not None:
        raise RuleBroken(f"the endpoint is disabled: {found.disabled_reason}")
    _require_kept(found, account, from_seq)
    _move_back(found, from_seq)
    return found, account.event_seq - (from_seq - 1)


@transaction.atomic(durable=True)
def replay(*, endpoint_id: UUID, from_seq: int, is_dry: bool = False) -> int:
    """Move an endpoint back, so that its events from `from_seq` on are sent again; return how many those are.

    For operators: it asks for nobody's leave. A disabled endpoint is enabled. Raises NotFound, ValueInvalid.
    """
    everybodys = WebhookEndpoint.objects.across_owners().filter(deleted_at=None)
    found = _found(everybodys.select_related("account").select_for_update(of=("self",)), endpoint_id)
    _require_kept(found, found.account, from_seq)
    if not is_dry:
        _move_back(found, from_seq)
    return found.account.event_seq - (from_seq - 1)


def _require_kept(found: WebhookEndpoint, account: TradingAccount, from_seq: int) -> None:
    first = account.history_seq + 1
    if not first <= from_seq <= found.cursor + 1:
        raise ValueInvalid(
            f"from-seq {from_seq} is not between {first} and {found.cursor + 1}, what comes next"
        )


def _move_back(found: WebhookEndpoint, from_seq: int) -> None:
    was_at = {"cursor": found.cursor, "is_enabled": found.disabled_at is None}
    found.cursor, found.failures, found.next_attempt_at = from_seq - 1, 0, timezone.now()
    found.disabled_at, found.disabled_reason = None, ""
    found.lease = found.leased_until = None  # whoever is at it now must not move it on
    found.save(
        update_fields=[
            "cursor", "failures", "next_attempt_at", "disabled_at", "disabled_reason", "lease", "leased_until",
        ]
    )  # fmt: skip
    _tell(found, "replayed", before=was_at, after={"cursor": found.cursor, "is_enabled": True})


def _mine(principal: Principal) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.owned_by(principal, principal.account_id).filter(deleted_at=None)


def _found(mine: QuerySet[WebhookEndpoint], endpoint_id: UUID) -> WebhookEndpoint:
    found = mine.filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound(f"webhook not found for {endpoint_id}")
    return found


def _settings(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return what its owner has said; an address may hold a person's name or a token."""
    return {
        "url": endpoint.url,
        "description": endpoint.description,
        "is_enabled": endpoint.disabled_at is None,
    }


def _tell(
    endpoint: WebhookEndpoint,
    what: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Append to the audit log what happened to an endpoint."""
    record(
        action=f"webhook.{what}",
        user_id=endpoint.user_id,
        account_id=endpoint.account_id,
        before=before,
        after={"endpoint_id": endpoint.pk, **(after or {})},
        details=details,
    )


def _locked_account(principal: Principal) -> TradingAccount:
    """Lock the account, before its endpoints, so that two at once cannot both be the last that is allowed."""
    mine = TradingAccount.objects.owned_by(principal).select_for_update(no_key=True)
    return mine.get(pk=principal.account_id)


def _require_room(principal: Principal) -> None:
    """Refuse one more enabled endpoint than the tier allows: since a downgrade there may be more."""
    most = allowance(principal.tier).webhooks
    if _mine(principal).filter(disabled_at=None).count() >= most:
        raise RuleBroken(
            f"your tier allows {most} enabled webhook endpoints for an account; disable another first"
        )


def _require(url: str | None, description: str | None) -> None:
    if url is not None:
        target_of(url, allows_plain=not settings.IS_PRODUCTION)
    if description is not None and (len(description) > DESCRIPTION_MAX or not description.isprintable()):
        raise ValueInvalid(f"description must be at most {DESCRIPTION_MAX} printable characters")
