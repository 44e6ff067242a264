"""The emulated device itself: who is on it, what they hold, what runs, and in which condition it is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from stack.accelerator.heat import Heat, Throttle
from stack.accelerator.pool import MemoryPool
from stack.accelerator.registers import DOUBLE_BIT, OFF_THE_BUS, Registers
from stack.accelerator.slices import TimeSlices
from stack.accelerator.spec import DeviceSpec

WINDOW_SECONDS = 1.0
"""Over how long utilisation is measured."""
_HARDWARE = -1
"""Owner of memory that the hardware itself lost."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that uses the device; the names are empty where it runs in no pod."""

    pid: int
    pod: str = ""
    namespace: str = ""
    container: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process takes of the device."""

    process: Process
    bytes: int
    engine_seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The device's sensors at one moment; units as DCGM has them: MiB, percent, Celsius, W, MHz, mJ."""

    lost: bool
    used_mib: float
    free_mib: float
    reserved_mib: float
    busy: float
    """Share of the last second in which the engine had something to do."""
    celsius: float
    watts: float
    millijoules: float
    sm_clock: float
    memory_clock: float
    reasons: Throttle
    single_bit: int
    double_bit: int
    xid: int


class Board:
    """
    One device with its memory, its engine and its sensors. Sessions are processes that opened it.

    It does nothing on its own: times, in seconds of a monotonic clock, come with each call. Calls that let time pass
    return the sessions whose kernel finished.
    """

    def __init__(self, spec: DeviceSpec, now: float) -> None:
        self.spec = spec
        self.registers = Registers()
        self._pool = MemoryPool(spec.usable_bytes)
        self._slices = TimeSlices(now)
        self._heat = Heat(spec)
        self._sessions: dict[int, Process] = {}
        self._broken: dict[int, int] = {}
        self._next = 1
        self._samples: deque[tuple[float, float]] = deque([(now, 0.0)])
        self._single_bit = self._millijoules = 0.0

    @property
    def lost(self) -> bool:
        """Whether the device is off the bus."""
        return self.registers.r4 == OFF_THE_BUS

    def refusal(self) -> str:
        """Why no further process gets a context; empty when one does."""
        return "no device is attached" if self.lost or self.registers.r5 else ""

    def open(self, process: Process) -> int | None:
        """A session for `process`, which takes the memory of its context; None when there is not that much."""
        session = self._next
        if self._pool.take(session, self.spec.context_bytes) is None:
            return None
        self._next += 1
        self._sessions[session] = process
        return session

    def close(self, session: int, now: float) -> list[int]:
        """Take back all that a session holds; returns sessions whose kernel finished until now."""
        done = self._slices.drop(session, now)
        self._pool.give_all(session)
        self._sessions.pop(session, None)
        self._broken.pop(session, None)
        return done

    def broken(self, session: int) -> int:
        """The Xid that ended the context of a session; 0 while it lives."""
        return self._broken.get(session, 0)

    def allocate(self, session: int, size: int) -> int | None:
        """The address of `size` bytes of memory, or None when no gap is long enough."""
        return self._pool.take(session, size)

    def free(self, session: int, address: int) -> bool:
        """Take back what a session holds at `address`; False when it holds nothing there."""
        return self._pool.give(session, address)

    def memory(self, session: int) -> tuple[int, int, int]:
        """Bytes in all, bytes that nobody holds, and bytes that the session holds."""
        return self.spec.memory_bytes, self._pool.free, self._pool.held_by(session)

    def launch(self, session: int, flops: float, launches: int, now: float) -> list[int]:
        """Put the work of a session on the engine."""
        seconds = launches * self.spec.launch_seconds + flops / self.spec.flops
        return self._slices.launch(session, seconds, now)

    def advance(self, now: float) -> list[int]:
        """Let the engine work until `now`."""
        return self._slices.advance(now)

    def next_end(self) -> float | None:
        """When the next kernel finishes if nothing changes."""
        return self._slices.next_end()

    def sample(self, now: float) -> list[int]:
        """Read the sensors and let the clock follow the temperature; to be called a few times a second."""
        done = self.advance(now)
        before, busy_before = self._samples[-1]
        seconds = now - before
        if seconds <= 0:
            return done
        busy = min(1.0, (self._slices.busy_seconds - busy_before) / seconds)
        self._heat.step(busy, self.registers.r1, seconds)
        self._single_bit += self.registers.r2 * seconds
        self._millijoules += self._heat.watts * seconds * 1000
        self._samples.append((now, self._slices.busy_seconds))
        while len(self._samples) > 2 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()
        return done + self._slices.set_speed(self._heat.clock, now)

    def write(self, registers: Registers, now: float) -> list[int]:
        """Put the hardware into another condition; returns finished sessions, broken ones among them."""
        done = self.advance(now)
        earlier, self.registers = self.registers, registers
        if registers.r6 != earlier.r6:
            self._pool.give_all(_HARDWARE)
            if registers.r6:
                self._pool.take(_HARDWARE, min(registers.r6, self._pool.largest_gap))
        if registers.r3 > earlier.r3:
            self.registers = replace(registers, r4=DOUBLE_BIT)
            return done + self._break_all(DOUBLE_BIT, now)
        if self.lost and earlier.r4 != OFF_THE_BUS:
            return done + self._break_all(OFF_THE_BUS, now)
        return done

    def usages(self) -> list[Usage]:
        """What each process takes, in the order in which they came."""
        return [
            Usage(process, self._pool.held_by(session), self._slices.engine_seconds(session))
            for session, process in self._sessions.items()
        ]

    def reading(self) -> Reading:
        """The sensors as last sampled, memory as it is now."""
        (since, busy_then), (now, busy_now) = self._samples[0], self._samples[-1]
        busy = min(1.0, (busy_now - busy_then) / (now - since)) if now > since else 0.0
        mib = 1024 * 1024
        return Reading(
            lost=self.lost,
            used_mib=self._pool.used / mib,
            free_mib=self._pool.free / mib,
            reserved_mib=(self.spec.memory_bytes - self._pool.size) / mib,
            busy=busy,
            celsius=self._heat.celsius,
            watts=self._heat.watts,
            millijoules=self._millijoules,
            sm_clock=self._heat.sm_clock(busy),
            memory_clock=float(self.spec.memory_clock),
            reasons=self._heat.reasons(busy),
            single_bit=int(self._single_bit),
            double_bit=self.registers.r3,
            xid=self.registers.r4,
        )

    def _break_all(self, xid: int, now: float) -> list[int]:
        done: list[int] = []
        for session in self._sessions:
            self._broken[session] = xid
            done += self._slices.drop(session, now)
            self._pool.give_all(session)
        return [*done, *self._sessions]
