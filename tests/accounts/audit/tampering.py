"""What somebody with the owner's rights does to one chain, and the faults that it must come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.audit.faults import Kind
from tests.accounts.audit.forging import fill, put, rewrite, stored, tamper

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

LONG = 6  # entries of the chain that is tampered with


def edit_body(chain: UUID) -> None:
    tamper("update accounts_auditentry set body = '{}' where chain = %s and seq = 3", chain)


def edit_time(chain: UUID) -> None:
    tamper(
        "update accounts_auditentry set at = at - interval '1 microsecond' where chain = %s and seq = 3",
        chain,
    )


def edit_actor(chain: UUID) -> None:
    tamper("update accounts_auditentry set actor_id = 'me' where chain = %s and seq = 3", chain)


def move_words_between_fields(chain: UUID) -> None:
    tamper(
        "update accounts_auditentry set actor_id = actor_kind || actor_id, actor_kind = ''"
        " where chain = %s and seq = 3",
        chain,
    )


def edit_and_rehash(chain: UUID) -> None:
    tamper(
        "update accounts_auditentry e set body = '{}', hash = accounts_audit_hash("
        " (e.chain, e.seq, e.subject, e.at, e.actor_kind, e.actor_id, e.request_id, e.action, '{}',"
        " e.details_digest, e.prev, e.hash)::accounts_auditentry) where chain = %s and seq = 3",
        chain,
    )


def edit_the_last(chain: UUID) -> None:
    entries = stored(chain)
    rewrite(chain, [*entries[:-1], entries[-1]._replace(body="{}")])
    tamper("update accounts_audithead set hash = %s where chain = %s", entries[-1].hash, chain)


def remove(chain: UUID) -> None:
    tamper("delete from accounts_auditentry where chain = %s and seq = 3", chain)


def remove_the_first(chain: UUID) -> None:
    tamper("delete from accounts_auditentry where chain = %s and seq = 1", chain)


def remove_and_move_down(chain: UUID) -> None:
    entries = stored(chain)
    kept = entries[:2] + [entry._replace(seq=entry.seq - 1) for entry in entries[3:]]
    put(chain, kept)


def insert_and_move_up(chain: UUID) -> None:
    entries = stored(chain)
    rewrite(chain, [*entries[:2], entries[2]._replace(body="{}")])  # a forged third, rightly hashed
    forged = stored(chain)[2]
    moved = [entry._replace(seq=entry.seq + 1) for entry in entries[2:]]
    put(chain, [*entries[:2], forged, *moved])
    tamper(
        "update accounts_audithead set seq = %s, hash = %s where chain = %s", LONG, entries[-1].hash, chain
    )


def insert_at_the_end(chain: UUID) -> None:
    entries = stored(chain)
    rewrite(chain, [*entries, entries[-1]])
    tamper(
        "update accounts_audithead set seq = %s, hash = %s where chain = %s", LONG, entries[-1].hash, chain
    )


def insert_before_the_first(chain: UUID) -> None:
    entries = stored(chain)
    put(chain, [entries[0]._replace(seq=0), *entries])


def cut_off(chain: UUID) -> None:
    tamper("delete from accounts_auditentry where chain = %s and seq > 4", chain)


def cut_off_all(chain: UUID) -> None:
    tamper("delete from accounts_auditentry where chain = %s", chain)


TAMPERINGS: dict[str, tuple[Callable[[UUID], None], list[tuple[Kind, int | None]]]] = {
    "a body edited": (edit_body, [(Kind.EDITED, 3)]),
    "an instant edited": (edit_time, [(Kind.EDITED, 3)]),
    "an actor edited": (edit_actor, [(Kind.EDITED, 3)]),
    "words moved between fields": (move_words_between_fields, [(Kind.EDITED, 3)]),
    "a body edited and hashed anew": (edit_and_rehash, [(Kind.EDITED, 3)]),
    "the last edited and hashed anew": (edit_the_last, [(Kind.EDITED, LONG)]),
    "one removed": (remove, [(Kind.REMOVED, 3)]),
    "the first removed": (remove_the_first, [(Kind.REMOVED, 1)]),
    "one removed and the rest moved down": (remove_and_move_down, [(Kind.REMOVED, 3)]),
    "one inserted and the rest moved up": (insert_and_move_up, [(Kind.INSERTED, 3)]),
    "one inserted at the end": (insert_at_the_end, [(Kind.INSERTED, LONG + 1)]),
    "one inserted before the first": (insert_before_the_first, [(Kind.INSERTED, 0)]),
    "the end cut off": (cut_off, [(Kind.CUT_OFF, 5)]),
    "all cut off": (cut_off_all, [(Kind.CUT_OFF, 1)]),
}


def rewrite_all(chain: UUID) -> None:
    rewrite(chain, [entry._replace(body="{}") for entry in stored(chain)])


def rewrite_from_the_middle(chain: UUID) -> None:
    entries = stored(chain)
    rewrite(chain, [*entries[:3], *(entry._replace(actor_id="me") for entry in entries[3:])])


def cut_off_with_the_head(chain: UUID) -> None:
    rewrite(chain, stored(chain)[:4])


def cut_off_with_the_head_and_grow_again(chain: UUID) -> None:
    rewrite(chain, stored(chain)[:4])
    fill(chain, 4)


def take_the_whole_chain_away(chain: UUID) -> None:
    for table in ("accounts_auditentry", "accounts_audithead"):
        tamper(f"delete from {table} where chain = %s", chain)


REWRITES: dict[str, tuple[Callable[[UUID], None], set[tuple[Kind, int | None]]]] = {
    "all rewritten": (rewrite_all, {(Kind.REWRITTEN, LONG)}),
    "rewritten from the middle": (rewrite_from_the_middle, {(Kind.REWRITTEN, LONG)}),
    "cut off, with the head": (cut_off_with_the_head, {(Kind.CUT_OFF, 5)}),
    "cut off, and grown again": (cut_off_with_the_head_and_grow_again, {(Kind.REWRITTEN, LONG)}),
    "the whole chain taken away": (take_the_whole_chain_away, {(Kind.CUT_OFF, 1), (Kind.HEAD, None)}),
}
