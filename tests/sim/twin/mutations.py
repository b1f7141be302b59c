"""Bugs planted in the engine, each a small patch that the twin must find.

`old` stands exactly once in its file, so a change of the code that makes a mutation meaningless is seen.
"""

from __future__ import annotations

from dataclasses import replace

from tests.sim.mutations import MUTATIONS as OF_THE_LINK
from tests.sim.mutations import Mutation

ALSO_OF_THE_LINK = (
    "what the shadow holds already is sent",
    "the shadow set to what we sent",
    "the newer of two concurrent values wins without a clash",
    "an open conflict is pushed",
    "an uncertain write treated as accepted",
    "agreed raised although the record's value stood against it",
    "a blocked field marked agreed",
    "an equal read dropped although the version moved",
    "one agreed version per link",
)
"""Bugs of the pure link machine that the whole engine must show as well."""

MUTATIONS = (
    *(replace(m, file=f"conflict/{m.file}") for m in OF_THE_LINK if m.name in ALSO_OF_THE_LINK),
    Mutation(
        "absent is read as null",
        "syncd/engine/apply.py",
        "    return fields if fields.keys() <= mapped else "
        "{n: v for n, v in fields.items() if n in mapped}\n",
        "    return {name: fields.get(name) for name in mapped}\n",
        "what was not told is not cleared",
    ),
    Mutation(
        "what was planned on an older state is crossed off",
        "syncd/engine/push.py",
        "plan.keep_those_that_stand(lambda record: self.world.touched.stands(self.stream.id, record))\n",
        "pass\n",
        "nothing is crossed off that was planned on an older state",
    ),
    Mutation(
        "a doubt outlives the read that ends it",
        "syncd/engine/push.py",
        "plan.unsayable or plan.unread or sure):\n",
        "plan.unsayable or plan.unread):\n",
        "what became of a create is known once its record was read",
    ),
    Mutation(
        "a read answers only who asked before it began",
        "syncd/engine/world.py",
        "            self.refetch[stream, remote_id] = max(row, self.refetch.get((stream, remote_id), 0))\n",
        "            self.refetch[stream, remote_id] = 1 << 62\n"
        "            self.fetching.pop((stream, remote_id), None)\n",
        "what waits is known by its inbox row",
    ),
    Mutation(
        "the cursor commits before its page",
        "syncd/engine/intake.py",
        """        async with self.world.store.write(numbers=5 * len(items) + 100) as tx:
            batch = await apply(
""",
        """        if cursor is not None:
            async with self.world.store.write() as tx:
                await tx.execute(_CURSOR, self.stream.id, cursor.token)
        async with self.world.store.write(numbers=5 * len(items) + 100) as tx:
            batch = await apply(
""",
        "the cursor and what the page did commit together",
    ),
    Mutation(
        "no intent is written before a call",
        "syncd/engine/send.py",
        "            await begin_send(one, send)\n",
        "",
        "intent before create",
    ),
    Mutation(
        "reads are applied while a write is in flight",
        "syncd/engine/decide.py",
        "    flying = (stream.id, record.record_id) in world.flying\n",
        "    flying = False\n",
        "one write in flight per link, and no read is applied meanwhile",
    ),
    Mutation(
        "results are matched by position",
        "syncd/engine/settle.py",
        '            result = by_id.get(push_id, Uncertain(push_id, "the answer left this record out"))\n',
        "            result = results[batch.index(todo)] if len(results) == len(batch) else "
        'Uncertain(push_id, "")\n',
        "exactly one result per push, by push_id",
    ),
    Mutation(
        "a stale write counts as done",
        "syncd/engine/settle.py",
        '            out.holds += [Hold(todo.link.remote_id, "repush", None)] if todo.link else []\n'
        "        case Exists():\n",
        "            out.done += todo.outbox\n        case Exists():\n",
        "compare-and-set: what is stale is read and written again",
    ),
    Mutation(
        "an uncertain update counts as done",
        "syncd/engine/settle.py",
        "        link = uncertain(todo.link, todo.due.fields, todo.due.versions)\n"
        "        out.links.append(unheard(link) if todo.op in _REMOVES else link)\n"
        "        out.sent.append((todo.link, todo.due.fields, None))\n"
        "        out.looks += look_for(stream, todo, todo.due.fields, None)\n"
        "        out.holds.append(_look(world, stream, out, todo, todo.link.remote_id))\n",
        "        out.done += todo.outbox\n",
        "an uncertain write stays sent until settled",
    ),
    Mutation(
        "an uncertain create is tried again at once",
        "syncd/engine/settle.py",
        "    out.done += todo.outbox\n    out.notes.append(create_unknown(",
        "    return\n    out.notes.append(create_unknown(",
        "match keys never prove a create; without a key nothing is tried again",
    ),
    Mutation(
        "a create is not looked for before it is tried again",
        "syncd/engine/push.py",
        "        return sure + [t for t in ripe if keys[t.record.record_id] not in found]\n",
        "        return sure + ripe\n",
        "after an uncertain answer our key is looked for",
    ),
    Mutation(
        "a create is looked for before the index shows it",
        "syncd/engine/settle.py",
        "        at = world.clock.monotonic() + stream.can.find_lag\n",
        "        at = world.clock.monotonic()\n",
        "an index lags: what it does not show yet may be there",
    ),
    Mutation(
        "no read before an overwrite",
        "syncd/engine/push.py",
        '        if stream.guard == "none" or not linked or stream.fetcher is None:\n',
        "        if True:\n",
        "read before overwrite",
    ),
    Mutation(
        "a guard read that differs is written over",
        "syncd/engine/push.py",
        "        moved = [t for t in linked if t.link is not None and self._moved(t.link, shown)]\n",
        "        moved: list[Todo] = []\n",
        "a link whose guard read differs drops its push",
    ),
    Mutation(
        "no version goes with a write",
        "syncd/engine/send.py",
        'version if self.stream.guard != "none" else None,\n',
        "None,\n",
        "compare-and-set where there is one",
    ),
    Mutation(
        "old evidence is taken for new",
        "syncd/engine/intake.py",
        "        return self._lagging.note(self.world.clock.monotonic(), self.world.store.seq())\n",
        "        return self.world.store.seq()\n",
        "a lagging feed shows what was, not what is",
    ),
    Mutation(
        "a page that was cut short counts as whole",
        "connectors/memory/connector.py",
        "        if listing.count != len(listing.rows):\n",
        "        if False:\n",
        "a truncated page fails the run",
    ),
    Mutation(
        "what a scan misses is not looked at",
        "syncd/engine/sweep.py",
        "        if self.stream.can.deletes_found_by_scan and self.stream.fetcher is not None:\n",
        "        if False:\n",
        "a delete that no feed tells of is found by the sweep",
    ),
    Mutation(
        "a lost copy is created again",
        "syncd/engine/owed.py",
        "        if link.state is not LinkState.LIVE:\n            return None, Due()\n",
        "        if link.state is LinkState.GONE and not record.deleted:\n"
        "            return PushOp.CREATE, due_on_create(record, self.stream.due_map, refs)\n"
        "        if link.state is not LinkState.LIVE:\n            return None, Due()\n",
        "any link row forbids a create",
    ),
    Mutation(
        "strangers do not wait for an open create",
        "syncd/engine/world.py",
        "any(self.creating.get(n) for n in peers) or any(n in peers for n, _ in self.retrying)\n",
        "False\n",
        "an unknown id waits for the answer of an open create",
    ),
    Mutation(
        "a crash forgets what was open",
        "syncd/engine/recover.py",
        "    for send in sends:\n        await reopen(world, send)\n",
        "",
        "what a crash left open is uncertain",
    ),
    Mutation(
        "held changes of an id lose their order",
        "syncd/engine/decide.py",
        "    if item.inbox is None and (batch.stream.id, remote_id) in world.queued:\n",
        "    if False:\n",
        "several changes of one record are applied in order",
    ),
    Mutation(
        "duplicates in one system collapse",
        "syncd/engine/strangers.py",
        "        if record not in batch.linked_here and not batch.records[record].deleted\n",
        "        if not batch.records[record].deleted\n",
        "one live link per record and system",
    ),
    Mutation(
        "a reference is attached before its target is there, never after",
        "syncd/engine/save.py",
        "    blocked = await queues.take_waits_out(tx, stream, [record for _, record in born])\n",
        "    blocked: list[Any] = []\n",
        "a record is written at once, its reference when the target exists",
    ),
    Mutation(
        "a read reference waits for ever",
        "syncd/engine/save.py",
        "    waiting = await queues.take_waits_in(tx, stream, [remote for remote, _ in born])\n",
        "    waiting: list[Any] = []\n",
        "what waits for a target enters again when it is linked",
    ),
    Mutation(
        "a planned write is sent though the record moved",
        "syncd/engine/send.py",
        "            batch[:] = [t for t in batch if world.touched.stands(stream.id, t.record.record_id)]\n",
        "",
        "nothing is sent that was planned on an older state",
    ),
    Mutation(
        "a delete spreads also where an edit fights it",
        "conflict/deletes.py",
        "    if unseen and against is not Against.DELETE_WINS:\n",
        "    if False:\n",
        "edit against delete by policy",
    ),
    Mutation(
        "a restore goes unnoticed",
        "syncd/engine/decide.py",
        "    back = link.state is LinkState.GONE or again\n    if back:\n",
        "    if link.state is LinkState.GONE:\n        return\n    back = again\n    if back:\n",
        "a restored record's link returns",
    ),
    Mutation(
        "the loser is not listed",
        "syncd/engine/save.py",
        "    await queues.note_clashes(tx, world.store, world.config, batch.clashes)\n",
        "",
        "nothing is discarded without an entry",
    ),
    Mutation(
        "a refused write is tried for ever",
        "syncd/engine/settle.py",
        "    out.done += todo.outbox\n    world.pointed.pop",
        "    world.pointed.pop",
        "what can never succeed is parked",
    ),
    Mutation(
        "reads are not judged by their evidence",
        "conflict/link.py",
        "    if change.evidence < link.evidence:\n",
        "    if False:\n",
        "old evidence is not evidence",
    ),
    Mutation(
        "a cursor goes on behind its moment, not behind its place",
        "connectors/memory/connector.py",
        "                position = listing.last\n",
        '                position = (listing.last[0], "\\uffff")\n',
        "`>` where `>=` is meant: what shares the last one's moment is on the next page",
    ),
    Mutation(
        "an echo is told by who wrote last",
        "syncd/engine/apply.py",
        "    if known is None or (batch.stream.id, remote_id) in world.flying_ids:\n        return False\n",
        "    if known is None or (batch.stream.id, remote_id) in world.flying_ids:\n        return False\n"
        "    last = (world.sent.get((batch.stream.id, remote_id)) or [None])[-1]\n"
        "    if last and all(item.fields.get(name) == value for name, value in last.sent.items()):\n"
        "        return True  # the last to write it was our user\n",
        "an echo is what differs in nothing from the shadow, whoever wrote last",
    ),
    Mutation(
        "a delete leaves no tombstone",
        "syncd/engine/save.py",
        "    await _save_keys(tx, world.kind_of(batch.stream), batch)\n",
        "    await tx.execute(\"delete from links where state = 'gone'\")\n"
        "    await _save_keys(tx, world.kind_of(batch.stream), batch)\n",
        "tombstones outlive every replay window",
    ),
    Mutation(
        "a brake is off by one",
        "syncd/engine/brakes.py",
        "        return limit is None or used + wanted <= limit\n",
        "        return limit is None or used + wanted <= limit + 1\n",
        "no more than the configured number without a person's approval",
    ),
    Mutation(
        "a lease without a fence",
        "syncd/store/lease.py",
        " and token = {self.token} for key share",
        " for key share",
        "the lease fences other processes inside every transaction",
    ),
)

