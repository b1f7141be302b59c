"""The HTTP client that connectors share: time-outs, log-ins, clean errors, status → next step."""

from connectors.http.answer import Answer, Unreadable
from connectors.http.auth import Auth, BasicAuth, HeaderAuth, QueryAuth
from connectors.http.client import HttpClient, Request
from connectors.http.jwt import JwtAuth, signed
from connectors.http.login import OAuthLogin
from connectors.http.oauth import OAuth
from connectors.http.rates import RateHeaders
from connectors.http.steps import MAX_WAIT, STEPS, Step, failure, retry_after, step_of
from connectors.http.tls import tls_context
from connectors.http.tokens import TokenAuth

__all__ = [
    "MAX_WAIT",
    "STEPS",
    "Answer",
    "Auth",
    "BasicAuth",
    "HeaderAuth",
    "HttpClient",
    "JwtAuth",
    "OAuth",
    "OAuthLogin",
    "QueryAuth",
    "RateHeaders",
    "Request",
    "Step",
    "TokenAuth",
    "Unreadable",
    "failure",
    "retry_after",
    "signed",
    "step_of",
    "tls_context",
]
