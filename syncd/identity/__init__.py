"""Match keys, and what their candidates decide. Pure."""

from syncd.identity.decide import Ambiguous, Decision, Match, NoMatch, decide
from syncd.identity.keys import Matcher, compile_match, rule_of

__all__ = ["Ambiguous", "Decision", "Match", "Matcher", "NoMatch", "compile_match", "decide", "rule_of"]
