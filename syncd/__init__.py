"""syncd keeps the records of two or more CRMs the same, both ways."""

__version__ = "0.1.0"
