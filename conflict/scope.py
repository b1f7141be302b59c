"""What becomes of a link whose remote record takes part no more, or again (`where`)."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.nouns import LinkState
from syncd.core.state import Link


def left(link: Link, evidence: int) -> Link:
    """The record is outside now: nothing is read into it or written to it, and its shadow stays as it was.

    What else the read showed is not looked at: it is judged against that shadow once the record is back.
    """
    return replace(link, state=LinkState.OUT_OF_SCOPE, gone_by=None, evidence=max(link.evidence, evidence))


def entered(link: Link) -> Link:
    """The record takes part again: what it holds is an edit of what the shadow knows."""
    return replace(link, state=LinkState.LIVE)
