"""What Salesforce's errors mean: from (status, errorCode) to the next step, and what to tell a person.

The codes are those of the SOAP API's StatusCode and ExceptionCode, which REST, Collections and Bulk share.
Messages of the server are never passed on: they quote values. Sources: REST API Developer Guide, "Status
Codes and Error Responses"; Object Reference, "API Faults"; bodies seen in public clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.http import Step


@dataclass(frozen=True, slots=True)
class Row:
    """`says` continues "Salesforce …"; `todo` tells a person what to do. `after` is a wait in seconds."""

    step: Step
    says: str
    todo: str = ""
    after: float | None = None


OPERATOR, REJECTED, RETRY, GONE = Step.OPERATOR, Step.REJECTED, Step.RETRY, Step.GONE
DEFERRED, EXISTS, STALE, LOST = Step.DEFERRED, Step.EXISTS, Step.STALE, Step.CURSOR_LOST

DAILY = 900.0
"""Seconds to wait when the day's calls are used up: the window rolls on, so some come free all the time."""

CODES: Mapping[str, Row] = {
    # the log-in
    "INVALID_SESSION_ID": Row(OPERATOR, "no longer takes the session", "Check the app's session policy"),
    "INVALID_AUTH_HEADER": Row(OPERATOR, "does not take the log-in", "Check the system's `auth`"),
    "API_DISABLED_FOR_ORG": Row(
        OPERATOR, "does not let this user or edition use the API", "Grant the permission API Enabled"
    ),
    "API_CURRENTLY_DISABLED": Row(OPERATOR, "has the API turned off", "Turn it on, or wait"),
    "FUNCTIONALITY_NOT_ENABLED": Row(OPERATOR, "has this function turned off", "Turn it on in Setup"),
    "LOGIN_MUST_USE_SECURITY_TOKEN": Row(OPERATOR, "refuses this log-in", "Use an OAuth flow"),
    "INVALID_LOGIN": Row(OPERATOR, "refuses this log-in", "Check the system's `auth`"),
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": Row(
        OPERATOR, "wants a new password of this user", "Use an API-only user whose password never expires"
    ),
    "ORG_LOCKED": Row(OPERATOR, "has locked the org", "Ask the vendor"),
    "INACTIVE_ORG": Row(OPERATOR, "says that the org is not active", "Ask the vendor"),
    # limits and passing trouble
    "REQUEST_LIMIT_EXCEEDED": Row(RETRY, "has no API calls left for now", after=DAILY),
    "CONCURRENT_REQUESTS": Row(RETRY, "has too many long requests under way", after=10.0),
    "SERVER_UNAVAILABLE": Row(RETRY, "is not available"),
    "QUERY_TIMEOUT": Row(RETRY, "took too long over a query", after=30.0),
    "REQUEST_RUNNING_TOO_LONG": Row(Step.UNCERTAIN, "took too long over a request"),
    "UNKNOWN_EXCEPTION": Row(Step.UNCERTAIN, "failed without a reason"),
    "STORAGE_LIMIT_EXCEEDED": Row(OPERATOR, "has no storage left", "Delete data there, or buy more"),
    "TXN_SECURITY_NO_ACCESS": Row(OPERATOR, "forbids it by a transaction security policy", "Mend the policy"),
    # row by row
    "UNABLE_TO_LOCK_ROW": Row(DEFERRED, "has the record, or one that it refers to, locked"),
    "RECORD_IN_USE_BY_WORKFLOW": Row(DEFERRED, "has the record in use by a workflow"),
    "ENTITY_IS_LOCKED": Row(
        REJECTED, "has the record locked, as in an approval", "End the approval, or unlock it there"
    ),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Row(DEFERRED, "took the write back because another one failed"),
    "PROCESSING_HALTED": Row(DEFERRED, "stopped after another write failed"),
    "TOO_MANY_APEX_REQUESTS": Row(DEFERRED, "has too much Apex under way"),
    "NOT_FOUND": Row(GONE, "does not find the record"),
    "ENTITY_IS_DELETED": Row(GONE, "says that the record is deleted"),
    "INVALID_ID_FIELD": Row(GONE, "knows no record of that id"),
    "MALFORMED_ID": Row(GONE, "knows no record of that id"),
    "DUPLICATE_VALUE": Row(EXISTS, "has the value already, in a field that is unique"),
    "DUPLICATE_EXTERNAL_ID": Row(
        REJECTED, "has several records with this external id", "Make the field unique, and merge them"
    ),
    "DUPLICATES_DETECTED": Row(
        REJECTED,
        "has a duplicate rule that forbids the record",
        "Merge the two there, relax the rule, or set `duplicates: allow` on the system",
    ),
    "REQUIRED_FIELD_MISSING": Row(REJECTED, "requires a field that is empty"),
    "STRING_TOO_LONG": Row(REJECTED, "keeps fewer characters"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Row(REJECTED, "does not know the option"),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Row(
        REJECTED, "has a validation rule that forbids it", "Look at the object's validation rules in Setup"
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": Row(REJECTED, "has a lookup filter that forbids it"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Row(
        REJECTED,
        "has an automation (a trigger or a flow) that failed",
        "Look at the flow's or trigger's error",
    ),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Row(REJECTED, "has a flow that failed", "Look at the flow's error"),
    "CANNOT_UPDATE_CONVERTED_LEAD": Row(REJECTED, "keeps a converted lead as it is"),
    "INACTIVE_OWNER_OR_USER": Row(
        REJECTED, "has made that owner inactive", "Map the owner to an active user"
    ),
    "INVALID_CURRENCY_ISO": Row(REJECTED, "does not use that currency", "Activate it in Setup"),
    "NUMBER_OUTSIDE_VALID_RANGE": Row(REJECTED, "cannot hold so large a number"),
    "INVALID_EMAIL_ADDRESS": Row(REJECTED, "takes this for no e-mail address"),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Row(REJECTED, "has a field of another type"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Row(
        REJECTED, "does not let this user write the field", "Grant edit access by a permission set"
    ),
    "INVALID_CROSS_REFERENCE_KEY": Row(REJECTED, "does not know the record that is referred to"),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Row(
        REJECTED, "does not let this user use the record that is referred to", "Grant access to it"
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": Row(
        REJECTED, "does not let this user write the record", "Grant Modify All on the object"
    ),
    "CANNOT_MODIFY_MANAGED_OBJECT": Row(REJECTED, "keeps this record for a package"),
    "DELETE_FAILED": Row(REJECTED, "does not delete the record: others need it"),
    "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE": Row(STALE, "has a newer version"),
    # reading
    "INVALID_QUERY_LOCATOR": Row(RETRY, "has forgotten where the listing stood"),
    "INVALID_REPLICATION_DATE": Row(LOST, "no longer knows so far back"),
    "EXCEEDED_ID_LIMIT": Row(LOST, "has too many changes to list"),
    "INVALID_TYPE": Row(
        OPERATOR, "has no such object, or hides it from this user", "Grant Read on the object"
    ),
    "MALFORMED_QUERY": Row(OPERATOR, "cannot read a query", "Please report it"),
    "INVALID_QUERY_FILTER_OPERATOR": Row(OPERATOR, "does not filter by that field", "Please report it"),
    "JSON_PARSER_ERROR": Row(Step.BATCH, "cannot read a value of one record"),
    "INVALIDJOBSTATE": Row(RETRY, "has a bulk job in another state"),
}
"""By code. What is not here is judged by its status; a record's own error is then a refusal."""

OF_THE_SYSTEM = frozenset(
    {
        "INVALID_SESSION_ID",
        "INVALID_AUTH_HEADER",
        "API_DISABLED_FOR_ORG",
        "API_CURRENTLY_DISABLED",
        "INVALID_LOGIN",
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        "ORG_LOCKED",
        "INACTIVE_ORG",
        "REQUEST_LIMIT_EXCEEDED",
        "CONCURRENT_REQUESTS",
        "SERVER_UNAVAILABLE",
        "STORAGE_LIMIT_EXCEEDED",
    }
)
"""Codes that speak of the whole system even where the result of a single record says them."""

STATUSES: Mapping[tuple[int, str], Row] = {
    (404, "INVALID_CROSS_REFERENCE_KEY"): Row(GONE, "does not find the record"),
    (404, "INVALID_FIELD"): Row(REJECTED, "has no such field"),
    (500, "UNABLE_TO_LOCK_ROW"): CODES["UNABLE_TO_LOCK_ROW"],
    (503, "SERVER_UNAVAILABLE"): CODES["SERVER_UNAVAILABLE"],
}
"""Where the status makes a difference to the code."""

BY_STATUS: Mapping[int, Row] = {
    401: CODES["INVALID_SESSION_ID"],
    403: Row(OPERATOR, "does not allow it", "Check what this user may do"),
    404: Row(GONE, "does not find it"),
    408: Row(Step.UNCERTAIN, "took too long"),
    412: Row(STALE, "has a newer version"),
    414: Row(OPERATOR, "finds the query too long", "Map fewer fields of this object"),
    420: Row(RETRY, "asks to slow down"),
    429: Row(RETRY, "asks to slow down"),
    431: Row(OPERATOR, "finds the query too long", "Map fewer fields of this object"),
    502: Row(Step.UNCERTAIN, "could not be reached behind its door"),
    503: Row(RETRY, "is not available"),
    504: Row(Step.UNCERTAIN, "did not answer its own door in time"),
}
"""Without a code: a proxy, or an answer that is not Salesforce's own."""


def row_of(status: int, code: str) -> Row:
    """The row for an answer; `status` is 0 for a record's own error inside an answer."""
    found = STATUSES.get((status, code)) or CODES.get(code) or (BY_STATUS.get(status) if status else None)
    if found is not None:
        return found
    if status >= 500:
        return Row(Step.UNCERTAIN, "failed")
    if 300 <= status < 400:
        return Row(OPERATOR, "has moved to another address", "Set `login_url` to the org's own My Domain")
    return Row(REJECTED, "refuses it")
