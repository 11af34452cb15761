"""What the API's code may not do: reach owned rows by another way than through their owner."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.urls import get_resolver

from accounts.api.base import SessionAuthentication, SessionView
from accounts.querysets import OwnedQuerySet
from tests.factories.sessions import owned_tables
from trading.api.base import ApiView, KeyAuthentication, PersonAuthentication

ROOT = Path(__file__).resolve().parents[2]
# What serves a person's request; services for commands and for operators work across owners.
SERVING = [
    *sorted((ROOT / "trading/api").glob("*.py")),
    *sorted((ROOT / "accounts/api").glob("*.py")),
    ROOT / "accounts/sessions.py",
    ROOT / "accounts/step_up.py",
    ROOT / "accounts/services/own_sessions.py",
    ROOT / "trading/selectors.py",
    ROOT / "trading/reference.py",
    ROOT / "trading/principal.py",
    ROOT / "trading/seen.py",
    *(ROOT / "trading/services" / name for name in ("orders.py", "reserve.py", "ticket.py", "submission.py")),
    *(ROOT / "trading/services" / name for name in ("explanations.py", "profiles.py", "estimate.py")),
    *(
        ROOT / "trading/services" / name
        for name in (
            "activities.py",
            "closing.py",
            "configuration.py",
            "own_accounts.py",
            "portfolio.py",
            "watchlists.py",
        )
    ),
    *sorted((ROOT / "trading/history").glob("*.py")),
    ROOT / "trading/announcements.py",
]


def first_hops(source):
    """Yield `(model, method)` for each `Model.objects.method` in the source."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr in {"objects", "_default_manager", "_base_manager"}
            and isinstance(node.value.value, ast.Name)
        ):
            yield node.value.value.id, node.attr


@pytest.mark.django_db
def test_every_query_on_owned_rows_begins_with_their_owner():
    owned = {model.__name__ for model in apps.get_models() if model._meta.db_table in owned_tables()}
    hops = {(path.name, *hop) for path in SERVING for hop in first_hops(path.read_text())}

    assert {"Order", "Position", "Fill", "TradingAccount", "ApiKey"} <= owned
    assert {model for _, model, _ in hops} & owned, "the search finds nothing any more"
    assert [hop for hop in hops if hop[1] in owned and hop[2] != "owned_by"] == []


@pytest.mark.django_db
def test_every_owned_model_can_be_reached_through_its_owner():
    models = [model for model in apps.get_models() if model._meta.db_table in owned_tables()]

    assert [
        model for model in models if not issubclass(model._default_manager._queryset_class, OwnedQuerySet)
    ] == []


def test_across_owners_is_never_said_where_people_are_served():
    assert [path.name for path in SERVING if "across_owners" in path.read_text()] == []


def test_every_route_of_the_api_asks_who_calls():
    views = {
        str(pattern.pattern): pattern.callback.cls
        for pattern in get_resolver().url_patterns
        if hasattr(pattern.callback, "cls")
    }

    assert len(views) > 15
    proofs = {
        ApiView: (KeyAuthentication, PersonAuthentication),
        SessionView: (SessionAuthentication,),  # of one's own access, which no key comes near
    }
    for route, view in views.items():
        base = ApiView if issubclass(view, ApiView) else SessionView
        assert issubclass(view, base), route
        assert view.authentication_classes == proofs[base], route
        assert view.initial is base.initial, route
        assert getattr(view, "may_remember_key", False) == (route == "v2/orders"), route


def test_an_error_becomes_an_answer_in_one_place_alone():
    makers = [path for path in SERVING if '"code"' in path.read_text() or "Answer(" in path.read_text()]

    assert makers == []
