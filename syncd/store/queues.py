"""What waits: outbox, inbox, references that wait for their target, parked items, conflicts.

All calls take whole batches. `json` values are bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from syncd.core.nouns import Candidate, Clash
from syncd.store.store import Conn, Store, Tx

ANY = "any"
"""What approves a push whatever it is."""
GONE = "gone"
"""The `rule` in the verdict of a conflict that was closed because no system holds the record any more."""


async def add_outbox(
    tx: Tx, store: Store, behind: Iterable[tuple[int, int]], *, approved: str | None = None
) -> None:
    """Say that copies, (stream, record id) each, are behind. `approved` is the operation that may go."""
    rows = [(store.seq(), stream, record, approved) for stream, record in behind]
    if rows:
        columns = ("seq", "stream", "record_id", "approved")
        await tx.insert("outbox", rows, columns)


async def claim_outbox(con: Conn, stream: int, above: int, limit: int) -> list[Any]:
    """The oldest rows above a sequence: (seq, record_id, approved)."""
    sql = "select seq, record_id, approved from outbox where stream = $1 and seq > $2 order by seq limit $3"
    rows: list[Any] = await con.fetch(sql, stream, above, limit)
    return rows


async def to_be_joined(con: Conn, stream: int) -> set[int]:
    """The records whose copy was found in a stream, and is to be read before it is linked."""
    sql = """select (suspects::jsonb ->> 'record')::bigint as record from inbox
    where stream = $1 and reason = 'exists'"""
    return {row["record"] for row in await con.fetch(sql, stream)}


async def drop_outbox(tx: Tx, seqs: Collection[int]) -> None:
    """Settle rows."""
    if seqs:
        await tx.execute("delete from outbox where seq = any($1::bigint[])", list(seqs))


async def approve(tx: Tx, seqs: Collection[int], op: str) -> None:
    """Rows whose operation passed its brake, which counts it no more."""
    await tx.execute("update outbox set approved = $2 where seq = any($1::bigint[])", list(seqs), op)


async def add_inbox(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows of (seq, stream, remote_id, reason, evidence, not_before, change, suspects)."""
    if rows:
        columns = (
            *("seq", "stream", "remote_id", "reason", "evidence"),
            *("not_before", "change", "suspects"),
        )
        await tx.insert("inbox", rows, columns)


async def drop_inbox(tx: Tx, seqs: Collection[int]) -> None:
    """Rows that were applied."""
    if seqs:
        await tx.execute("delete from inbox where seq = any($1::bigint[])", list(seqs))


async def put_off_inbox(tx: Tx, seqs: Collection[int], until: datetime) -> None:
    """Rows that are not to be looked at before."""
    sql = "update inbox set not_before = $2 where seq = any($1::bigint[])"
    await tx.execute(sql, list(seqs), until)


async def take_up_inbox(tx: Tx, stream: int, remote_id: str) -> None:
    """Rows of an id are looked at now, however long they were to wait."""
    sql = "update inbox set not_before = null where stream = $1 and remote_id = $2"
    await tx.execute(sql, stream, remote_id)


async def held_changes(tx: Tx, stream: int, ids: Collection[str]) -> list[Any]:
    """The changes of these ids that wait: (seq, remote_id, change, suspects)."""
    sql = """select seq, remote_id, change, suspects from inbox
    where stream = $1 and remote_id = any($2::text[]) and change is not null order by seq"""
    rows: list[Any] = await tx.fetch(sql, stream, list(ids))
    return rows


async def note_suspects(tx: Tx, seq: int, suspects: Mapping[str, Any]) -> None:
    """What is to be listed, should the record not show it when it is read again."""
    await tx.execute("update inbox set suspects = $2 where seq = $1", seq, orjson.dumps(suspects))


async def add_waits_in(tx: Tx, rows: Collection[tuple[str, int, str, int]]) -> None:
    """(target id, target stream, waiting remote id, its stream)."""
    if rows:
        sql = """insert into waits_in (target_id, target_stream, remote_id, stream)
        select * from unnest($1::text[], $2::smallint[], $3::text[], $4::smallint[])
        on conflict do nothing"""
        await tx.execute(sql, *[list(column) for column in zip(*rows, strict=True)])


async def take_waits_in(tx: Tx, stream: int, ids: Collection[str]) -> list[Any]:
    """Those that waited for remote records which are linked now: (remote_id, stream); they wait no more."""
    sql = """delete from waits_in where target_id = any($1::text[]) and target_stream = $2
    returning remote_id, stream"""
    rows: list[Any] = await tx.fetch(sql, list(ids), stream)
    return rows


