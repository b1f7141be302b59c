"""A field that a remote never reported is not written blindly, and is not left alone for that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from syncd.store.store import Store
from tests.support.hubspot import PortalRig


async def test_what_a_create_left_empty_is_read_before_it_is_written(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    """The portal's answer names what was sent, and its index hides the new contact from every poll."""
    async with PortalRig.made(store, fresh_database, tmp_path) as portal:
        hidden = portal.sandbox.arm("hide_new", object="contacts", lists=True)
        await portal.con.execute("insert into people (first, mail) values ('Ann', 'ann@acme.com')")
        await portal.rig.settle()
        await portal.con.execute("update people set tel = '+1 5'")
        await portal.rig.settle()
        (contact,) = portal.contacts().values()
        assert contact["phone"] == "+1 5"
        assert hidden.fired
        before = portal.used
        await portal.rig.settle()
        assert portal.used - before <= 4, "polls alone"
