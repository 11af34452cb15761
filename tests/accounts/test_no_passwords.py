"""There is no password: not in the database, not in the model, not in the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from accounts.models import User
from tests.factories.rows import make_user

PRODUCT = ("accounts", "broker_handoff", "matching", "raxx", "trading")
# Words that store, set or ask for a person's password. The model itself names them, to refuse.
FORBIDDEN = {
    "make_password",
    "check_password",
    "set_password",
    "PasswordInput",
    "PASSWORD_HASHERS",
    "LoginView",
}
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
