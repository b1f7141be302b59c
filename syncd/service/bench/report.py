"""The figures: as JSON, and as tables for the screen."""

from __future__ import annotations

import platform
from statistics import median, quantiles
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from syncd.service.bench.meter import MB, Cost
from syncd.service.bench.parts import Bulk, Trickle
from syncd.service.bench.script import Found

QUIET_US = 10.0
"""A bare loop above this many µs a record says that the machine was busy: then no ratio counts."""
Figures = dict[str, Any]


def figures(found: Found) -> Figures:
    """Everything as plain values; see docs/benchmark.md for their meaning."""
    bare = median(found.bare) / 1000
    bulk = {name: _bulk(part, bare) for name, part in found.bulk.items()}
    for name in ("first_sync", "updates"):
        if f"{name}_large" in bulk:
            large, small = bulk[f"{name}_large"]["cpu_ms_per_record"], bulk[name]["cpu_ms_per_record"]
            both = (large["syncd"] + large["postgresql"]) / (small["syncd"] + small["postgresql"])
            bulk[f"{name}_large"]["to_small_store"] = round(both, 2)
    parts = bulk | {name: _trickle(part) for name, part in found.trickles.items()}
    asked = found.asked
    return {
        "records": asked.records,
        "preload": asked.preload,
        "rate": asked.rate,
        "seconds": asked.seconds,
        "profiled": asked.profile is not None,
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cpus": found.cpus,
            "load": [round(load, 2) for load in found.load],
        },
        "bare_loop": {
            "cpu_ms_per_record": _rounded(bare),
            "passes_us": [round(one, 2) for one in found.bare],
            "counts": bare * 1000 <= QUIET_US,
        },
        "parts": parts,
        "peak_memory_mb": max(part["peak_memory_mb"] for part in parts.values()),
    }


def _bulk(part: Bulk, bare: float) -> Figures:
    whole = _cost(part.arrived + part.echoes)
    cpu = whole["cpu_ms_per_record"]
    return {
        **whole,
        "records_per_s": round(part.arrived.records / part.arrived.seconds),
        "ratio": {
            "syncd": round(cpu["syncd"] / bare, 2),
            "with_postgresql": round((cpu["syncd"] + cpu["postgresql"]) / bare, 2),
        },
        "until_arrived": _cost(part.arrived),
        "echoes": _cost(part.echoes),
        **part.more,
    }


def _trickle(part: Trickle) -> Figures:
    return {**_cost(part.cost), "latency_ms": _latency(part.latencies)}


def _cost(cost: Cost) -> Figures:
    each = 1000 / cost.records
    return {
        "records": cost.records,
        "seconds": round(cost.seconds, 2),
        "cpu_ms_per_record": {
            "syncd": _rounded(cost.syncd * each),
            "postgresql": _rounded(cost.server * each),
        },
        "calls": cost.calls,
        "calls_per_record": _rounded(sum(cost.calls.values()) / cost.records),
        "peak_memory_mb": round(cost.peak / MB, 1),
    }


def _latency(found: list[float]) -> Figures:
    if len(found) < 2:
        return {"edits": len(found)}
    cuts = quantiles(found, n=100, method="inclusive")
    return {
        "edits": len(found),
        "p50": round(cuts[49], 1),
        "p99": round(cuts[98], 1),
        "mean": round(sum(found) / len(found), 2),
        "max": max(found),
    }


def _rounded(value: float) -> float:
    return round(value, 5)


# -- for the screen ----------------------------------------------------------------------------------

TITLES = {
    "first_sync": "first sync",
    "updates": "updates both ways",
    "preload": "preload",
    "first_sync_large": "first sync, large store",
    "updates_large": "updates, large store",
    "webhooks": "webhooks",
    "linger": "webhooks, lingering",
    "notify": "SQL with NOTIFY",
}


def shown(told: Figures) -> Group:
    """Tables of the same."""
    bulk = {name: part for name, part in told["parts"].items() if "ratio" in part}
    trickles = {name: part for name, part in told["parts"].items() if "latency_ms" in part}
    bare = told["bare_loop"]
    lines = [f"bare loop: {bare['cpu_ms_per_record'] * 1000:.1f} µs of CPU a record"]
    if not bare["counts"]:
        lines.append(f"That is over {QUIET_US:.0f} µs: the machine was busy, and the ratios do not count.")
    if told["profiled"]:
        lines.append("It was looked into while it ran: figures are a few per cent too high.")
    lines += [
        f"{TITLES[name]}: {part['differences']} records differ between the systems."
        for name, part in bulk.items()
        if part.get("differences")
    ]
    tables = [_bulk_table(bulk)] if bulk else []
    return Group(*tables, *([_trickle_table(trickles)] if trickles else []), Text("\n".join(lines)))


def _bulk_table(parts: Figures) -> Table:
    made = _table("", "records/s", "syncd µs", "PostgreSQL µs", "ratio", "with PG", "calls/record", "peak MB")
    for name, part in parts.items():
        cpu, ratio = part["cpu_ms_per_record"], part["ratio"]
        made.add_row(
            TITLES[name],
            f"{part['records_per_s']}",
            *(f"{cpu[whose] * 1000:.1f}" for whose in ("syncd", "postgresql")),
            *(f"{ratio[whose]:.1f}" for whose in ("syncd", "with_postgresql")),
            f"{part['calls_per_record']:.4f}",
            f"{part['peak_memory_mb']:.0f}",
        )
    return made


def _trickle_table(parts: Figures) -> Table:
    made = _table("", "edits", "p50 ms", "p99 ms", "syncd ms", "PostgreSQL ms", "calls/edit", "peak MB")
    for name, part in parts.items():
        cpu, late = part["cpu_ms_per_record"], part["latency_ms"]
        made.add_row(
            TITLES[name],
            f"{late['edits']}",
            *(f"{late.get(word, 0):.1f}" for word in ("p50", "p99")),
            *(f"{cpu[whose]:.2f}" for whose in ("syncd", "postgresql")),
            f"{part['calls_per_record']:.3f}",
            f"{part['peak_memory_mb']:.0f}",
        )
    return made


def _table(*columns: str) -> Table:
    made = Table(box=None, header_style="dim", pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made
