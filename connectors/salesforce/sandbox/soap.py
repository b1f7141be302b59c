"""The partner SOAP API, as far as REST has no call for it: merge, convertLead, undelete and the like.

Source: SOAP API Developer Guide; element names of the partner WSDL.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any
from xml.etree import ElementTree

from aiohttp import web

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.people import Conversion, convert
from connectors.salesforce.sandbox.refusals import Refused, vendor
from connectors.salesforce.sandbox.rows import Rows
from connectors.salesforce.sandbox.tokens import Tokens
from connectors.salesforce.sandbox.transaction import Caller
from connectors.salesforce.sandbox.values import written
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call
from connectors.sandboxes.limits import Limits
from connectors.sandboxes.shape import Refusal

XML = "text/xml"
MOST_LOSERS, MOST_CONVERTS, MOST_IDS = 2, 100, 200
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" '
    'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>"
)
TAIL = "</soapenv:Body></soapenv:Envelope>"
Element = ElementTree.Element


class Soap:
    """The SOAP calls of one org."""

    def __init__(self, org: Org, rows: Rows, door: Door, tokens: Tokens, limits: Limits) -> None:
        self.org, self.rows, self.door, self.tokens, self.limits = org, rows, door, tokens, limits
        self.does: dict[str, tuple[str, Callable[[Element], str]]] = {
            "merge": ("merge", lambda body: self._each(body, "request", self._merge)),
            "convertLead": ("convert", lambda body: self._each(body, "leadConverts", self._convert)),
            "undelete": ("undelete", lambda body: self._each(body, "ids", self._undelete)),
            "emptyRecycleBin": ("delete", lambda body: self._each(body, "ids", self._purge)),
            "getServerTimestamp": ("me", lambda _: _tags(result={"timestamp": self._now()})),
        }

    def routes(self, app: web.Application) -> None:
        """Add the path."""
        app.router.add_post("/services/Soap/u/{version}", self.serve)
        app.router.add_post("/services/Soap/u/{version}/{org}", self.serve)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        text, version = await request.read(), request.match_info["version"]
        call = Call("soap", tag="soap")
        try:
            name, body, header = _read(text)
            known = self.does.get(name)
            call = Call(
                known[0] if known else name, tag="soap", writes=name in ("merge", "convertLead", "undelete")
            )
        except Refusal as refusal:
            wrong = refusal

            def refuse() -> Answer:
                raise wrong

            return await self.door.run(request, call, refuse, guarded=False)
        return await self.door.run(
            request, call, lambda: self._worked(name, body, header, version), guarded=False
        )

    def _worked(self, name: str, body: Element, header: Element | None, version: str) -> Answer:
        if name == "login":
            return _answer(name, self._login(body, version))
        self.limits.take()
        token = _text(header, "sessionId") or ""
        user = self.tokens.user_of_token(token)
        if user is None:
            text = "Invalid Session ID found in SessionHeader: Illegal Session"
            raise Refused("INVALID_SESSION_ID", text, status=500)
        if name not in self.does:
            raise Refused("INVALID_OPERATION", f"no such operation: {name}", status=500)
        client = _text(header, "client")
        origin = f"com/salesforce/api/soap/{version}" + (f";client={client}" if client else "")
        with self.org.calling(Caller(user, origin)):
            return _answer(name, self.does[name][1](body))

    def _login(self, body: Element, version: str) -> str:
        name, password = _text(body, "username"), _text(body, "password") or ""
        options = self.tokens.options
        user = self.org.user_named(name)
        if user is None or not password.startswith(options.password):
            text = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
            raise Refused("INVALID_LOGIN", text, status=500)
        url = f"{self.tokens.url()}/services/Soap/u/{version}/{self.org.org_id[:15]}"
        info = {"organizationId": self.org.org_id, "userId": user, "userName": name}
        told = {"passwordExpired": False, "sandbox": True, "serverUrl": url, "userId": user, "userInfo": info}
        return _tags(result={**told, "sessionId": self.tokens.open(user)})

    def _now(self) -> str:
        return written(self.org.clock.millis() / 1000)

    # the calls ---------------------------------------------------------------------------------------------

    def _each(self, body: Element, name: str, one: Callable[[Element], dict[str, Any]]) -> str:
        """Each by itself: what fails stands in its result."""
        told = ""
        with self.org.transaction():
            for element in _all(body, name):
                try:
                    with self.org.transaction():
                        told += _tags(result={**one(element), "success": True})
                except Refusal as refusal:
                    made = vendor(refusal)
                    error = {"fields": made.fields, "message": made.message, "statusCode": made.code}
                    told += _tags(result={"errors": error, "success": False})
        return told

    def _merge(self, request: Element) -> dict[str, Any]:
        master = _all(request, "masterRecord")
        losers = [str(one.text) for one in _all(request, "recordToMergeIds")]
        if not master or not 0 < len(losers) <= MOST_LOSERS:
            raise Refused("INVALID_ARGUMENT_TYPE", f"a master and 1 to {MOST_LOSERS} others are wanted", [])
        table = self.rows.table(_text(master[0], "type") or "")
        row = self.rows.at(table, _text(master[0], "Id"), writing=True)
        moment = self.org.moment()
        for loser in losers:
            self.org.merge(table, row, self.rows.at(table, loser, writing=True), moment, fill=False)
        fields = {
            _bare(one): one.text for one in master[0] if _bare(one) not in ("type", "Id", "fieldsToNull")
        }
        fields |= {str(one.text): None for one in _all(master[0], "fieldsToNull")}
        if fields:
            self.org.update(table, row, fields, moment, cause="merge")
        return {"id": row.id, "mergedRecordIds": [ids.read(loser) for loser in losers]}

    def _convert(self, told: Element) -> dict[str, Any]:
        def yes(name: str) -> bool:
            return _text(told, name) == "true"

        wanted = Conversion(
            account_id=ids.read(_text(told, "accountId")),
            contact_id=ids.read(_text(told, "contactId")),
            opportunity_name=_text(told, "opportunityName"),
            no_opportunity=yes("doNotCreateOpportunity"),
            status=_text(told, "convertedStatus") or "",
            owner_id=ids.read(_text(told, "ownerId")),
            overwrite_source=yes("overwriteLeadSource"),
        )
        table = self.org.org_table("Lead")
        lead = self.rows.at(table, _text(told, "leadId"), writing=True)
        return dict(convert(self.org, lead, self.org.moment(), wanted))

    def _undelete(self, told: Element) -> dict[str, Any]:
        id = ids.read(told.text)
        table = next((t for t in map(self.org.org_table, self.org.tables) if id in t.rows), None)
        if id is None or table is None:
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
        row = table.rows[id]
        if not self.org.binned(row):
            raise Refused("UNDELETE_FAILED", "Entity is not in the recycle bin", [])
        self.org.restore(table, row, self.org.moment())
        return {"id": id}

    def _purge(self, told: Element) -> dict[str, Any]:
        id = ids.read(told.text)
        table = next((t for t in map(self.org.org_table, self.org.tables) if id in t.rows), None)
        if id is None or table is None or not table.rows[id].deleted:
            raise Refused("INVALID_ID_FIELD", "Invalid record id; no recycle bin entry found", [])
        self.org.purge(table, table.rows[id])
        return {"id": id}


def fault(refusal: Refusal) -> Answer:
    """A refusal as a SOAP fault: always HTTP 500."""
    made = vendor(refusal)
    message = made.message.removeprefix(f"{made.code}: ")
    told = {"sf:exceptionCode": made.code, "sf:exceptionMessage": message}
    inner = {"faultcode": f"sf:{made.code}", "faultstring": f"{made.code}: {message}"}
    body = _tag("soapenv:Fault", {**inner, "detail": {"sf:UnexpectedErrorFault": told}})
    return Answer(500, (HEAD + body + TAIL).encode(), type=XML)


def _answer(name: str, inner: str) -> Answer:
    body = f"{HEAD}<{name}Response>{inner}</{name}Response>{TAIL}"
    return Answer(200, body.encode(), type=XML)


def _tags(**told: Any) -> str:
    return "".join(_tag(name, value) for name, value in told.items())


def _tag(name: str, value: Any) -> str:
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, list):
        return "".join(_tag(name, one) for one in value)
    if isinstance(value, dict):
        return f"<{name}>{_tags(**value)}</{name}>"
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def _read(text: bytes) -> tuple[str, Element, Element | None]:
    """The call's name, its element, and the header."""
    if b"<!DOCTYPE" in text:
        raise Refused("UNKNOWN_EXCEPTION", "a document type is not allowed", status=500)
    try:
        envelope = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise Refused("UNKNOWN_EXCEPTION", f"the request is not well-formed: {error}", status=500) from None
    bodies, headers = _all(envelope, "Body"), _all(envelope, "Header")
    if not bodies or not len(bodies[0]):
        raise Refused("UNKNOWN_EXCEPTION", "the envelope has no body", status=500)
    call = bodies[0][0]
    return _bare(call), call, headers[0] if headers else None


def _bare(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: Element, name: str) -> list[Element]:
    return [one for one in element if _bare(one) == name]


def _text(element: Element | None, name: str) -> str | None:
    """The text of the first element of this name, at any depth."""
    if element is None:
        return None
    return next((one.text for one in element.iter() if _bare(one) == name), None)
