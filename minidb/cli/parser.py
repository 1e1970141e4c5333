"""Arguments: a parser that answers a wrong one with the nearest right one, and the arguments commands share."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
from collections.abc import Generator, Iterable
from typing import Any, NoReturn

from minidb.cli.places import address, directory, key

_FILTER = """'{"must": [{"key": "n", "range": {"lt": 3}}]}'"""
_ALIKE = 0.5  # of difflib's ratio: `dox` and `docs` are, at 0.57


class Parser(argparse.ArgumentParser):
    """argparse's, with whole names only (a prefix may mean something else tomorrow) and with suggestions."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, "formatter_class": _Help, **options})

    def error(self, message: str) -> NoReturn:
        guess = self._suggestion(message)
        super().error(f"{message} ({guess})" if guess else message)

    def refuse_unknown(self, unknown: list[str]) -> None:
        """Error for arguments nobody took."""
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")

    def options(self, *, short: bool = False) -> list[str]:
        names = (name for action in self._actions for name in action.option_strings)
        return [name for name in names if short or name.startswith("--")]

    def _suggestion(self, message: str) -> str:
        if found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            return nearest(found[1], re.findall(r"[\w-]+", found[2]))
        if found := re.search(r"unrecognized arguments: .*?(--[\w-]+)", message):
            return self._without_dashes(found[1]) or nearest(found[1], self.options())
        return ""

    def _without_dashes(self, given: str) -> str:
        """Of an argument that goes by its place."""
        places = [str(each.metavar or each.dest) for each in self._actions if not each.option_strings]
        return f"{given[2:].upper()} goes without --: {' '.join(places)}" if given[2:].upper() in places else ""


class _Help(argparse.HelpFormatter):
    """argparse's, with the commands as a table: it counts their names without the indent, and so breaks lines."""

    def _iter_indented_subactions(self, action: argparse.Action) -> Generator[argparse.Action, None, None]:
        yield from getattr(action, "_choices_actions", ())

    def _format_action(self, action: argparse.Action) -> str:
        text = super()._format_action(action)
        return text.partition("\n")[2] if action.nargs == argparse.PARSER else text


def nearest(given: str, known: Iterable[str]) -> str:
    """A question for the known name most like the given one, or nothing."""
    found = difflib.get_close_matches(given, list(known), 1, _ALIKE)
    return f"did you mean {found[0]}?" if found else ""


def add_target(command: argparse.ArgumentParser, *, created: bool = False) -> None:
    """`--path` or `--url`, `--api-key`."""
    where = command.add_mutually_exclusive_group(required=True)
    made = ", made when it is not there" if created else ""
    where.add_argument("--path", type=directory, metavar="DIR", help=f"the store's directory{made}")
    where.add_argument("--url", type=address, help="the address of a `minidb serve`, a Qdrant server or a cluster")
    command.add_argument(
        "--api-key",
        type=key,
        metavar="KEY",
        default=os.environ.get("MINIDB_API_KEY") or os.environ.get("QDRANT_API_KEY"),
        help="for --url (better set as MINIDB_API_KEY or QDRANT_API_KEY: arguments can be seen by all users)",
    )


def add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print JSON, as Qdrant's REST interface answers it")


def add_collection(command: argparse.ArgumentParser, **options: Any) -> None:
    command.add_argument("collection", metavar="COLLECTION", type=_collection_name, **options)


def _collection_name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a name has a character at least")
    return text


def add_filter(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--filter",
        type=json_object,
        metavar="JSON",
        help=f"for instance {_FILTER}",
    )


def json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"no JSON: {error}; for instance {_FILTER}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected an object, got {text!r}; for instance {_FILTER}")
    return value


def point_id(text: str) -> int | str:
    """An unsigned number, else a string (a UUID, which is for the store to check)."""
    return int(text) if text.isascii() and text.isdecimal() else text


def count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text!r}")
    return int(text)
