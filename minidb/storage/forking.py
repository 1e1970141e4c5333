"""How a store stands still around a `fork`: one state that both kinds share."""

from __future__ import annotations

from contextlib import ExitStack

from minidb.storage.commit import CommitQueue
from minidb.storage.gate import PhaseFairGate


class StandsStill:
    """A store with a gate and a queue of commits, which nobody is inside while its process forks."""

    gate: PhaseFairGate
    _queue: CommitQueue
    _paused: ExitStack

    def pause_for_fork(self) -> None:
        """Let transactions end first: a child would have half of one, and free its parent's reader slots; locks that
        other threads held inside would be held there for ever."""
        self._paused = ExitStack()
        for hold in (self._queue.paused(), self.gate.exclusive):
            self._paused.enter_context(hold)

    def resume_after_fork(self) -> None:
        self._paused.close()
