"""The words of a profile's `pubsub`: what is captured, what is kept, and how the bus misbehaves."""

from __future__ import annotations

from pydantic import Field

from connectors.sandboxes.shape import Strict


class PubSubOptions(Strict):
    """Times in seconds of the sandbox's clock. The `…_each` are off at 0."""

    enabled: bool = Field(default=True, description="whether the service runs")
    selected: tuple[str, ...] = Field(
        default=("Account", "Contact", "Lead", "Opportunity", "OpportunityContactRole"),
        description="the objects selected in Setup for /data/ChangeEvents; others send no events",
    )
    channels: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="custom channels (`Sync__chn`), and the objects that each carries"
    )
    retention: float = Field(default=259_200.0, description="how long events are kept (72 hours)")
    keepalive: float = Field(
        default=270.0, description="after so long without events an empty answer says the latest replay id"
    )
    idle: float = Field(
        default=60.0, description="a stream of which nothing is asked for is closed after so long"
    )
    lag: float = Field(default=0.0, description="events reach the bus so long after their commit")
    batch: int = Field(default=100, ge=1, le=100, description="most events in one answer")
    overflow: int = Field(
        default=100_000,
        description="changes in one transaction above which an overflow event stands for the rest",
    )
    diff_over: int | None = Field(
        default=None, description="longer texts that change are sent as a diff, listed in diffFields"
    )
    deliveries: int | None = Field(
        default=None, description="events delivered in 24 hours, for all subscribers"
    )
    clients: int = Field(default=1000, description="streams at once")
    gap_each: int = Field(default=0, description="each so many-th event is sent as a gap")
    duplicate_each: int = Field(default=0, description="each so many-th event is sent twice")
    late_each: int = Field(default=0, description="each so many-th event is sent `late` seconds later")
    late: float = Field(default=5.0, description="how much later")
    lose_each: int = Field(default=0, description="each so many-th event is never sent")
