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
OWNER_COLUMNS = ("user_id", "account_id")
MAY = "select has_table_privilege(%s, %s, %s)"
MAY_IN_COLUMN = "select has_column_privilege(%s, %s, %s, %s)"
MAY_IN_ANY = "select has_any_column_privilege(%s, %s, %s)"
OWN = "(user_id = raxx_uid())"
# As PostgreSQL prints accounts.isolation.GRANTED.
GRANTED = "(account_id = ANY (( SELECT raxx_granted_accounts() AS raxx_granted_accounts)::uuid[]))"


def faults_of(table: str) -> list[str]:
    """Return what is missing or too much around an owned table, as one phrase a fault."""
    enabled, forced = _rows(FLAGS, table)[0]
    too_much = [privilege for privilege in PRIVILEGES if _answer(MAY, roles.APP, table, privilege)]
    names_owner = [_answer(MAY_IN_COLUMN, roles.APP, table, column, "update") for column in OWNER_COLUMNS]
    facts = {
        "row security is not enabled": not enabled,
        "row security is not forced": not forced,
        "the policies are not those of accounts.isolation.owned_table": not _are_the_three(
            [policy for policy in _rows(POLICIES, table) if policy[1] != [roles.SUPPORT]]
        ),
        "support reads otherwise than by accounts.isolation.support_reads": not _is_the_one_of_support(
            [policy for policy in _rows(POLICIES, table) if policy[1] == [roles.SUPPORT]]
        ),
        "no key (account_id, user_id) refers to the trading account": (
            table != "trading_tradingaccount" and not _rows(COMPOSITE_KEY, table)
        ),
        f"{roles.APP} may {', '.join(too_much)}": bool(too_much),
        f"{roles.APP} may not select": not _answer(MAY, roles.APP, table, "select"),
        f"{roles.APP} may update a column that says who owns the row": any(names_owner),
        f"{roles.SUPPORT} may not select": not _answer(MAY_IN_ANY, roles.SUPPORT, table, "select"),
        f"{roles.SUPPORT} may write": _answer(MAY_IN_ANY, roles.SUPPORT, table, "insert, update")
        or any(_answer(MAY, roles.SUPPORT, table, privilege) for privilege in PRIVILEGES),
    }
    return [fault for fault, is_so in facts.items() if is_so]


def _rows(query: str, *parameters: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _answer(query: str, *parameters: str) -> bool:
    return bool(_rows(query, *parameters)[0][0])


def _are_the_three(policies: list[tuple[object, ...]]) -> bool:
    """Whether the policies let the owner and the worker do all, the app its own, and nobody else anything.

    A restrictive policy is no matter here: it can only take something away.
    """
    policies = [policy for policy in policies if policy[2] == "PERMISSIVE"]
    if [policy[0] for policy in policies] != ["app_own", "owner_all", "worker_all"]:
        return False
    (_, app, app_permissive, app_cmd, app_sees, app_writes), *others = policies
    return (
        (app, app_permissive, app_cmd, app_sees) == ([roles.APP], "PERMISSIVE", "ALL", OWN)
        and str(app_writes).startswith((OWN, f"({OWN} AND "))
        and [policy[1:] for policy in others]
        == [([role], "PERMISSIVE", "ALL", "true", "true") for role in (roles.OWNER, roles.WORKER)]
    )


def _is_the_one_of_support(policies: list[tuple[object, ...]]) -> bool:
    """Whether support reads the rows of the accounts that it was granted, and there is nothing else for it."""
    return [policy for policy in policies if policy[2] == "PERMISSIVE"] == [
        ("support_granted", [roles.SUPPORT], "PERMISSIVE", "SELECT", GRANTED, None)
    ]
