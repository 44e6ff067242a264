"""The pool of the device and the allocator in front of it."""

from __future__ import annotations

import pytest

from stack.accelerator.caching import MIB, CachingAllocator, segment_size
from stack.accelerator.pool import GRANULE, MemoryPool


def test_the_pool_takes_the_first_gap_that_is_long_enough() -> None:
    pool = MemoryPool(10 * GRANULE)
    first, second, third = (pool.take(1, size * GRANULE) for size in (2, 3, 2))
    assert (first, second, third) == (0, 2 * GRANULE, 5 * GRANULE)
    assert second is not None
    assert pool.give(1, second)
    assert pool.take(2, 3 * GRANULE + 1) is None, "six granules are free, but in two pieces of three"
    assert pool.free == 6 * GRANULE
    assert pool.largest_gap == 3 * GRANULE
    assert pool.take(2, GRANULE) == second


def test_gaps_side_by_side_become_one_and_owners_are_told_apart() -> None:
    pool = MemoryPool(8 * GRANULE + 5)
    starts = [pool.take(owner, 2 * GRANULE) for owner in (1, 2, 1, 2)]
    assert pool.take(3, 1) is None
    assert starts[1] is not None
    assert not pool.give(1, starts[1]), "it is another's"
    pool.give_all(2)
    assert (pool.held_by(1), pool.held_by(2), pool.largest_gap) == (4 * GRANULE, 0, 2 * GRANULE)
    pool.give_all(1)
    assert pool.take(3, 8 * GRANULE) == 0


def test_even_one_byte_takes_a_granule() -> None:
    pool = MemoryPool(2 * GRANULE)
    assert pool.take(1, 1) == 0
    assert pool.used == GRANULE


@pytest.mark.parametrize(
    ("wanted", "size"),
    [(512, 2 * MIB), (MIB, 2 * MIB), (MIB + 512, 20 * MIB), (10 * MIB - 512, 20 * MIB), (10 * MIB, 10 * MIB),
     (33 * MIB, 34 * MIB)],
)  # fmt: skip
def test_segments_have_the_documented_sizes(wanted: int, size: int) -> None:
    assert segment_size(wanted) == size


def allocator_of(size: int) -> tuple[CachingAllocator, MemoryPool]:
    pool = MemoryPool(size)
    return CachingAllocator(lambda wanted: pool.take(1, wanted), lambda address: pool.give(1, address)), pool


def test_freed_memory_is_kept_and_used_again_best_fit() -> None:
    allocator, pool = allocator_of(1000 * MIB)
    large, small = allocator.allocate(100 * MIB), allocator.allocate(40 * MIB)
    assert large is not None
    assert small is not None
    allocator.free(large)
    allocator.free(small)
    assert (allocator.allocated, allocator.reserved, pool.used) == (0, 140 * MIB, 140 * MIB)
    again = allocator.allocate(39 * MIB + 512)
    assert again is not None
    assert again.segment is small.segment
    assert allocator.reserved == 140 * MIB


def test_a_cut_segment_holds_on_to_memory_that_nobody_uses() -> None:
    allocator, pool = allocator_of(100 * MIB)
    whole = allocator.allocate(90 * MIB)
    assert whole is not None
    allocator.free(whole)
    assert allocator.allocate(10 * MIB) is not None
    assert allocator.reserved - allocator.allocated == 80 * MIB
    assert allocator.allocate(85 * MIB) is None, "80 MiB are reserved but unallocated, 10 are free on the device"
    assert pool.free == 10 * MIB


def test_whole_idle_segments_go_back_before_the_device_says_no() -> None:
    allocator, pool = allocator_of(100 * MIB)
    blocks = [allocator.allocate(30 * MIB) for _ in range(3)]
    for block in blocks:
        assert block is not None
        allocator.free(block)
    assert allocator.allocate(80 * MIB) is not None
    assert allocator.reserved == pool.used == 80 * MIB


def test_blocks_side_by_side_become_one() -> None:
    allocator, _ = allocator_of(100 * MIB)
    blocks = [allocator.allocate(5 * MIB) for _ in range(4)]
    assert allocator.reserved == 20 * MIB
    for block in blocks:
        assert block is not None
        allocator.free(block)
    assert allocator.allocate(9 * MIB) is not None
    assert allocator.reserved == 20 * MIB
