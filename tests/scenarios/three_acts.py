"""What else people do in the three systems: they delete, bring back, merge; and what must be left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.sandboxes.faults import Fault
from tests.scenarios.three_edits import FIELDS, Crowd, Edit
from tests.scenarios.three_links import advise as advise_by
from tests.scenarios.three_links import advised, others, pointed, untie
from tests.scenarios.three_way import KEPT, PLACES, SIDES, ThreeWay


async def meet(three: ThreeWay, crowd: Crowd, faults: Sequence[Fault]) -> None:
    """People edit on until each fault was met: into how many calls their edits go is up to the machine."""
    for _ in range(10):
        for fault in (fault for fault in faults if not fault.fired):
            kind = next(kind for kind, places in PLACES.items() if fault.object in places.values())
            ((record, ids),) = await crowd.take(kind, 1)
            await crowd.do([await crowd.edit(kind, record, ids, "crm", next(iter(FIELDS[kind])))])
            await three.until(three.at_rest)


async def leave(three: ThreeWay, crowd: Crowd) -> None:
    """Deletes against edits, deletes, and a create with the same key (F28); then a restore (F33)."""
    (_, kept), (_, both), (_, again), (_, back) = await crowd.take("contact", 4)
    mails = {id: row["email"] for id, row in (await three.rows("sales", "contact")).items()}
    async with three.hand.transaction():
        await delete(three, "crm", kept)
        await delete(three, "crm", both)
        three.marketing.people.edit("contacts", id=kept["marketing"], fields={"jobtitle": KEPT})
        three.sales.people.edit("Contact", "delete", id=both["sales"])
    await three.until(lambda: _gone(three, both))
    await three.until(three.at_rest)
    assert await _says(three, "marketing", kept, "title", KEPT), "whatever was heard first, the edit wins"
    assert kept["crm"] not in await three.rows("crm", "contact")
    mail = mails[again["sales"]] or "again@x.example"
    async with three.hand.transaction():
        row = (await three.rows("crm", "contact"))[again["crm"]]
        three.marketing.people.edit("contacts", "delete", id=again["marketing"])
        new = await three.insert("contact", {**row, "salutation": None, "email": mail, "title": "New here"})
    await three.swept()  # the webhook may be one of those that never come
    await three.until(lambda: _gone(three, again))
    await three.until(lambda: _alone(three, mail))
    assert (await three.rows("crm", "contact"))[new]["title"] == "New here"
    await _restored(three, back)


async def _restored(three: ThreeWay, ids: dict[str, str]) -> None:
    name = f"Lazarus {ids['sales'][-6:]}"
    three.sales.people.edit("Contact", id=ids["sales"], fields={"LastName": name, "Email": "laz@x.example"})
    await three.until(lambda: _says(three, "crm", ids, "email", "laz@x.example"))
    three.sales.people.edit("Contact", "delete", id=ids["sales"])
    await three.until(lambda: _gone(three, ids))
    three.sales.people.edit("Contact", "restore", id=ids["sales"])
    await three.until(lambda: _alone(three, "laz@x.example"))
    assert ids["sales"] in await three.rows("sales", "contact")


async def delete(three: ThreeWay, side: str, ids: dict[str, str]) -> None:
    """Somebody deletes a contact."""
    if side == "crm":
        assert await three.hand.execute("delete from persons where pid::text = $1", ids["crm"]) == "DELETE 1"
    else:
        place = "Contact" if side == "sales" else "contacts"
        three.sandbox(side).people.edit(place, "delete", id=ids[side])


async def merge(three: ThreeWay, crowd: Crowd) -> None:
    """Three are found to be one, in each system by itself, while somebody edits one that goes (F32).

    The portal's has the companies of all then, and the deal of one.
    """
    there = await three.rows("marketing", "contact")
    firms = {}
    for _, ids in await crowd.take("contact", 12, lambda row: row["account"]):
        firms.setdefault(there[ids["marketing"]]["account"], ids)
    left, gone, third = list(firms.values())[:3]
    ((_, deal),) = await crowd.take("deal", 1)
    await three.hand.execute(GIVE, deal["crm"], gone["crm"])
    await three.until(three.at_rest)
    three.sales.people.edit("Contact", "merge", id=left["sales"], loser=gone["sales"])
    three.marketing.people.edit("contacts", "merge", id=left["marketing"], loser=gone["marketing"])
    await three.hand.execute("update persons set job = 'Merged' where pid::text = $1", gone["crm"])
    await three.until(lambda: _joined(three, left))
    new = max(await three.rows("marketing", "contact"), key=int)
    three.marketing.people.edit("contacts", "merge", id=new, loser=third["marketing"])
    three.sales.people.edit("Contact", "merge", id=left["sales"], loser=third["sales"])
    kept = await _second_ones_go(three, deal, [left, gone, third])
    assert (await three.rows("sales", "deal"))[deal["sales"]]["contact"] == left["sales"]
    new = max(await three.rows("marketing", "contact"), key=int)
    await _leave_the_firm(three, new, kept["crm"], list(firms)[:3])


async def _second_ones_go(
    three: ThreeWay, deal: dict[str, str], copies: list[dict[str, str]]
) -> dict[str, str]:
    """Who sees in the list which rows of one person are second ones deletes them; the one that is left.

    Which one that is depends on whose merge was heard first.
    """
    second: list[dict[str, str]] = []

    async def all_listed() -> bool:
        second[:] = await _listed(three, copies)
        return len(second) == len(copies) - 1 and not await three.left()

    async def heard() -> bool:
        return not await _listed(three, second) and await three.at_rest()

    await three.until(all_listed)
    (kept,) = [one for one in copies if one not in second]
    await three.hand.execute(GIVE, deal["crm"], kept["crm"])
    for one in second:
        await delete(three, "crm", one)
    await three.until(heard)
    assert kept["crm"] in await three.rows("crm", "contact")
    return kept


async def _listed(three: ThreeWay, copies: list[dict[str, str]]) -> list[dict[str, str]]:
    """Those whose row in the database is listed as a second one."""
    sql = """select remote_id from parked join streams using (stream)
    where system = 'crm' and code = 'duplicate'"""
    ids = {row["remote_id"] for row in await three.store.fetch(sql)}
    return [one for one in copies if one["crm"] in ids]


GIVE = "update deals set person = $2::text::uuid where deal_no::text = $1"


async def _leave_the_firm(three: ThreeWay, contact: str, person: str, firms: list[str]) -> None:
    """Cleared elsewhere, the portal's would say another of its companies: that is listed until they go."""
    hub = three.marketing
    assert set(others(hub, "contacts", contact, "companies")) == set(firms)
    firm = pointed(hub, "contacts", contact, "companies")
    assert firm in firms

    async def refused() -> bool:
        return (await three.parked())["SEVERAL_ASSOCIATIONS"] == 1 and not await three.left()

    await three.hand.execute("update persons set customer = null where pid::text = $1", person)
    await three.until(refused)
    assert pointed(hub, "contacts", contact, "companies") == firm
    for other in firms:
        untie(hub, "contacts", contact, "companies", other)

    async def over() -> bool:
        return not (await three.parked())["SEVERAL_ASSOCIATIONS"] and await three.at_rest()

    await three.until(over)


