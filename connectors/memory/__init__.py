"""The reference connector, and the CRM in memory that it talks to."""

from connectors.memory.connector import MemoryConnector
from connectors.memory.faults import Fault, Faults
from connectors.memory.remote import MemoryRemote
from connectors.memory.shape import Features, FieldDef, ObjectDef, Quirks
from connectors.memory.transaction import Transaction

__all__ = [
    "Fault",
    "Faults",
    "Features",
    "FieldDef",
    "MemoryConnector",
    "MemoryRemote",
    "ObjectDef",
    "Quirks",
    "Transaction",
]
