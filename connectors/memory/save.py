"""How a CRM in memory takes a batch of writes: start, commit and answer are separate steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from connectors.memory.remote import MemoryRemote
from connectors.memory.table import Refusal, Row
from connectors.memory.wire import Outcome, Wire, WireError, Write
from syncd.core.nouns import PushOp, Value

Before = dict[str, tuple[int, dict[str, Value]]]


async def save(wire: Wire, object: str, writes: Sequence[Write]) -> list[Outcome]:
    """Write rows one by one; one refused row leaves the others alone. Answers come in any order."""
    wire._enter("write")  # noqa: SLF001 - the same log-in, in a file of its own
    faults = wire.remote.faults
    await faults.reach("write.start", object)
    before = _snapshot(wire.remote, object, writes)
    await faults.reach("write.before_commit", object)
    if (late := faults.take("write.late_commit")) is not None:
        late.later(partial(_commit_all, wire, object, writes, before))
        raise WireError(0, "no_answer")
    outcomes = [await _commit_one(wire, object, w, before) for w in writes]
    await _answer(wire.remote, object)
    wire.remote.random.shuffle(outcomes)
    return outcomes


def _commit_all(wire: Wire, object: str, writes: Sequence[Write], before: Before) -> None:
    for write in writes:
        _commit(wire, object, write, before)


async def _answer(remote: MemoryRemote, object: str) -> None:
    if await remote.faults.reach("write.after_commit", object) is not None:
        remote.quirks.fired.add(15)
        raise WireError(500, "no_answer")
    await remote.faults.reach("write.answer", object)


async def _commit_one(wire: Wire, object: str, write: Write, before: Before) -> Outcome:
    await wire.remote.faults.reach("write.commit", object, write.remote_id)
    outcome = _commit(wire, object, write, before)
    outcome.lost = await wire.remote.faults.reach("write.uncertain", object, write.remote_id) is not None
    return outcome


def _snapshot(remote: MemoryRemote, object: str, writes: Sequence[Write]) -> Before:
    rows = remote.tables[object].rows if object in remote.tables else {}
    ids = [w.remote_id for w in writes if w.remote_id in rows]
    return {i: (rows[i].version, dict(rows[i].fields)) for i in ids if i is not None}


def _commit(wire: Wire, object: str, write: Write, before: Before) -> Outcome:
    try:
        row = _do(wire.remote, object, write, before)
    except Refusal as error:
        status = wire.remote.quirks.dress_errors
        if status is not None:
            wire.remote.quirks.fired.add(13)
        other = wire.remote.tables[object].rows.get(error.other or "")
        sent = None if other is None else wire._sent(other)  # noqa: SLF001
        return Outcome(write.ref, status or 400, sent, error)
    return Outcome(write.ref, 200, None if row is None else wire._sent(row))  # noqa: SLF001


def _do(remote: MemoryRemote, object: str, write: Write, before: Before) -> Row | None:
    table = remote.tables[object]
    if write.op is not PushOp.CREATE:
        _check_version(remote, object, write)
    fields = _known(remote, object, write.fields)
    edit = remote.begin()
    if write.op is PushOp.CREATE:
        key_field = table.shape.key_field
        keyed = {key_field: write.key} if key_field is not None and write.key is not None else {}
        edit.create(object, fields | keyed, write.key if remote.features.client_ids else None)
    elif write.op is PushOp.UPDATE:
        edit.update(object, str(write.remote_id), _whole(remote, object, write, before) | fields)
    elif write.op is PushOp.ARCHIVE:
        edit.archive(object, str(write.remote_id))
    else:
        edit.delete(object, str(write.remote_id))
    return edit.commit()[0]


def _check_version(remote: MemoryRemote, object: str, write: Write) -> None:
    row = remote.tables[object].live(str(write.remote_id))
    if row is None or row.id in remote.quirks.hidden:
        raise Refusal("not_found", "there is no such record")
    expected = write.version if remote.features.compare_and_set else None
    if expected is not None and str(row.version) != expected:
        raise Refusal("stale", "the record has changed")


def _known(remote: MemoryRemote, object: str, fields: object) -> dict[str, Value]:
    """The fields to write; unknown and read-only ones are refused, or ignored in silence."""
    shapes = remote.tables[object].fields
    given: dict[str, Value] = dict(fields)  # type: ignore[call-overload]
    for name in list(given):
        if name not in shapes and remote.quirks.ignore_unknown:
            remote.quirks.fired.add(20)
            del given[name]
        elif name in shapes and shapes[name].read_only:
            raise Refusal("read_only", f"{name} cannot be written", name)
    return given


def _whole(remote: MemoryRemote, object: str, write: Write, before: Before) -> dict[str, Value]:
    """The row as it was when the write began, where this CRM puts whole rows back."""
    old = before.get(str(write.remote_id))
    if not remote.quirks.rewrite_rows or old is None:
        return {}
    remote.quirks.fired.add(19)
    return old[1]
