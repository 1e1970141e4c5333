"""Filters as data, for planners and caches: normal form, merging, exclusion of ids, canonical keys, paths used.

Works on Qdrant's filter models without evaluating anything. Called by the query planner (merging root filters into
prefetches), by caches of filter results, and by collections that ask which payload fields a filter touches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from minidb.filter.clauses import And, AtLeast, HasId, HasVector, InSlice, Leaf, Nested, Node, Not
from minidb.filter.conditions import conditions_of
from minidb.filter.json_path import JsonPath
from minidb.models import Condition, ExtendedPointId, Filter, HasIdCondition, MinShould


def normalised(filter: Filter | None) -> Filter | None:
    """The filter with every group a list, empty groups dropped; None when nothing is left."""
    if filter is None:
        return None
    must, should, must_not = map(conditions_of, (filter.must, filter.should, filter.must_not))
    if not (must or should or must_not or filter.min_should):
        return None
    return Filter.model_construct(
        must=must or None, should=should or None, must_not=must_not or None, min_should=filter.min_should
    )


def merge(this: Filter | None, other: Filter | None) -> Filter | None:
    """Both filters in one, as Qdrant merges a root filter into a prefetch's.

    Each group is the concatenation of both, so two `should` groups become one disjunction; two `min_should` become one
    with the larger count. Not the conjunction of the two: that is Qdrant's own behaviour (`Filter::merge_owned`).
    """
    if this is None or other is None:
        return other if this is None else this
    return Filter.model_construct(
        must=_joined(this.must, other.must),
        should=_joined(this.should, other.should),
        must_not=_joined(this.must_not, other.must_not),
        min_should=_joined_min_should(this.min_should, other.min_should),
    )


def _joined(
    this: list[Condition] | Condition | None, other: list[Condition] | Condition | None
) -> list[Condition] | None:
    return conditions_of(this) + conditions_of(other) or None


def _joined_min_should(this: MinShould | None, other: MinShould | None) -> MinShould | None:
    if this is None or other is None:
        return other if this is None else this
    return MinShould.model_construct(
        conditions=[*this.conditions, *other.conditions], min_count=max(this.min_count, other.min_count)
    )


def exclude_ids(filter: Filter | None, ids: Iterable[int | str]) -> Filter | None:
    """The filter that in addition rejects these ids; they come first in `must_not`. No ids: the filter as it is."""
    excluded: list[ExtendedPointId] = list(ids)
    if not excluded:
        return filter
    return merge(Filter.model_construct(must_not=[HasIdCondition.model_construct(has_id=excluded)]), filter)


def cache_key(root: Node) -> Hashable:
    """A key equal for trees (`Predicate.root`) that differ only in the order or repetition of their conditions."""
    if isinstance(root, Leaf):
        if isinstance(root.clause, Nested):
            return ("nested", root.clause.path, cache_key(root.clause.filter))
        return root.clause
    if isinstance(root, Not):
        return ("not", cache_key(root.child))
    if isinstance(root, AtLeast):
        return ("at least", root.count, frozenset(Counter(map(cache_key, root.children)).items()))
    return ("and" if isinstance(root, And) else "or", frozenset(map(cache_key, root.children)))


def leaves(root: Node) -> Iterator[Leaf]:
    """Every leaf of a tree, those inside nested conditions not included."""
    if isinstance(root, Leaf):
        yield root
    elif isinstance(root, Not):
        yield from leaves(root.child)
    else:
        for child in root.children:
            yield from leaves(child)


def paths(root: Node) -> set[JsonPath]:
    """The payload paths a tree reads; a path inside a nested condition is spelled from the top (`a[].b`)."""
    found: set[JsonPath] = set()
    for leaf in leaves(root):
        clause = leaf.clause
        if isinstance(clause, Nested):
            found.add(clause.path)
            found.update(clause.path.joined(inner) for inner in paths(clause.filter))
        elif not isinstance(clause, HasId | HasVector | InSlice):
            found.add(clause.path)
    return found
