"""The second wall: PostgreSQL alone hides every other owner's rows, on every owned table."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


def test_migrations_apply():
    with connection.cursor() as c:
        c.execute("select count(*) from pg_policies")
        assert c.fetchone()[0] == 24