async def add_waits_out(tx: Tx, rows: Collection[tuple[int, int, int, int]]) -> None:
    """(target record, target stream, waiting record, its stream)."""
    if rows:
        sql = """insert into waits_out (target_record, target_stream, record_id, stream)
        select * from unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::smallint[])
        on conflict do nothing"""
        await tx.execute(sql, *[list(column) for column in zip(*rows, strict=True)])


async def free_waits_out(tx: Tx, stream: int, targets: Collection[int]) -> list[int]:
    """Records of a stream that wait for one of `targets` whose copy was made since they were planned."""
    sql = """delete from waits_out w using links l
    where w.target_record = any($2::bigint[]) and w.stream = $1 and l.record_id = w.target_record
    and l.stream = w.target_stream and l.state = 'live' returning w.record_id"""
    return [row["record_id"] for row in await tx.fetch(sql, stream, list(targets))]


async def take_waits_out(tx: Tx, stream: int, records: Collection[int]) -> list[Any]:
    """Those that waited for a record's copy in a stream: (record_id, stream); they wait no more."""
    sql = """delete from waits_out where target_record = any($1::bigint[]) and target_stream = $2
    returning record_id, stream"""
    rows: list[Any] = await tx.fetch(sql, list(records), stream)
    return rows


async def park(tx: Tx, store: Store, stream: int, notes: Sequence[tuple[Any, ...]]) -> None:
    """List items, (direction, remote_id, record_id, field, code, message, body) each; the same item once."""
    if not notes:
        return
    sql = """delete from parked p
    using unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) as u(remote_id, record_id, field, code)
    where p.stream = $1 and p.code = u.code and p.field is not distinct from u.field
    and (p.remote_id = u.remote_id or (p.remote_id is null and u.remote_id is null))
    and p.record_id is not distinct from u.record_id"""
    remote, record, names, codes = ([note[i] for note in notes] for i in (1, 2, 3, 4))
    await tx.execute(sql, stream, remote, record, names, codes)
    rows = [
        (store.seq(), stream, *note[:6], None if note[6] is None else orjson.dumps(note[6])) for note in notes
    ]
    columns = (
        *("parked", "stream", "direction", "remote_id", "record_id"),
        *("field", "code", "message", "body"),
    )
    await tx.insert("parked", rows, columns)


async def parked_as(con: Conn, stream: int, code: str, records: Collection[int]) -> set[int]:
    """Those of some records that are listed under a code."""
    sql = "select record_id from parked where stream = $1 and code = $2 and record_id = any($3::bigint[])"
    return {row["record_id"] for row in await con.fetch(sql, stream, code, list(records))}


async def unanswered_creates(
    con: Conn, stream: int, code: str, records: Collection[int]
) -> dict[int, tuple[dict[str, Any], dict[str, int]]]:
    """What was sent for those of some records whose create is listed under a code, and its versions."""
    sql = """select record_id, body from parked where stream = $1 and code = $2
    and record_id = any($3::bigint[]) and body is not null"""
    rows = await con.fetch(sql, stream, code, list(records))
    bodies = {row["record_id"]: orjson.loads(row["body"]) for row in rows}
    return {record: (body["sent"], body["versions"]) for record, body in bodies.items()}


async def unpark(tx: Tx, stream: int, written: Sequence[tuple[int, str | None]]) -> None:
    """Take writes off the list that went through after all: (record id, field, None for the record)."""
    sql = """delete from parked p using unnest($2::bigint[], $3::text[]) as u(record_id, field)
    where p.stream = $1 and p.direction = 'out' and p.record_id = u.record_id
    and p.field is not distinct from u.field"""
    await tx.execute(sql, stream, [record for record, _ in written], [field for _, field in written])


async def unpark_said(tx: Tx, changed: Sequence[tuple[int, str]]) -> None:
    """Values that could not be said are others now, (record id, canonical field) each: it is tried anew."""
    sql = """delete from parked p using unnest($1::bigint[], $2::text[]) as u(record_id, field)
    where p.record_id = u.record_id and p.field = u.field and p.code = 'unsayable'"""
    await tx.execute(sql, [record for record, _ in changed], [field for _, field in changed])


async def unpark_reads(tx: Tx, stream: int, ids: Collection[str], *, fields: bool = True) -> None:
    """Take remote records off the list that can be read now; without `fields`, their single values stay."""
    sql = """delete from parked where stream = $1 and remote_id = any($2::text[]) and code = 'unreadable'
    and ($3 or field is null)"""
    await tx.execute(sql, stream, list(ids), fields)


