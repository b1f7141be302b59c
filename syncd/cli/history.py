"""`syncd history`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from syncd.cli.common import ConfigOption, JsonOption, call_of
from syncd.cli.explain import Ident, Kind, heading, story_of
from syncd.cli.tables import brief, shown, table
from syncd.store.explain import moment
from syncd.store.history import ITSELF, Decision, Story, Version

if TYPE_CHECKING:
    from rich.console import Group

app = typer.Typer()


@app.command()
def history(
    ctx: typer.Context, kind: Kind, ident: Ident, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Every version of a record in order: what changed, by whom and when; deletes and verdicts."""
    call = call_of(ctx, config, json)
    story = story_of(call, kind, ident)
    call.show(as_data(story), _text(story))


def as_data(story: Story) -> dict[str, Any]:
    """For JSON."""
    record = story.record
    return {
        "kind": record.kind,
        "record_id": record.record_id,
        "deleted": record.deleted,
        "fields": dict(record.fields),
        "history_from": story.kept.history,
        "versions": [asdict(version) for version in story.versions],
        "decisions": [asdict(decision) for decision in story.decisions],
    }


def _text(story: Story) -> Group:
    from rich.console import Group

    columns = ("version", "when", "by", "event", "what", "before", "after")
    rows = [row for version in story.versions for row in _rows(version)]
    parts: list[Any] = [shown(heading(story)), table("", *columns, rows=rows, numbers=("version", "event"))]
    if story.pruned and story.kept.history is not None:
        parts.append(
            f"complete from {moment(story.kept.history)} on; of what was before, only what still stood then"
        )
    if story.decisions:
        told = [_decided(decision) for decision in story.decisions]
        columns = ("conflict", "opened", "field", "state", "candidates", "why", "ended")
        parts.append(table("\nclashes", *columns, rows=told, numbers=("conflict",)))
    return Group(*parts)


def _rows(version: Version) -> list[tuple[Any, ...]]:
    """A line per changed field; the first one carries who and when."""
    by = f"{version.system} ({version.source})" if version.source else version.system
    head = (version.version, moment(version.at), by, version.event or "")
    lines = [_line(version, name) for name in version.changes] or [("nothing", "", "")]
    return [(*(head if n == 0 else ("", "", "", "")), *line) for n, line in enumerate(lines)]


def _line(version: Version, name: str) -> tuple[str, str, str]:
    after = version.changes[name]
    if name == ITSELF:
        return ("the record", "", "deleted" if after == "delete" else "kept, or back")
    unknown = "-" if version.before_known else "?"
    return (name, brief(version.before[name]) if name in version.before else unknown, brief(after))


def _decided(decision: Decision) -> tuple[Any, ...]:
    sides = " | ".join(f"{brief(c['value'])} ({c['system']})" for c in decision.candidates)
    by = " by a person" if (decision.verdict or {}).get("rule") == "person" else ""
    ended = moment(decision.closed) if decision.closed else ""
    field = decision.field or "the record"
    return (
        decision.conflict,
        moment(decision.opened),
        field,
        decision.state + by,
        sides,
        decision.why,
        ended,
    )
