"""Loads fastembed's models, each once, and never waits for a network that is not there. Called by `fastembed`.

fastembed on its own asks the hub three times, for 39 seconds, before it says that a model is missing. Here the cache is
looked at first; only a model that is not in it may be downloaded, by fastembed, and only if the hub (or the proxy on
the way to it) takes a connection within half a second. `local_files_only=True` as an option, or `HF_HUB_OFFLINE=1` in
the environment, rules downloads out.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from minidb.errors import InferenceError
from minidb.inference.catalog import CLASSES, ModelKind
from minidb.system.processes import around_fork, open_in_child

REACH_SECONDS: Final = 0.5


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory, and the lock that one thread at a time holds to ask it."""

    model: Any
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(eq=False)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: LoadedModel | None = None

    def is_busy(self) -> bool:
        return self.lock.locked() or (self.loaded is not None and self.loaded.lock.locked())


_slots: dict[tuple[Any, ...], _Slot] = {}
_lock = open_in_child(threading.Lock())


def loaded(kind: ModelKind, entry: Mapping[str, Any], options: Mapping[str, Any]) -> LoadedModel:
    """The model of an entry of fastembed's list with these constructor options; loaded when first asked for.

    Raises:
        InferenceError: it is not on this machine and cannot be fetched, or fastembed refuses the options.
    """
    import fastembed

    cls = getattr(fastembed, CLASSES[kind])
    key = (cls, str(entry["model"]), json.dumps(options, sort_keys=True, default=repr), files_of(options))
    with _lock:
        slot = _slots.setdefault(key, _Slot())
    with slot.lock:
        if slot.loaded is None:
            slot.loaded = LoadedModel(_load(cls, entry, dict(options)))
        return slot.loaded


def _after_fork_in_child() -> None:
    """What another thread was loading, or asking, stays as it was in a child: there it is loaded again."""
    for key, slot in list(_slots.items()):
        if slot.is_busy():
            del _slots[key]


around_fork(in_child=_after_fork_in_child)


def files_of(options: Mapping[str, Any]) -> tuple[tuple[str, int, int], ...] | None:
    """Name, size and time of each file in `specific_model_path`: other files are another model. None without one."""
    folder = options.get("specific_model_path")
    if folder is None:
        return None
    try:
        with os.scandir(str(folder)) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:
        return ()
    return tuple(sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in found))


def unload() -> None:
    """Lets go of all models; the next request loads its own again."""
    with _lock:
        _slots.clear()


def _load(cls: Any, entry: Mapping[str, Any], options: dict[str, Any]) -> Any:
    name = str(entry["model"])
    if options.get("specific_model_path") is not None or options.get("local_files_only"):
        return _made(cls, name, options)
    if _is_cached(entry, options):
        try:
            return _made(cls, name, {**options, "local_files_only": True})
        except InferenceError:  # a part of it is missing, or damaged
            pass
    if may_download() and is_reachable():
        return _made(cls, name, options)
    return _made(cls, name, {**options, "local_files_only": True})


def _made(cls: Any, name: str, options: dict[str, Any]) -> Any:
    try:
        return cls(name, **options)
    except (ValueError, OSError, TypeError) as error:
        folder = options.get("specific_model_path")
        if folder is not None:
            raise InferenceError(f"could not load {name} from {folder}: {error}", provider="fastembed") from error
        if "could not load model" not in str(error).lower():
            raise InferenceError(f"could not load {name}: {error}", provider="fastembed") from error
        why = str(error)
    raise InferenceError(
        f"the model {name} is not on this machine and could not be downloaded ({_reason(options) or why}). Load it "
        f"beforehand, where there is a network: python -c \"import fastembed; fastembed.{cls.__name__}('{name}')\", "
        "keeping it in the folder FASTEMBED_CACHE_PATH names; or give a folder with the model as the option "
        "specific_model_path",
        provider="fastembed",
    )


def _reason(options: Mapping[str, Any]) -> str:
    if not options.get("local_files_only"):
        return ""
    return f"no connection to {_hub()}" if may_download() else "downloads are ruled out"


def may_download() -> bool:
    """Whether the environment lets models be fetched."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() not in ("1", "TRUE", "YES", "ON")


def is_reachable() -> bool:
    """Whether the hub, or the proxy to it, takes a connection within `REACH_SECONDS`.

    Tried in a thread, since looking up a name cannot be bounded in time.
    """
    address = _way_to(_hub())
    if address is None:
        return False
    reached = threading.Event()
    finished = threading.Event()

    def knock() -> None:
        try:
            with closing(socket.create_connection(address, timeout=REACH_SECONDS)):
                reached.set()
        except OSError:
            pass
        finally:
            finished.set()

    threading.Thread(target=knock, name="minidb-hub", daemon=True).start()
    finished.wait(REACH_SECONDS)
    return reached.is_set()


def _way_to(url: str) -> tuple[str, int] | None:
    """Host and port of the first machine on the way to a URL."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme) or getproxies().get("all")
    if proxy and parts.hostname and not proxy_bypass(parts.hostname):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    if not parts.hostname:
        return None
    return parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)


def _hub() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _is_cached(entry: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether the weights lie in fastembed's cache, as far as can be told without loading them."""
    from fastembed.common.utils import define_cache_dir
    from huggingface_hub import try_to_load_from_cache

    repository = (entry.get("sources") or {}).get("hf")
    weights = entry.get("model_file")
    if not repository or not weights:
        return False
    folder = define_cache_dir(options.get("cache_dir"))
    return isinstance(try_to_load_from_cache(repository, weights, cache_dir=str(folder)), str)
