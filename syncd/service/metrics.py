"""What Prometheus scrapes: counters of this process, and what waits in the store at that moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from syncd.engine.world import Counters
from syncd.service.daemon import Daemon
from syncd.store import views
from syncd.store.views import StreamView

COUNTED = {
    "read": ("changes_read", "Changes that were read."),
    "dropped": ("changes_dropped", "Changes that told nothing new."),
    "applied": ("changes_applied", "Changes that changed something."),
    "held": ("changes_held", "Changes that had to wait in the inbox."),
    "pushed": ("writes", "Records written."),
    "calls": ("calls", "Calls made for reading and writing."),
    "conflicts": ("conflicts", "Conflicts found, whoever decided them."),
    "parked": ("parked_items", "Items set aside."),
}
WAITING = {
    "behind": "Records that owe this system a write.",
    "inbox": "Changes that wait.",
    "waiting": "Records that wait for a reference's target.",
    "parked": "Items that were set aside and wait for a person.",
    "held": "Writes that a brake holds.",
}
LABELS = ("system", "kind")
Family = CounterMetricFamily | GaugeMetricFamily


async def metrics(daemon: Daemon) -> bytes:
    """The exposition text. Raises `StoreUnavailable`."""
    store = daemon.service.store
    streams = await views.streams(store, count_links=False)
    conflicts = await views.open_conflicts(store)
    registry = CollectorRegistry()
    registry.register(_Fixed([*_counted(daemon.counters()), *_waiting(streams), *_of_process(daemon)]))
    registry.register(_Fixed([_conflicts(conflicts), *_reads(daemon.counters(), daemon.service.clock.now())]))
    return generate_latest(registry)


def installed_version() -> str:
    """syncd's version; 0 where it runs without being installed."""
    try:
        return version("syncd")
    except PackageNotFoundError:
        return "0"


class _Fixed(Collector):
    """Hands out what was gathered before: a scrape's queries cannot be made from inside the registry."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


def _counted(counters: Mapping[tuple[str, str], Counters]) -> Iterator[Family]:
    for name, (metric, about) in COUNTED.items():
        family = CounterMetricFamily(f"syncd_{metric}", about, labels=LABELS)
        for labels, counted in counters.items():
            family.add_metric(labels, getattr(counted, name))
        yield family


def _waiting(streams: Sequence[StreamView]) -> Iterator[Family]:
    places = dict.fromkeys((view.system, view.kind) for view in streams)
    views_of = {place: [view for view in streams if (view.system, view.kind) == place] for place in places}
    for name, about in WAITING.items():
        family = GaugeMetricFamily(f"syncd_{name}", about, labels=LABELS)
        for labels, mine in views_of.items():
            family.add_metric(labels, sum(getattr(view, name) for view in mine))
        yield family
    brakes = GaugeMetricFamily("syncd_brakes_pulled", "Brakes that wait for a person.", labels=LABELS)
    for labels, mine in views_of.items():
        brakes.add_metric(labels, sum(len(view.brakes) for view in mine))
    yield brakes


def _reads(counters: Mapping[tuple[str, str], Counters], now: datetime) -> Iterator[Family]:
    lag = GaugeMetricFamily("syncd_read_lag_seconds", "Time since a read came to its end.", labels=LABELS)
    for labels, counted in counters.items():
        if counted.read_at is not None:
            lag.add_metric(labels, max(0.0, (now - counted.read_at).total_seconds()))
    yield lag


def _conflicts(conflicts: Mapping[str, int]) -> Family:
    family = GaugeMetricFamily("syncd_conflicts_open", "Conflicts that wait for a person.", labels=("kind",))
    for kind, number in conflicts.items():
        family.add_metric((kind,), number)
    return family


QUOTA = {
    "used": "Our requests in the vendor's window.",
    "ours": "How many of them the daemon may make by itself.",
    "limit": "The vendor's limit.",
    "remaining": "What is left by the vendor's last word.",
}


def _quotas(daemon: Daemon) -> Iterator[Family]:
    usages = {name: keeper.budget.usage() for name, keeper in daemon.service.keepers.items()}
    for name, about in QUOTA.items():
        family = GaugeMetricFamily(f"syncd_quota_{name}", about, labels=("system",))
        for system, usage in usages.items():
            value = getattr(usage, name)
            if value is not None and usage.limit is not None:
                family.add_metric((system,), value)
        yield family


def _of_process(daemon: Daemon) -> Iterator[Family]:
    troubles = daemon.troubles()
    up = GaugeMetricFamily("syncd_system_up", "1 where a system can be used.", labels=("system",))
    for system in daemon.service.looks:
        up.add_metric((system,), 0 if system in troubles else 1)
    yield up
    failing = GaugeMetricFamily("syncd_loop_failures", "Failures in a row, by loop.", labels=("loop",))
    for health in daemon.healths():
        failing.add_metric((health.name,), health.failures)
    yield failing
    yield from _quotas(daemon)
    webhooks = CounterMetricFamily("syncd_webhooks", "Webhooks that came.", labels=("system", "outcome"))
    for labels, number in daemon.deliveries.items():
        webhooks.add_metric(labels, number)
    yield webhooks
    store = daemon.service.store
    pruned = CounterMetricFamily("syncd_rows_pruned", "Rows that retention removed.", labels=("table",))
    for table, rows in (daemon.world.pruned if daemon.world is not None else {}).items():
        pruned.add_metric((table,), rows)
    yield pruned
    yield CounterMetricFamily("syncd_store_statements", "Statements sent to the store.", store.statements)
    yield GaugeMetricFamily("syncd_lease_left_seconds", "Time that the lease is ours.", store.lease_left())
    info = GaugeMetricFamily("syncd_info", "The running version.", labels=("version",))
    info.add_metric((installed_version(),), 1)
    yield info
