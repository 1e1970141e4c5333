"""Queries: a request becomes a plan, a plan becomes hits."""
