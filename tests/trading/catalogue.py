"""What the database's own catalogue says about the walls around one table."""

from __future__ import annotations

from django.db import connection

from raxx import roles

FLAGS = "select relrowsecurity, relforcerowsecurity from pg_class where oid = %s::regclass"
POLICIES = """
select policyname, roles::text[], permissive, cmd, qual, with_check from pg_policies
 where schemaname = 'public' and tablename = %s order by policyname"""
COMPOSITE_KEY = """
select 1 from pg_constraint c
 where c.conrelid = %s::regclass and c.contype = 'f' and c.confrelid = 'trading_tradingaccount'::regclass
   and (select array_agg(a.attname::text order by k.place)
          from unnest(c.conkey) with ordinality k(number, place)
          join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.number) = '{account_id,user_id}'
   and (select array_agg(a.attname::text order by k.place)
          from unnest(c.confkey) with ordinality k(number, place)
          join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.number) = '{account_id,user_id}'"""
PRIVILEGES = ("delete", "references", "trigger", "truncate", "maintain")
OWN = "(user_id = raxx_uid())"


def faults_of(table: str) -> list[str]:
    """Return what is missing or too much around an owned table, as one phrase a fault."""
    with connection.cursor() as cursor:

        def rows(query: str, *parameters: object) -> list[tuple[object, ...]]:
            cursor.execute(query, parameters)
            return cursor.fetchall()

        def may(role: str, privilege: str) -> bool:
            return bool(rows("select has_table_privilege(%s, %s, %s)", role, table, privilege)[0][0])

        faults = []
        enabled, forced = rows(FLAGS, table)[0]
        if not enabled:
            faults.append("row security is not enabled")
        if not forced:
            faults.append("row security is not forced")
        if not _are_the_three(rows(POLICIES, table)):
            faults.append("the policies are not those of accounts.isolation.owned_table")
        if table != "trading_tradingaccount" and not rows(COMPOSITE_KEY, table):
            faults.append("no key (account_id, user_id) refers to the trading account")
        if too_much := [privilege for privilege in PRIVILEGES if may(roles.APP, privilege)]:
            faults.append(f"{roles.APP} may {', '.join(too_much)}")
        if not may(roles.APP, "select"):
            faults.append(f"{roles.APP} may not select")
        if any(
            rows("select has_column_privilege(%s, %s, %s, 'update')", roles.APP, table, column)[0][0]
            for column in ("user_id", "account_id")
        ):
            faults.append(f"{roles.APP} may update a column that says who owns the row")
        if rows("select has_any_column_privilege(%s, %s, 'select, insert, update')", roles.SUPPORT, table)[0][0]:
            faults.append(f"{roles.SUPPORT} may do something")
        return faults


def _are_the_three(policies: list[tuple[object, ...]]) -> bool:
    """Whether the policies let the owner and the worker do all, the app its own, and nobody else anything."""
    if [policy[0] for policy in policies] != ["app_own", "owner_all", "worker_all"]:
        return False
    (_, app, app_permissive, app_cmd, app_sees, app_writes), *others = policies
    return (
        (app, app_permissive, app_cmd, app_sees) == ([roles.APP], "PERMISSIVE", "ALL", OWN)
        and str(app_writes).startswith((OWN, f"({OWN} AND "))
        and [policy[1:] for policy in others]
        == [([role], "PERMISSIVE", "ALL", "true", "true") for role in (roles.OWNER, roles.WORKER)]
    )
