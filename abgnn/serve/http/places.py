"""`Places`: how many questions are under way at once."""

from __future__ import annotations

from typing import Protocol


class Places(Protocol):
    """Counts questions under way."""

    def enter(self, most: int) -> bool:
        """Take a place, if fewer than `most` are taken."""
        ...

    def leave(self) -> None:
        """Give a place back."""
        ...


class OwnPlaces:
    """Of one process; used on one event loop."""

    def __init__(self) -> None:
        self._taken = 0

    def enter(self, most: int) -> bool:
        """Take a place, if fewer than `most` are taken."""
        free = self._taken < most
        self._taken += free
        return free

    def leave(self) -> None:
        """Give a place back."""
        self._taken -= 1
