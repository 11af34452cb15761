"""Every kind of statement that SQL has for rows, as the web role might send it without any filter of ours.

Each tries to read or to touch another owner's rows, in whatever table. A table says in which column it is
written whose a row is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.factories.sessions import owned_tables
from tests.isolation.belongings import person_tables

if TYPE_CHECKING:
    from uuid import UUID

PASSKEYS = "django_otp_webauthn_webauthncredential"
ATTESTATIONS = "django_otp_webauthn_webauthnattestation"


@dataclass(frozen=True)
class Table:
    """A table with people's rows. `whose` is an expression over a row: its owner's id."""

    name: str
    whose: str = "user_id"
    column: str = "user_id"  # one that `whose` reads
    is_always_owned: bool = False  # no owner to be seen: then the owner is hidden, and the row is not

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Statement:
    """`told` is what the rows that come back are: owners' ids, or a count of rows that must be nought."""

    name: str
    sql: str
    needs: str  # the privilege; without it PostgreSQL refuses
    told: str = "owners"

    def of(self, table: Table, stranger: UUID) -> str:
        """Return the statement for a table, against a stranger's rows."""
        return self.sql.format(
            t=table.name, whose=table.whose, column=table.column, stranger=f"'{stranger}'::uuid"
        )


@cache
def tables() -> tuple[Table, ...]:
    """Return all tables with people's rows, as the catalogue knows them."""
    by_user = {name: Table(name) for name in (*owned_tables(), *person_tables())}
    of_passkey = f"(select p.user_id from {PASSKEYS} p where p.id = {ATTESTATIONS}.credential_id)"
    special = (
        Table("accounts_user", "id", "id"),
        Table(ATTESTATIONS, of_passkey, "credential_id", is_always_owned=True),
    )
    return tuple(sorted([*by_user.values(), *special], key=str))


READS = (
    Statement("select", "select {whose} from {t}", "select"),
    Statement("select of theirs", "select {whose} from {t} where {whose} = {stranger}", "select"),
    Statement("materialized", "with x as materialized (select {whose} o from {t}) select o from x", "select"),
    Statement("join", "select x.o from (select {whose} o from {t}) x join {t} on true", "select"),
    Statement("subquery", "select o from (select {whose} o from {t} where {whose} = {stranger}) x", "select"),
    Statement("window", "select first_value(o) over () from (select {whose} o from {t}) x", "select"),
    Statement("union", "select {whose} from {t} union select {whose} from {t}", "select"),
    Statement("sample", "select {whose} from {t} tablesample system (100)", "select"),
    Statement("by place", "select {whose} from {t} where ctid >= '(0,0)'", "select"),
    Statement("count", "select count(*) from {t} where {whose} = {stranger}", "select", "nothing"),
    # A condition that fails on a stranger's row must never be asked of it.
    Statement(
        "error", "select count(*) from {t} where 1 / (case when {whose} = {stranger} then 0 else 1 end) < 1", "select",
        "nothing",
    ),
    Statement("select for update", "select {whose} from {t} for update", "update"),
    Statement("select for share", "select {whose} from {t} for share", "update"),
)  # fmt: skip
CHANGES = (
    Statement("update", "update {t} set {column} = {column} returning {whose}", "update"),
    Statement(
        "update of theirs",
        "update {t} set {column} = {column} where {whose} = {stranger} returning 1",
        "update",
    ),
    Statement("delete", "delete from {t} where {whose} = {stranger} returning 1", "delete"),
    Statement(
        "update in a CTE",
        "with x as (update {t} set {column} = {column} where {whose} = {stranger} returning 1) select 1 from x",
        "update",
    ),
    Statement(
        "delete in a CTE",
        "with x as (delete from {t} where {whose} = {stranger} returning 1) select 1 from x",
        "delete",
    ),
    Statement(
        "merge that updates",
        "merge into {t} using (select {stranger} as who) s on {t}.{column}::text = s.who::text"
        " when matched then update set {column} = {column} returning 1",
        "update",
    ),
    Statement(
        "merge that deletes",
        "merge into {t} using (select {stranger} as who) s on {t}.{column}::text = s.who::text"
        " when matched then delete returning 1",
        "delete",
    ),
)
STATEMENTS = (*READS, *CHANGES)
