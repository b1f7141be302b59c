"""The plain CRM: a sandbox that speaks JSON and shows every trap. Its wire: docs/sandbox-rest.md."""

from connectors.rest.sandbox.sandbox import RestSandbox

__all__ = ["RestSandbox"]
