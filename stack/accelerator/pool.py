"""Device memory as blocks of an address range, handed out first-fit."""

from __future__ import annotations

from dataclasses import dataclass

GRANULE = 2 * 1024 * 1024
"""Everything is rounded up to this many bytes, as drivers map memory."""


@dataclass(slots=True)
class _Block:
    start: int
    size: int
    owner: int | None


class MemoryPool:
    """
    A range of `size` bytes whose blocks belong to owners.

    A request takes the first gap that is long enough, so what is free in all may still be too scattered for it.
    """

    def __init__(self, size: int) -> None:
        self.size = size // GRANULE * GRANULE
        self._blocks = [_Block(0, self.size, None)]

    @property
    def free(self) -> int:
        """Bytes that nobody holds."""
        return self.size - self.used

    @property
    def used(self) -> int:
        """Bytes that somebody holds."""
        return sum(block.size for block in self._blocks if block.owner is not None)

    @property
    def largest_gap(self) -> int:
        """Bytes of the longest free block."""
        return max((block.size for block in self._blocks if block.owner is None), default=0)

    def held_by(self, owner: int) -> int:
        """Bytes that `owner` holds."""
        return sum(block.size for block in self._blocks if block.owner == owner)

    def take(self, owner: int, size: int) -> int | None:
        """The address of `size` bytes that now belong to `owner`; None when no gap is long enough."""
        wanted = max(1, -(-size // GRANULE)) * GRANULE
        for index, block in enumerate(self._blocks):
            if block.owner is None and block.size >= wanted:
                if block.size > wanted:
                    self._blocks.insert(index + 1, _Block(block.start + wanted, block.size - wanted, None))
                block.size, block.owner = wanted, owner
                return block.start
        return None

    def give(self, owner: int, address: int) -> bool:
        """Take back the block of `owner` at `address`; False when there is none."""
        for block in self._blocks:
            if block.start == address and block.owner == owner:
                block.owner = None
                self._join()
                return True
        return False

    def give_all(self, owner: int) -> None:
        """Take back all that `owner` holds."""
        for block in self._blocks:
            if block.owner == owner:
                block.owner = None
        self._join()

    def _join(self) -> None:
        joined: list[_Block] = []
        for block in self._blocks:
            if joined and block.owner is None and joined[-1].owner is None:
                joined[-1].size += block.size
            else:
                joined.append(block)
        self._blocks = joined
