"""Snapshots: files that hold a collection, or the whole store, as of one commit. Made, listed, and restored from."""

from minidb.snapshots.snapshots import Snapshots

__all__ = ["Snapshots"]
