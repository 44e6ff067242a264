"""
The allocator of a process: keeps freed memory for its next request, as PyTorch's caching allocator does.

The sizes are those documented for it (PyTorch notes, "CUDA semantics: memory management"): requests are rounded to
512 bytes; up to 1 MiB they share segments of 2 MiB; below 10 MiB, segments of 20 MiB; larger ones get a segment of
their own size, rounded to 2 MiB. A segment goes back to the device when all of it is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MIB = 1024 * 1024
ROUNDING = 512
SMALL, SMALL_SEGMENT = MIB, 2 * MIB
MEDIUM, MEDIUM_SEGMENT = 10 * MIB, 20 * MIB
LARGE_ROUNDING = 2 * MIB


@dataclass(eq=False, slots=True)
class Block:
    """A part of a segment, free or held by the program."""

    segment: Segment
    offset: int
    size: int
    held: bool


@dataclass(eq=False, slots=True)
class Segment:
    """Memory from the device, cut into blocks that cover it."""

    address: int
    size: int
    small: bool
    blocks: list[Block] = field(default_factory=list)

    @property
    def unused(self) -> bool:
        """Whether the program holds none of it."""
        return not any(block.held for block in self.blocks)


class CachingAllocator:
    """
    Hands out blocks best-fit from the segments it has, and asks the device for another one only where none fits.

    `take` gets a segment of so many bytes from the device and returns its address, or None; `give` returns one.
    """

    def __init__(self, take: Callable[[int], int | None], give: Callable[[int], None]) -> None:
        self._take = take
        self._give = give
        self._segments: list[Segment] = []
        self.allocated = 0
        """Bytes that the program holds, rounded as they were handed out."""

    @property
    def reserved(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self._segments)

    def allocate(self, size: int) -> Block | None:
        """A block for `size` bytes; None when even after giving back the cache the device has no room for it."""
        wanted = max(1, -(-size // ROUNDING)) * ROUNDING
        block = self._cached(wanted) or self._fresh(wanted)
        if block is None:
            self.empty()
            block = self._fresh(wanted)
        if block is None:
            return None
        self._split(block, wanted)
        block.held = True
        self.allocated += block.size
        return block

    def free(self, block: Block) -> None:
        """Keep a block for later; raises ValueError when the program does not hold it."""
        if not block.held:
            raise ValueError("the block is not held")
        block.held = False
        self.allocated -= block.size
        _join(block.segment)

    def empty(self) -> None:
        """Give back every segment of which nothing is held."""
        for segment in [segment for segment in self._segments if segment.unused]:
            self._segments.remove(segment)
            self._give(segment.address)

    def _cached(self, wanted: int) -> Block | None:
        small = wanted <= SMALL
        fitting = (
            block
            for segment in self._segments
            if segment.small == small
            for block in segment.blocks
            if not block.held and block.size >= wanted
        )
        return min(fitting, key=lambda block: block.size, default=None)

    def _fresh(self, wanted: int) -> Block | None:
        size = segment_size(wanted)
        address = self._take(size)
        if address is None:
            return None
        segment = Segment(address, size, wanted <= SMALL)
        segment.blocks.append(Block(segment, 0, size, held=False))
        self._segments.append(segment)
        return segment.blocks[0]

    @staticmethod
    def _split(block: Block, wanted: int) -> None:
        """Cut off what is not needed; what is left of a large block stays with it up to 1 MiB."""
        rest = block.size - wanted
        if rest >= ROUNDING if block.segment.small else rest > SMALL:
            blocks = block.segment.blocks
            blocks.insert(blocks.index(block) + 1, Block(block.segment, block.offset + wanted, rest, held=False))
            block.size = wanted


def segment_size(wanted: int) -> int:
    """The segment that a request of `wanted` bytes, rounded, is served from when a fresh one is needed."""
    if wanted <= SMALL:
        return SMALL_SEGMENT
    if wanted < MEDIUM:
        return MEDIUM_SEGMENT
    return -(-wanted // LARGE_ROUNDING) * LARGE_ROUNDING


def _join(segment: Segment) -> None:
    joined: list[Block] = []
    for block in segment.blocks:
        if joined and not block.held and not joined[-1].held:
            joined[-1].size += block.size
        else:
            joined.append(block)
    segment.blocks = joined