async def advise(three: ThreeWay, crowd: Crowd) -> Callable[[], bool]:
    """Labels of the portal's own at companies that count and at others; then each side says other ones.

    Answers what tells whether the labels are where they were put.
    """
    hub, edits, put = three.marketing, list[Edit](), dict[tuple[str, str], set[str]]()
    ((_, another),) = await crowd.take("account", 1)
    for kind, sides in (("contact", SIDES), ("deal", ("crm", "sales"))):
        place, rows = PLACES[kind]["marketing"], await three.rows("marketing", kind)
        taken = await crowd.take(kind, len(sides), lambda row: row["account"])
        for side, (record, ids) in zip(sides, taken, strict=True):
            id = ids["marketing"]
            put[place, id] = {rows[id]["account"], another["marketing"]}
            for firm in put[place, id]:
                advise_by(hub, place, id, "companies", firm)
            edits.append(await crowd.edit(kind, record, ids, side, "account"))
    await crowd.do(edits)
    return lambda: all(advised(hub, *at, "companies") == firms for at, firms in put.items())


async def _joined(three: ThreeWay, ids: dict[str, str]) -> bool:
    return not await three.left()


async def _says(three: ThreeWay, side: str, ids: dict[str, str], name: str, value: str) -> bool:
    row = (await three.rows(side, "contact")).get(ids[side])
    return row is not None and row[name] == value


async def _gone(three: ThreeWay, ids: dict[str, str]) -> bool:
    return all([ids[side] not in await three.rows(side, "contact") for side in SIDES])


async def _alone(three: ThreeWay, mail: str) -> bool:
    """Exactly one has the address, in each."""
    return all([(await three.who(side, "contact"))[mail] == 1 for side in SIDES])
