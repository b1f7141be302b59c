"""`syncd status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.asking import with_store
from syncd.cli.common import FINE, PROBLEMS, ConfigOption, JsonOption, call_of, when
from syncd.cli.tables import shown, table
from syncd.store.explain import moment

if TYPE_CHECKING:
    from syncd.store.store import Store
    from syncd.store.views import Holder, KindView, StreamView

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Status:
    """All that is shown. `daemon` is what `/readyz` says, None where no daemon answers."""

    streams: list[StreamView]
    kinds: list[KindView]
    holder: Holder
    daemon: dict[str, Any] | None
    store_bytes: int

    def waits_for_a_person(self) -> bool:
        """Whether something does not go on by itself."""
        return any(k.conflicts for k in self.kinds) or any(s.parked or s.brakes for s in self.streams)

    def troubles(self) -> Iterator[str]:
        """What the daemon says is wrong."""
        if self.daemon is None:
            return
        if self.daemon["store"] != "ok":
            yield f"store: {self.daemon['store']}"
        for name, why in self.daemon["systems"].items():
            if why:
                yield f"{name}: {why}"
        told = set(self.daemon["systems"].values())
        for loop in self.daemon["failing"]:
            if loop["trouble"] not in told:
                times = (
                    f"{loop['failures']} times in a row since {moment(datetime.fromisoformat(loop['since']))}"
                )
                yield f"{loop['loop']} failed {times}: {loop['trouble']}"


@app.command()
def status(
    ctx: typer.Context,
    config: ConfigOption = None,
    json: JsonOption = False,
    system: Annotated[str | None, typer.Option(help="Only this system.")] = None,
) -> None:
    """Show how every kind fares in every system: links, what is behind, what waits for whom.

    Ends with 1 where something waits for a person or is in trouble.
    """
    from syncd.service.health import ask_daemon
    from syncd.store import views

    call = call_of(ctx, config, json)
    settings = call.settings()

    async def look(store: Store) -> Status:
        streams = [s for s in await views.streams(store) if s.system in settings.systems]
        kinds, holder = await views.kinds(store), await views.holder(store)
        daemon = await ask_daemon(settings) if holder.runs else None
        return Status(streams, kinds, holder, daemon, await views.size(store))

    found = with_store(call, look)
    found = replace(found, streams=[s for s in found.streams if system in (None, s.system)])
    call.show(_data(found), _text(found))
    troubled = found.waits_for_a_person() or any(True for _ in found.troubles())
    raise typer.Exit(PROBLEMS if troubled else FINE)


def _data(found: Status) -> dict[str, Any]:
    return {
        "streams": [asdict(stream) for stream in found.streams],
        "kinds": [asdict(kind) for kind in found.kinds],
        "store_bytes": found.store_bytes,
        "daemon": {"runs": found.holder.runs, "holder": found.holder.holder, "says": found.daemon},
        "troubles": list(found.troubles()),
    }


def _text(found: Status) -> Any:
    from rich.console import Group

    now = datetime.now(UTC)
    if not found.streams:
        return Group(_of_daemon(found), "nothing was synced yet: `syncd run` starts it")
    columns = ("system", "kind", "links", "behind", "inbox", "waits", "parked", "held", "last news", "swept")
    several = Counter((stream.system, stream.kind) for stream in found.streams)
    rows = [_row(s, now, alone=several[s.system, s.kind] == 1) for s in found.streams]
    numbers = ("behind", "inbox", "waits", "parked", "held")
    streams = table("", *columns, rows=rows, numbers=numbers)
    kind_rows = [(k.kind, k.records, k.deleted, k.conflicts) for k in found.kinds]
    counts = ("records", "deleted", "conflicts")
    kinds = table("", "kind", *counts, rows=kind_rows, numbers=counts)
    size = f"the store takes {found.store_bytes / 1_000_000:,.0f} MB"
    said = [
        *_quotas(found),
        *_webhooks(found),
        *_notes(found),
        *(shown(trouble) for trouble in found.troubles()),
    ]
    return Group(_of_daemon(found), streams, kinds, size, *said)


def _quotas(found: Status) -> Iterator[str]:
    """What is used of the systems' quotas."""
    for system, told in (found.daemon or {}).get("quota", {}).items():
        if told["limit"] is None:
            yield shown(f"quota of {system}: its limit was not told yet; {told['used']} requests were made")
            continue
        span = f" in {told['window'] / 3600:g} h" if told["window"] else ""
        ours = f" of our {told['ours']:,}" if told["ours"] is not None else ""
        left = f", {told['remaining']:,} left" if told["remaining"] is not None else ""
        state = "" if told["state"] == "fine" else f": {told['state']}"
        used, limit = f"{told['used']:,}{ours} used", f"limit {told['limit']:,}{span}{left}"
        yield shown(f"quota of {system}: {used}; {limit}{state}")


def _webhooks(found: Status) -> Iterator[str]:
    """What came since the daemon started."""
    for system, outcomes in (found.daemon or {}).get("webhooks", {}).items():
        told = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
        yield shown(f"webhooks {f'of {system}' if system else 'for nobody'}: {told}")


def _notes(found: Status) -> Iterator[str]:
    """What goes on in another way than configured."""
    for system, notes in (found.daemon or {}).get("notes", {}).items():
        yield from (shown(f"{system}: {note}") for note in notes)


def _row(stream: StreamView, now: datetime, *, alone: bool) -> tuple[Any, ...]:
    kind = stream.kind if alone else f"{stream.kind} ({stream.object})"
    links = ", ".join(f"{n} {state}" for state, n in stream.links.items()) or "none"
    held = f"{stream.held} ({', '.join(stream.brakes)})" if stream.brakes else stream.held
    swept = "asked for" if stream.sweep_asked else when(stream.swept_at, now)
    return (
        *(stream.system, kind, links, stream.behind, stream.inbox, stream.waiting, stream.parked),
        *(held, when(stream.read_at, now), swept),
    )


def _of_daemon(found: Status) -> str:
    if not found.holder.runs:
        return "no daemon runs"
    says = "does not answer on its port" if found.daemon is None else found.daemon["status"]
    return shown(f"daemon ({found.holder.holder}): {says}")
