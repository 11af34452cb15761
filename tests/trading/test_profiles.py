"""Simulation profiles as rows: versions that never change, and `manage.py create_profile`."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models.user import new_id
from raxx import roles
from tests.factories.rows import make_market
from tests.trading.walls import refused, sql
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import SimulationProfile, TradingAccount
from trading.services import profiles
from trading.services.profiles import define_profile, next_definition, seed_of, withdraw_profile

if TYPE_CHECKING:
    from tests.trading.walls import AsRole

pytestmark = pytest.mark.django_db


def create(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    call_command("create_profile", "--json", *arguments)
    return json.loads(capsys.readouterr().out)


def versions() -> list[tuple[str, int]]:
    return [(each.name, each.version) for each in profiles.every_version()]


NAMES = ["aggressive", "bars", "conservative", "displayed", "instant", "mid"]
PLAIN = [(name, 1) for name in NAMES]


@pytest.mark.parametrize(
    "change",
    [
        "slippage_bps = 1",
        "name = 'other'",
        "version = 7",
        "model = 'instant'",
        "commission = 1",
        "created_at = now()",
    ],
)
def test_a_version_cannot_be_changed(change: str) -> None:
    before = sql("select * from trading_simulationprofile order by id")

    with refused("version 1 of simulation profile bars cannot be changed: define the next one"):
        sql(f"update trading_simulationprofile set {change} where name = 'bars'")

    assert sql("select * from trading_simulationprofile order by id") == before


def test_a_version_cannot_be_deleted() -> None:
    with refused("version 1 of simulation profile bars cannot be changed"):
        sql("delete from trading_simulationprofile where name = 'bars'")

    assert versions() == PLAIN


def test_whether_a_version_is_offered_may_change() -> None:
    sql("update trading_simulationprofile set is_offered = false where name = 'bars'")

    assert [profile.name for profile in profiles.profiles_offered()] == [
        name for name in NAMES if name != "bars"
    ]


def test_support_defines_and_withdraws_and_can_change_nothing_else(as_role: AsRole) -> None:
    with as_role(roles.SUPPORT):
        SimulationProfile.objects.create(name="support", model="instant")
        sql("update trading_simulationprofile set is_offered = false where name = 'support'")
        with refused("permission denied"):
            sql("update trading_simulationprofile set slippage_bps = 1 where name = 'support'")
        with refused("permission denied"):
            sql("delete from trading_simulationprofile where name = 'support'")

    assert ("support", 1) in versions()


@pytest.mark.parametrize("role", [roles.APP, roles.WORKER])
def test_who_serves_and_who_matches_read_profiles_alone(as_role: AsRole, role: str) -> None:
    with as_role(role):
        assert versions() == PLAIN
        for act in (
            "delete from trading_simulationprofile",
            "update trading_simulationprofile set is_offered = false",
        ):
            with refused("permission denied"):
                sql(act)


def test_the_next_version_keeps_what_is_not_named() -> None:
    define_profile(name="careful", changes={"slippage_bps": 2, "latency_ms": 50})

    second = define_profile(name="careful", changes={"latency_ms": 10, "commission": Decimal("0.005")})

    stored = SimulationProfile.objects.get(name="careful", version=2)
    assert second.is_new
    assert (stored.slippage_bps, stored.latency_ms, stored.commission) == (2, 10, Decimal("0.0050"))
    assert SimulationProfile.objects.get(name="careful", version=1).latency_ms == 50


def test_saying_the_same_again_makes_no_new_version() -> None:
    define_profile(name="careful", changes={"slippage_bps": 2, "commission": Decimal("0.01")})

    again = define_profile(name="careful", changes={"slippage_bps": 2})

    assert (again.is_new, again.profile.version) == (False, 1)
    assert versions().count(("careful", 1)) == 1


def test_a_withdrawn_name_comes_back_as_its_next_version() -> None:
    define_profile(name="careful", changes={"slippage_bps": 2})

    assert withdraw_profile(name="careful") == 1
    assert withdraw_profile(name="careful") == 0

    assert define_profile(name="careful", changes={}).profile.version == 2
    assert profiles.profile_named("careful").version == 2


@pytest.mark.parametrize(
    ("name", "changes", "fact"),
    [
        ("Careful", {}, "name 'Careful'"),
        ("-x", {}, "name '-x'"),
        ("x" * 33, {}, "is not 1 to 32"),
        ("a\0b", {}, "is not 1 to 32"),
        ("x", {"model": "magic"}, "model 'magic' is not one of displayed, instant, bars"),
        ("x", {"slippage_bps": 10_001}, "slippage_bps 10001 is not between 0 and 10000"),
        ("x", {"reject_rate": -1}, "reject_rate -1"),
        ("x", {"model": "bars", "participation": 0}, "would fill nothing, ever"),
        ("x", {"latency_ms": 3_600_001}, "latency_ms 3600001"),
        ("x", {"commission": Decimal("0.00001")}, "finer than 1/10,000 dollar"),
        ("x", {"commission": Decimal(-1)}, "commission -1"),
        ("x", {"description": "y" * 401}, "the description has 401 characters"),
    ],
)
def test_what_no_engine_could_work_is_refused(name: str, changes: dict[str, Any], fact: str) -> None:
    with pytest.raises(ValueInvalid, match=fact):
        next_definition(name, changes)
    assert versions() == PLAIN


def test_of_two_who_define_the_same_version_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    define_profile(name="careful", changes={"slippage_bps": 2})
    stale = profiles.Definition(
        profile=SimulationProfile(name="careful", version=1, model="instant"), is_new=True
    )
    monkeypatch.setattr(profiles, "next_definition", lambda _name, _changes, **_: stale)

    with pytest.raises(RuleBroken, match="careful v1 has just been defined by somebody else"):
        define_profile(name="careful", changes={"model": "instant"})

    assert SimulationProfile.objects.get(name="careful").model == "displayed"


def test_nothing_that_never_was_can_be_withdrawn() -> None:
    with pytest.raises(NotFound, match="not found for nothing"):
        withdraw_profile(name="nothing")


def test_the_seed_of_an_account_is_its_own_and_never_changes() -> None:
    account_id = new_id()

    assert seed_of(account_id) == seed_of(account_id) != seed_of(new_id())
    assert 0 <= seed_of(account_id) < 2**63


def test_a_new_account_has_the_seed_of_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    make_market(is_active=True)

    call_command("create_account", "--json", "--email", "ann@example.com")

    account = TradingAccount.objects.get(pk=json.loads(capsys.readouterr().out)["account_id"])
    assert account.seed == seed_of(account.pk) != 0


# The command


def test_a_profile_is_defined_by_command_and_its_next_version_too(capsys: pytest.CaptureFixture[str]) -> None:
    first = create(capsys, "--name", "careful", "--slippage-bps", "2", "--reject-rate", "0.01")
    second = create(capsys, "--name", "careful", "--commission", "0.005")
    again = create(capsys, "--name", "careful", "--commission", "0.005")

    assert [(made["version"], made["is_new"], made["is_stored"]) for made in (first, second, again)] == [
        (1, True, True),
        (2, True, True),
        (2, False, True),
    ]
    assert second["parameters"] == {
        "participation": "0.1",
        "slippage_bps": 2,
        "latency_ms": 0,
        "commission": "0.005",
        "reject_rate": "0.01",
        "partial_rate": "0",
    }


def test_a_dry_run_says_what_would_be_and_defines_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    made = create(capsys, "--name", "careful", "--model", "instant", "--dry-run")

    assert (made["name"], made["model"], made["is_new"], made["is_stored"]) == (
        "careful",
        "instant",
        True,
        False,
    )
    assert versions() == PLAIN


def test_a_person_reads_what_was_defined_listed_and_withdrawn(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--name", "careful", "--latency-ms", "50", "--description", "Slow."],
        ["--name", "careful", "--latency-ms", "50"],
        ["--name", "careful", "--withdraw"],
        ["--list"],
    ):
        call_command("create_profile", *arguments)

    told = capsys.readouterr().out
    assert "careful v1 is defined" in told
    assert "  latency_ms     50" in told
    assert "careful v1 says this already: nothing to define" in told
    assert "careful: 1 version withdrawn" in told
    assert "participation=0.1 slippage_bps=0 latency_ms=50" in told
    assert told.rstrip().endswith("partial_rate=0")
    assert "(withdrawn)" in told


def test_every_version_is_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert [(each["name"], each["version"]) for each in create(capsys, "--list")] == PLAIN


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ([], "one of the arguments --name --list is required"),
        (["--name", "x", "--list"], "not allowed with argument"),
        (["--name", "x", "--reject-rate", "1.5"], "not a fraction from 0 to 1"),
        (["--name", "x", "--reject-rate", "0.00001"], "not a fraction from 0 to 1"),
        (["--name", "x", "--commission", "much"], "'much' is not a number"),
        (["--name", "x", "--commission", "nan"], "'nan' is not a number"),
        (["--name", "X"], "name 'X' is not"),
        (["--name", "nothing", "--withdraw"], "not found for nothing"),
        (["--name", "bars", "--withdraw", "--latency-ms", "5"], "--latency-ms cannot be used together"),
        (["--list", "--dry-run"], "--dry-run cannot be used together"),
    ],
)
def test_what_cannot_be_is_refused_in_words(arguments: list[str], fact: str) -> None:
    with pytest.raises(CommandError, match=fact):
        call_command("create_profile", *arguments)
    assert versions() == PLAIN


def test_the_help_teaches_models_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("create_profile", "--help")

    told = capsys.readouterr().out
    for word in ("displayed", "instant", "bars", "--dry-run", "create_profile --list"):
        assert word in told
