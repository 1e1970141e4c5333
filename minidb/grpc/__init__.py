"""Qdrant's gRPC interface: an rpc's name and a message's bytes in, a status and a message's bytes out.

`interface.txt` has the messages and `rpcs` the calls, each a row that ends in the handler of a route of `minidb.rest`.
Needs protobuf, not grpcio: what carries the bytes is a door's business (`minidb.server.grpc_door`).
"""

from minidb.grpc.rpcs import Rpc
from minidb.grpc.service import Answer, Asked, Service, failure, find
from minidb.grpc.status import Code

__all__ = ["Answer", "Asked", "Code", "Rpc", "Service", "failure", "find"]
