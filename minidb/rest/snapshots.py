"""Snapshots of a collection and of the whole store."""

from __future__ import annotations

from minidb.rest.route import Route

ROUTES: tuple[Route, ...] = ()
