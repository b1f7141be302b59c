"""The log and its triggers in the remote database: made on request, removed without a trace.

The schema is not called `syncd`: for a role of that name it would stand first in the default search path,
and what the owners' own triggers call `log` would be ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sql.catalog import Conn
from connectors.sql.errors import guarded
from connectors.sql.session import Session
from connectors.sql.statements import Shape, ident, literal

_SCHEMA = """
create schema if not exists syncd_capture;
create table if not exists syncd_capture.log (
  seq bigint generated always as identity primary key,
  txid xid8 not null default pg_current_xact_id(),
  tbl oid not null,
  op "char" not null,
  id text,
  at timestamptz not null default clock_timestamp(),
  actor text not null default session_user
);
create index if not exists log_place on syncd_capture.log (tbl, txid, seq);
create index if not exists log_age on syncd_capture.log (at);
create table if not exists syncd_capture.pruned (
  tbl oid primary key, txid xid8 not null, seq bigint not null
);
create or replace function syncd_capture.ring() returns trigger language plpgsql as
  $f$ begin perform pg_notify('syncd', ''); return null; end $f$;
create or replace function syncd_capture.emptied() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as
  $f$ begin insert into syncd_capture.log (tbl, op) values (tg_relid, 'T'); return null; end $f$;
"""

_PRUNE = """
with old as (delete from syncd_capture.log where at < now() - $1::float8 * interval '1 second'
             returning tbl, txid, seq),
     last as (select distinct on (tbl) tbl, txid, seq from old order by tbl, txid desc, seq desc)
insert into syncd_capture.pruned as p select * from last
on conflict (tbl) do update set txid = excluded.txid, seq = excluded.seq
where (excluded.txid, excluded.seq) > (p.txid, p.seq)
"""

_MISSING = """
select exists (select from pg_trigger
               where tgrelid = $1::oid and tgname = 'syncd_row' and tgenabled in ('O', 'A'))
"""


def _row_trigger(shape: Shape) -> str:
    """SQL for one table. Each id is logged as the row's lock is held, so `seq` is its true order."""
    oid, new, old = shape.table.oid, f"new.{ident(shape.id.name)}", f"old.{ident(shape.id.name)}"
    function = f"syncd_capture.{ident(f'log_{oid}')}"
    body = f"""begin
  if tg_op = 'DELETE' then
    insert into syncd_capture.log (tbl, op, id) values ({oid}, 'D', {old}::text);
    return null;
  end if;
  if tg_op = 'UPDATE' and {old} is distinct from {new} then
    insert into syncd_capture.log (tbl, op, id) values ({oid}, 'D', {old}::text);
  end if;
  insert into syncd_capture.log (tbl, op, id) values ({oid}, left(tg_op, 1)::"char", {new}::text);
  return null;
end"""
    return f"""
create or replace function {function}() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as {literal(body)};
drop trigger if exists syncd_row on {shape.relation};
drop trigger if exists syncd_emptied on {shape.relation};
drop trigger if exists syncd_bell on {shape.relation};
create trigger syncd_row after insert or update or delete on {shape.relation}
  for each row execute function {function}();
create trigger syncd_emptied after truncate on {shape.relation}
  for each statement execute function syncd_capture.emptied();
create trigger syncd_bell after insert or update or delete or truncate on {shape.relation}
  for each statement execute function syncd_capture.ring();
"""


async def install(session: Session, shapes: Sequence[Shape]) -> list[str]:
    """Make the log and the triggers that are missing; the names of the objects that got one.

    Cursors from before are lost by it, as they name the old trigger: what happened meanwhile is not logged.
    """
    todo = (
        "Run as the owner of the tables: GRANT CREATE ON DATABASE … TO the url's role"
        " (or CREATE SCHEMA syncd_capture AUTHORIZATION it) and GRANT TRIGGER ON each table TO it;"
        " or choose another `capture`"
    )
    with guarded(f"system {session.system}: cannot install the triggers", session.where, todo):
        async with session.connection() as conn, conn.transaction():
            await conn.execute("select pg_advisory_xact_lock(hashtext('syncd install'))")
            missing = [s for s in shapes if not await _installed(conn, s)]
            if missing:
                if not await conn.fetchval("select to_regclass('syncd_capture.pruned') is not null"):
                    await conn.execute(_SCHEMA)
                for shape in missing:
                    await conn.execute(_row_trigger(shape))
    return [s.object for s in missing]


async def _installed(conn: Conn, shape: Shape) -> bool:
    return bool(await conn.fetchval(_MISSING, shape.table.oid))


async def uninstall(session: Session) -> None:
    """Remove the schema `syncd_capture` and with it every trigger."""
    todo = "Run as its owner: DROP SCHEMA syncd_capture CASCADE"
    with guarded(f"system {session.system}: cannot remove the triggers", session.where, todo):
        async with session.connection() as conn:
            await conn.execute("drop schema if exists syncd_capture cascade")


async def prune(session: Session) -> None:
    """Delete log rows older than the log's life, and remember how far."""
    todo = "Run: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA syncd_capture TO the url's role"
    with guarded(f"system {session.system}: cannot prune the log", session.where, todo):
        async with session.connection() as conn:
            await conn.execute(_PRUNE, session.options.log_life)
