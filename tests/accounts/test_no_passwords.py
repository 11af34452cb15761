"""There is no password: not in the database, not in the model, not in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.urls import get_resolver

from accounts.models import User
from tests.factories.rows import make_user

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCT = ("accounts", "broker_handoff", "matching", "raxx", "trading")
# Words that store, set or ask for a person's password. The model itself names them, to refuse.
FORBIDDEN = {
    "make_password",
    "check_password",
    "set_password",
    "PasswordInput",
    "PASSWORD_HASHERS",
    "LoginView",
    # Django's own forms and views that ask for one, and the admin's way to change somebody's.
    "AdminPasswordChangeForm",
    "AuthenticationForm",
    "BaseUserCreationForm",
    "PasswordChangeView",
    "PasswordResetView",
    "SetPasswordForm",
    "UserAdmin",
    "UserCreationForm",
}
ASKING = re.compile(
    r"""type\s*=\s*["']?password|autocomplete\s*=\s*["']?(current|new)-password|\.type\s*=\s*["']password"""
)
REFUSING = {"accounts/models/user.py"}


@pytest.mark.django_db
def test_no_column_of_any_table_is_named_for_a_password() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'public' and column_name ~* 'pass(word|wd|phrase)'"
        )
        assert cursor.fetchall() == []


def test_no_model_has_a_field_for_a_password() -> None:
    named = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if "password" in field.name
    ]
    assert named == []


def test_no_migration_ahead_of_the_database_makes_a_column_for_one() -> None:
    root = Path(settings.BASE_DIR)
    named = [
        path.relative_to(root).as_posix()
        for app in PRODUCT
        for path in [*(root / app).rglob("migrations/*.py"), *(root / app).rglob("sql/*.sql")]
        if re.search(r"passw|passphrase", path.read_text(), re.IGNORECASE)
    ]
    assert named == []


def test_no_form_of_any_installed_app_is_among_the_pages_that_are_served() -> None:
    def routes(resolver: Any, before: str = "") -> Iterator[str]:
        for each in resolver.url_patterns:
            route = f"{before}{each.pattern}"
            yield route
            if hasattr(each, "url_patterns"):
                yield from routes(each, route)

    found = list(routes(get_resolver()))
    assert len(found) > 50
    assert [route for route in found if "password" in route.lower()] == []


def test_no_page_or_script_of_ours_asks_for_a_password() -> None:
    root = Path(settings.BASE_DIR)
    pages = [
        path
        for app in PRODUCT
        for kind in ("html", "js", "txt")
        for path in (root / app).rglob(f"*.{kind}")
        if "node_modules" not in path.parts
    ]
    assert pages, "the search finds nothing any more"
    assert [path.relative_to(root).as_posix() for path in pages if ASKING.search(path.read_text())] == []


def names_in(source: str) -> set[str]:
    """Return the identifiers that a module uses or defines."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.alias):
            found.add(node.name)
    return found


def test_no_code_of_ours_stores_checks_or_asks_for_a_password() -> None:
    root = Path(settings.BASE_DIR)
    modules = {
        path.relative_to(root).as_posix(): path for app in PRODUCT for path in (root / app).rglob("*.py")
    }

    users = {name: FORBIDDEN & names_in(path.read_text()) for name, path in modules.items()}

    assert set(modules) >= REFUSING
    assert {name for name, used in users.items() if used} == REFUSING


def test_no_backend_lets_anybody_in_by_a_password() -> None:
    assert "django.contrib.auth.backends.ModelBackend" not in settings.AUTHENTICATION_BACKENDS
    assert getattr(settings, "AUTH_PASSWORD_VALIDATORS", []) == []


@pytest.mark.django_db
def test_no_word_opens_an_account() -> None:
    user = make_user()

    assert not user.has_usable_password()
    assert not any(user.check_password(word) for word in ("", "password", str(user.pk), user.email))
    with pytest.raises(NotImplementedError, match="no passwords"):
        user.set_password("word")
    with pytest.raises(TypeError, match="password"):
        User(password="word")  # type: ignore[misc]
