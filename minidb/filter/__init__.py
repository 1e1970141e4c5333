"""Conditions: from a Filter to the answer whether a payload, or which rows, satisfy it.

`conditions.compile` turns Qdrant's filter models into a small tree once; `json_path` says what a key selects in a
payload and how payload edits reach a place in it; `merging` puts two filters into one for the query planner.
This room knows nothing of storage or indexes: an index answers the clauses it can, every other leaf is checked on
the payload.
"""
