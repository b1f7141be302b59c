"""Salesforce: SOQL and Change Data Capture in, sObject Collections and the Bulk API out."""

from connectors.salesforce.connector import SalesforceConnector

__all__ = ["SalesforceConnector"]
