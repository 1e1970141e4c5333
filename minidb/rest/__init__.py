"""Qdrant's REST interface: a request in, a response out. What carries them is a door's business."""

from minidb.rest.answer import Api
from minidb.rest.message import Request, Response

__all__ = ["Api", "Request", "Response"]
