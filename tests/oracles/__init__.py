"""Other minds to ask what the right answer is; every test of theirs speaks to minidb only through `QdrantClient`.

- `model`: a collection as a dictionary, with the write rules of spec §5.2 and versions; brute-force scoring in
`scores`. - `rust`: qdrant-edge, the Rust core, one shard in a temporary directory. - `local`: qdrant-client's in-
memory mode. - `schema`: the vectors of a collection, in the words of all of them; `compare`: what counts as the same
answer.

Points, filters, operations and queries are qdrant-client's own models: minidb takes them as they are. Where an oracle
is known to be wrong it is not asked, and the place that leaves it out names the fault:

FAULTS["local …"] are spec §6.2, FAULTS["edge …"] are spec §7.
"""

FAULTS = {
    "local ignores datatypes": "§6.2.2: float16 and uint8 are kept as float32",
    "local refuses a dense query on a multivector": "§6.2.7: the core takes it as a multivector of one",
    "local writes duplicates of one request in turn": "the core groups a request by id first: the last wins",
    "local writes a part of an operation with a missing id": "minidb writes nothing, the core the 32 ids before it",
    "local has no versions": "§6.2.5: operation ids and versions are always 0",
    "local repeats retrieved points": "§6.2.7: the core returns a point once",
    "local excludes an id only from the query that names it": "§2.2.1: it is excluded from the whole tree",
    "local orders ties its own way": "§6.2.7: ties are sets; fusions over ties are not compared",
    "edge has no ids as queries": "§7: the vector is passed, the id excluded by filter, as REST does",
    "edge checks nothing": "§7: NaN, duplicate indices and unequal lengths are accepted",
    "edge orders ties its own way": "§2.2.6: unspecified inside a segment",
}