async def note_clashes(tx: Tx, store: Store, config: int, clashes: Sequence[tuple[int, Clash]]) -> None:
    """Keep clashes, (record id, clash) each. An open one replaces the open one of the same field."""
    if not clashes:
        return
    sql = """delete from conflicts c using unnest($1::bigint[], $2::text[]) as u(record_id, field)
    where c.record_id = u.record_id and c.field = u.field and c.state = 'open'"""
    asked = [(record, clash.field) for record, clash in clashes if clash.open]
    if asked:
        await tx.execute(sql, [record for record, _ in asked], [name for _, name in asked])
    rows = [_conflict_row(store.seq(), config, record, clash) for record, clash in _last_open(clashes)]
    columns = (
        *("conflict", "record_id", "field", "state", "why", "base"),
        *("candidates", "verdict", "config"),
    )
    await tx.insert("conflicts", rows, columns)


def _last_open(clashes: Sequence[tuple[int, Clash]]) -> list[tuple[int, Clash]]:
    """All decided ones, and of several open ones about one field only the last."""
    last = {(record, clash.field): clash for record, clash in clashes if clash.open}
    return [pair for pair in clashes if not pair[1].open or last[pair[0], pair[1].field] is pair[1]]


def _conflict_row(seq: int, config: int, record: int, clash: Clash) -> tuple[Any, ...]:
    verdict = None
    if not clash.open:
        verdict = orjson.dumps({"rule": clash.rule, "winner": clash.winner, "value": clash.value})
    return (
        seq,
        record,
        clash.field,
        "open" if clash.open else "decided",
        clash.why,
        None if clash.base is None else orjson.dumps(clash.base),
        orjson.dumps([candidate_dict(c) for c in clash.candidates]),
        verdict,
        config,
    )


def candidate_dict(candidate: Candidate) -> dict[str, Any]:
    """A candidate as it is stored and shown."""
    return {
        "value": candidate.value,
        "system": candidate.system,
        "time": candidate.time,
        "event": candidate.event,
        "version": candidate.version,
    }


async def close_conflicts(tx: Tx, closed: Sequence[tuple[int, str]]) -> None:
    """Open conflicts, (record id, field) each, that ended by agreement or by a newer edit."""
    if closed:
        sql = """update conflicts c set state = 'closed', closed = now()
        from unnest($1::bigint[], $2::text[]) as u(record_id, field)
        where c.record_id = u.record_id and c.field = u.field and c.state = 'open'"""
        await tx.execute(sql, [record for record, _ in closed], [field for _, field in closed])


async def close_if_gone(tx: Tx, records: Collection[int]) -> None:
    """Close the open conflicts of those records that no system holds any more: nobody could be told.

    Their values stay listed. The field stays frozen in the record, for a restore; see `reopen_conflicts`.
    """
    if records:
        sql = """update conflicts c set state = 'closed', closed = now(), verdict = $2
        where c.record_id = any($1::bigint[]) and c.state = 'open' and not exists
        (select from links l where l.record_id = c.record_id and l.state in ('live', 'out_of_scope'))"""
        await tx.execute(sql, list(records), orjson.dumps({"rule": GONE}))


async def reopen_conflicts(tx: Tx, records: Collection[int]) -> None:
    """Ask again what was closed only because the record was gone: it is back."""
    if records:
        sql = """update conflicts set state = 'open', closed = null, verdict = null
        where record_id = any($1::bigint[]) and state = 'closed' and verdict->>'rule' = $2"""
        await tx.execute(sql, list(records), GONE)


def closed_why(number: int, state: str, rule: str | None) -> str:
    """Why a conflict takes no verdict. `rule` is that of the verdict it has."""
    if rule == GONE:
        return f"conflict {number} is closed: no system holds its record any more, so none could be told"
    done = "was decided already" if state == "decided" else "closed itself: all sides agreed"
    return f"conflict {number} {done}; `syncd conflicts` lists those that are open"


async def unpark_creates(tx: Tx, stream: int, but: str) -> list[int]:
    """Take the creates that were refused off the list, but for what is listed under the code `but`.

    Returns their records, in order.
    """
    sql = """delete from parked p
    where p.stream = $1 and p.direction = 'out' and p.record_id is not null and p.code <> $2
    and not exists (select from links l where l.record_id = p.record_id and l.stream = $1)
    returning p.record_id"""
    return sorted({row["record_id"] for row in await tx.fetch(sql, stream, but)})


async def unpark_code(tx: Tx, stream: int, code: str, names: Collection[str]) -> list[int]:
    """Take what was listed of fields off the list; the empty name stands for no field.

    Returns the records, in order, whose writes were listed there.
    """
    if not names:
        return []
    sql = """delete from parked
    where stream = $1 and code = $2 and coalesce(field, '') = any($3::text[]) returning record_id"""
    rows = await tx.fetch(sql, stream, code, list(names))
    return sorted({row["record_id"] for row in rows if row["record_id"] is not None})
