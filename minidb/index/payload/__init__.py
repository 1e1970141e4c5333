"""Payload indexes: from a value to the rows that have it."""