LIKELY = {
    "what the shadow holds already is sent": "calm",
    "the shadow set to what we sent": "bent values",
    "the newer of two concurrent values wins without a clash": "feeds lag",
    "an open conflict is pushed": "calm",
    "an uncertain write treated as accepted": "answers are lost",
    "agreed raised although the record's value stood against it": "answering rules",
    "a blocked field marked agreed": "late parents",
    "an equal read dropped although the version moved": "bumped versions",
    "one agreed version per link": "calm",
    "absent is read as null": "calm",
    "what was planned on an older state is crossed off": "all at once",
    "a doubt outlives the read that ends it": "answers are lost",
    "a read answers only who asked before it began": "feeds lag",
    "the cursor commits before its page": "dies reading",
    "no intent is written before a call": "dies writing",
    "reads are applied while a write is in flight": "answering rules",
    "results are matched by position": "calm",
    "a stale write counts as done": "bumped versions",
    "an uncertain update counts as done": "answers are lost",
    "an uncertain create is tried again at once": "answers are lost",
    "a create is not looked for before it is tried again": "late feeds",
    "a create is looked for before the index shows it": "late feeds",
    "no read before an overwrite": "feeds lag",
    "a guard read that differs is written over": "feeds lag",
    "no version goes with a write": "calm",
    "old evidence is taken for new": "far indexes",
    "a page that was cut short counts as whole": "cut pages",
    "what a scan misses is not looked at": "deletes and restores",
    "a lost copy is created again": "deletes and restores",
    "strangers do not wait for an open create": "answers are lost",
    "a crash forgets what was open": "dies writing",
    "held changes of an id lose their order": "waiting strangers",
    "duplicates in one system collapse": "all at once",
    "a reference is attached before its target is there, never after": "late parents",
    "a read reference waits for ever": "late parents",
    "a planned write is sent though the record moved": "taken back",
    "a delete spreads also where an edit fights it": "deletes and restores",
    "a restore goes unnoticed": "taken back",
    "the loser is not listed": "feeds lag",
    "a refused write is tried for ever": "calm",
    "reads are not judged by their evidence": "far indexes",
    "a cursor goes on behind its moment, not behind its place": "dies reading",
    "an echo is told by who wrote last": "all at once",
    "a delete leaves no tombstone": "deletes and restores",
    "a brake is off by one": "masses",
    "a lease without a fence": "the daemon itself",
}
"""The mood or aim of the seeds in which each bug is likely to show."""
