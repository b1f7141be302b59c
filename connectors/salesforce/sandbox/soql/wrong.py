"""What is said of names that are not there, in the service's words."""

from __future__ import annotations

from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql.lex import at

SEE = "Please reference your WSDL or the describe call for the appropriate names."


def no_column(text: str, place: int, word: str, object: str) -> Refused:
    """INVALID_FIELD: no such field, or the user may not see it."""
    said = (
        f"No such column '{word}' on entity '{object}'. If you are attempting to use a custom field, be "
        f"sure to append the '__c' after the custom field name. {SEE}"
    )
    return Refused("INVALID_FIELD", at(text, place, said))


def no_way(text: str, place: int, word: str) -> Refused:
    """INVALID_FIELD: no such relationship to a parent."""
    said = (
        f"Didn't understand relationship '{word}' in field path. If you are attempting to use a custom "
        f"relationship, be sure to append the '__r' after the custom relationship name. {SEE}"
    )
    return Refused("INVALID_FIELD", at(text, place, said))


def no_children(text: str, place: int, word: str) -> Refused:
    """INVALID_TYPE: no such relationship to children."""
    said = (
        f"Didn't understand relationship '{word}' in FROM part of query call. If you are attempting to use a "
        f"custom relationship, be sure to append the '__r' after the custom relationship name. {SEE}"
    )
    return Refused("INVALID_TYPE", at(text, place, said))


def no_object(text: str, place: int, word: str) -> Refused:
    """INVALID_TYPE: no such object."""
    said = (
        f"sObject type '{word}' is not supported. If you are attempting to use a custom object, be sure to "
        f"append the '__c' after the entity name. {SEE}"
    )
    return Refused("INVALID_TYPE", at(text, place, said))
