"""The SQL of the second wall, for the migrations that make an owned table.

Roles are made outside migrations, once a cluster: `raxx_owner` migrates, `raxx_app` serves
people, `raxx_worker` runs matcher and tasks, `raxx_support` the admin. A policy is a plain
equality over the stable function `raxx_uid()`, because the planner can use an index with that
and with little else. Row security is forced, so that it binds the tables' owner as well.
"""

from __future__ import annotations

from django.db.migrations import RunSQL

CREATE_RAXX_UID = """
create function raxx_uid() returns uuid stable parallel safe language sql
  as $$ select nullif(current_setting('raxx.user_id', true), '')::uuid $$;
comment on function raxx_uid() is 'The user for whom this transaction works; null when nobody is bound.';
"""


def owned_table(table: str, *, app: str = "", worker: str = "", app_check: str = "") -> RunSQL:
    """Return the operation that puts `table` (columns user_id, account_id) behind row security.

    `app` and `worker` are the privileges of the two roles beyond SELECT, as GRANT writes them;
    `app_check` is a further condition on rows that `raxx_app` writes.
    """
    return _behind_row_security(table, key="user_id", app=app, worker=worker, app_check=app_check)


def shared_table(table: str, *, app: str = "", worker: str = "") -> RunSQL:
    """Return the operation that lets the roles use a table which belongs to nobody."""
    return RunSQL(
        f"grant select{', ' + app if app else ''} on {table} to raxx_app;"
        f"grant select{', ' + worker if worker else ''} on {table} to raxx_worker;"
        f"grant select on {table} to raxx_support;",
        f"revoke all on {table} from raxx_app, raxx_worker, raxx_support;",
    )


def person_table(
    table: str, *, app: str = "", worker: str = "", app_check: str = "", key: str = "user_id"
) -> RunSQL:
    """Return the operation that puts a person's own `table`, which has no account, behind row security.

    `key` is the column that says whose the row is; the rest is as for `owned_table`. What must be known
    of such a row before anybody is bound, a SECURITY DEFINER function tells, for one row at a time.
    """
    return _behind_row_security(table, key=key, app=app, worker=worker, app_check=app_check)


# Asked once a statement, not once a row: the planner makes an InitPlan of it, and may use an index with the answer.
GRANTED = "account_id = any ((select raxx_granted_accounts())::uuid[])"


def support_reads(table: str, *, columns: str = "") -> RunSQL:
    """Return the operation that lets support staff read what they were granted of an owned `table`, and write nothing.

    `columns` narrows what is read, as GRANT writes it: `(id, name)`. The functions are those of trading's
    migration 0010, on which the caller's depends: the policy asks the table of the grants themselves.
    """
    return RunSQL(
        f"create policy support_granted on {table} for select to raxx_support using ({GRANTED});"
        f"grant select {columns} on {table} to raxx_support;",
        f"revoke all on {table} from raxx_support; drop policy support_granted on {table};",
    )


def _behind_row_security(table: str, *, key: str, app: str, worker: str, app_check: str) -> RunSQL:
    own = f"{key} = raxx_uid()"
    check = f"{own} and ({app_check})" if app_check else own
    grants = [f"grant select{', ' + app if app else ''} on {table} to raxx_app;"]
    grants.append(f"grant select{', ' + worker if worker else ''} on {table} to raxx_worker;")
    return RunSQL(
        f"""
        alter table {table} enable row level security;
        alter table {table} force row level security;
        create policy owner_all on {table} to raxx_owner using (true) with check (true);
        create policy worker_all on {table} to raxx_worker using (true) with check (true);
        create policy app_own on {table} to raxx_app using ({own}) with check ({check});
        {" ".join(grants)}
        """,
        f"""
        drop policy app_own on {table}; drop policy worker_all on {table}; drop policy owner_all on {table};
        alter table {table} no force row level security; alter table {table} disable row level security;
        revoke all on {table} from raxx_app, raxx_worker;
        """,
    )
