"""Simulation profiles: which there are, which one a name means now, and how a new version is defined.

A version never changes (a trigger sees to it). An account stays with the version that it chose until
it names the profile again, and an order with the one that its account had when it was accepted.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from accounts.services.audit import record, record_all
from matching.engine.types import Model
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import SimulationProfile, TradingAccount
from trading.models.profile import PARTS
from trading.services.audited import profile_chosen, profile_facts

if TYPE_CHECKING:
    from uuid import UUID

    from trading.principal import Principal

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
LATENCY_MAX_MS = 3_600_000
COMMISSION_MAX = Decimal(100)  # dollars a share
SEED_BITS = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What a version of a profile says; rates in parts of 10,000, commission in dollars a share."""

    model: str = Model.DISPLAYED.value
    participation: int = 1_000
    slippage_bps: int = 0
    latency_ms: int = 0
    commission: Decimal = Decimal(0)
    reject_rate: int = 0
    partial_rate: int = 0
    description: str = ""

    @classmethod
    def of(cls, profile: SimulationProfile) -> Parameters:
        """Return those of a stored version."""
        return cls(**{name: getattr(profile, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What came of a definition: the version that now says it, and whether that one is new."""

    profile: SimulationProfile
    is_new: bool


def profile_named(name: str) -> SimulationProfile:
    """Return the newest version of a profile that accounts may choose. Raises ValueInvalid."""
    offered = SimulationProfile.objects.filter(is_offered=True)
    profile = offered.filter(name=name).order_by("-version").first() if name.isprintable() else None
    if profile is None:
        names = ", ".join(sorted(set(offered.values_list("name", flat=True))))
        raise ValueInvalid(f"simulation profile {name[:64]!r} is not one of {names}")
    return profile


def profiles_offered() -> list[SimulationProfile]:
    """Return the newest offered version of each name, by name."""
    offered = SimulationProfile.objects.filter(is_offered=True)
    return list(offered.order_by("name", "-version").distinct("name"))


def every_version() -> list[SimulationProfile]:
    """Return all versions, by name, the newest first: also those that orders of old were filled by."""
    return list(SimulationProfile.objects.order_by("name", "-version"))


def profile_version(name: str, version: int | None) -> SimulationProfile:
    """Return one version of a profile, or the newest offered one. Raises NotFound."""
    found = SimulationProfile.objects.filter(name=name) if name.isprintable() else None
    if found is not None:
        found = found.filter(is_offered=True) if version is None else found.filter(version=version)
    profile = None if found is None else found.order_by("-version").first()
    if profile is None:
        asked = name[:64] if version is None else f"{name[:64]} version {version}"
        raise NotFound(f"simulation profile not found for {asked}")
    return profile


def profile_of_account(principal: Principal) -> SimulationProfile:
    """Return the version that the account's new orders get. Raises TradingAccount.DoesNotExist."""
    mine = TradingAccount.objects.owned_by(principal).select_related("profile")
    return mine.get(pk=principal.account_id).profile


@transaction.atomic(durable=True)
def choose_profile(*, principal: Principal, name: str) -> SimulationProfile:
    """Let the account's new orders be filled by the newest version of a profile; older orders keep theirs.

    Raises ValueInvalid for a name that is not offered, RuleBroken for an account that is closed.
    """
    profile = profile_named(name)
    mine = TradingAccount.objects.owned_by(principal).filter(pk=principal.account_id)
    ended = (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED)
    locked = mine.exclude(status__in=ended).select_for_update(of=("self",), no_key=True)
    account = locked.select_related("profile").first()
    if account is None:
        raise RuleBroken("the account is closed")
    if account.profile != profile:
        mine.update(profile=profile)
        record_all([profile_chosen(account, profile)])
    return profile


def seed_of(account_id: UUID) -> int:
    """Return the seed of an account's random draws: nothing secret, and the same for ever."""
    return int.from_bytes(sha256(account_id.bytes).digest()[:8]) >> (64 - SEED_BITS)


def next_definition(name: str, changes: dict[str, Any], *, using: str = "default") -> Definition:
    """Return what defining `changes` would come to, storing nothing.

    What is not named stays as in the newest version, or is the default of a new name.
    Raises ValueInvalid.
    """
    if not NAME.fullmatch(name):
        raise ValueInvalid(f"name {name[:64]!r} is not 1 to 32 lower-case letters, digits and inner hyphens")
    newest = SimulationProfile.objects.using(using).filter(name=name).order_by("-version").first()
    before = Parameters() if newest is None else Parameters.of(newest)
    wanted = Parameters(**{**asdict(before), **changes})
    _require(wanted)
    if newest is not None and newest.is_offered and wanted == before:
        return Definition(profile=newest, is_new=False)
    version = 1 if newest is None else newest.version + 1
    return Definition(profile=SimulationProfile(name=name, version=version, **asdict(wanted)), is_new=True)


def define_profile(
    *, name: str, changes: dict[str, Any], reason: str = "", using: str = "default"
) -> Definition:
    """Store the next version of a profile, or its first; one that says nothing new is not stored again.

    Raises ValueInvalid, and RuleBroken when somebody else defines the same version now.
    """
    with transaction.atomic(using=using, durable=True):
        definition = next_definition(name, changes, using=using)
        if definition.is_new:
            try:
                with transaction.atomic(using=using):
                    definition.profile.save(using=using, force_insert=True)
            except IntegrityError:
                raise RuleBroken(f"{definition.profile} has just been defined by somebody else") from None
            said = {**profile_facts(definition.profile), **asdict(Parameters.of(definition.profile))}
            record(action="profile.defined", user_id=None, after=said, reason=reason, using=using)
    return definition


@transaction.atomic(durable=True)
def withdraw_profile(*, name: str, is_trial: bool = False) -> int:
    """Offer no version of a profile any more, and return how many were offered.

    Accounts that have it keep it. A trial keeps nothing. Raises NotFound for a name that never was.
    """
    versions = SimulationProfile.objects.filter(name=name)
    if not versions.exists():
        raise NotFound(f"simulation profile not found for {name[:64]}")
    withdrawn = versions.filter(is_offered=True).update(is_offered=False)
    if withdrawn:
        record(action="profile.withdrawn", user_id=None, before={"name": name, "versions_offered": withdrawn})
    transaction.set_rollback(is_trial)
    return withdrawn


def _require(wanted: Parameters) -> None:
    if wanted.model not in set(Model):
        raise ValueInvalid(f"model {wanted.model[:64]!r} is not one of {', '.join(Model)}")
    for rate in ("participation", "slippage_bps", "reject_rate", "partial_rate"):
        if not 0 <= getattr(wanted, rate) <= PARTS:
            raise ValueInvalid(
                f"{rate} {getattr(wanted, rate)} is not between 0 and {PARTS} parts of {PARTS}"
            )
    if wanted.model == Model.BARS and not wanted.participation:
        raise ValueInvalid("participation 0 of the model bars would fill nothing, ever")
    if not 0 <= wanted.latency_ms <= LATENCY_MAX_MS:
        raise ValueInvalid(f"latency_ms {wanted.latency_ms} is not between 0 and {LATENCY_MAX_MS}")
    if not 0 <= wanted.commission <= COMMISSION_MAX:
        raise ValueInvalid(
            f"commission {wanted.commission} is not between 0 and {COMMISSION_MAX} dollars a share"
        )
    if wanted.commission != round(wanted.commission, 4):
        raise ValueInvalid(f"commission {wanted.commission} is finer than 1/10,000 dollar a share")
    length_max = SimulationProfile._meta.get_field("description").max_length  # noqa: SLF001 - Django's documented way to a field
    if length_max is not None and len(wanted.description) > length_max:
        raise ValueInvalid(
            f"the description has {len(wanted.description)} characters, and may have {length_max}"
        )
