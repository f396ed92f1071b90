"""Regions as tasks of a Dask cluster: each is read from its piece and ends as a run folder, whole or not at all.

What became of a region is written into its piece (``run.json``) by whoever made it, so that nothing that was finished
is lost when the one who asked for it is gone.
"""

from __future__ import annotations

import ctypes
import gc
import json
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from ..atomic import listed
from ..errors import InputError, PlugspanError
from ..texts import text
from .cut import RUN, piece, read_piece, replace_text
from .manifest import COUNTRY_MAP, NATIONAL, RegionRun, run_folder

if TYPE_CHECKING:
    from distributed import Client

ALLOWED_FAILURES = 3
"""A region during which so many workers and one more were lost is not tried again: it would take all of them."""
OVER = "over.json"
"""In a piece: word of a worker that ended itself because it needed too much memory."""
_LOOK_S = 0.2
_LOOK_WORKERS_S = 5.0
"""Asking which workers there are is slow: every 0.2 s it took the client 200 s in an hour."""
LOST_S = 300.0
"""Dask starts a process again that has ended, but not one that ends before it knows of its start."""


@dataclass(frozen=True)
class Task:
    """A region to be run: its key is that of :func:`~plugspan.country.cut.piece_key`.

    ``turn`` differs from run to run of the country; ``anew`` if the region is done and asked for all the same.
    """

    id: str
    name: str
    key: str
    turn: str = ""
    anew: bool = False


def target(out: Path, id_: str) -> Path:
    """Run folder of a region, or of the national run."""
    return out / NATIONAL if id_ == NATIONAL else run_folder(out, id_)


def _all_regions(out: Path, id_: str) -> str:
    """Address of the country's map, from a run folder."""
    return "../" * len(target(out, id_).relative_to(out).parts) + COUNTRY_MAP


def last_run(out: Path, task: Task) -> RegionRun:
    """Return what became of a region when it was run last, seen from the key that it has now."""
    try:
        found = RegionRun(**json.loads((piece(out, task.id) / RUN).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return RegionRun(task.id, task.name)
    if found.state == "failed":
        return found if found.key == task.key else RegionRun(task.id, task.name)
    folder = target(out, task.id)
    files = listed(folder)
    whole = files is not None and all((folder / name).is_file() for name in files)
    if not whole:
        return RegionRun(task.id, task.name)
    return found if found.key == task.key else RegionRun(task.id, task.name, "stale", key=found.key)


def note_run(out: Path, run: RegionRun) -> None:
    """Write down what became of a region, in one step."""
    replace_text(piece(out, run.id) / RUN, json.dumps(asdict(run), ensure_ascii=False, indent=1) + "\n")


def run_region(out: str, task: Task, memory_mb: float | None = None) -> RegionRun:
    """Run a region and write its folder; what is wrong with it becomes the reason.

    This is what a worker does. Whatever ends it, the folder of an earlier run stays whole. A worker that needs more
    than ``memory_mb`` writes down so and ends itself; the one that is given the region next tells it.
    """
    if (answer := _lost_answer(Path(out), task)) is not None:
        return answer
    over = piece(Path(out), task.id) / OVER
    with suppress(OSError, ValueError, TypeError, LookupError):
        run = RegionRun(**json.loads(over.read_text("utf-8"))[task.turn])
        over.unlink()
        note_run(Path(out), run)
        return run
    with _memory_watched(memory_mb, over, task, str(read_piece(over.parent).language)):
        try:
            return _run_region(out, task)
        finally:
            give_back_memory()


def _lost_answer(out: Path, task: Task) -> RegionRun | None:
    """What became of a region that a worker had finished when it was lost before anybody had its answer."""
    last = last_run(out, task)
    return last if last.state == "done" and not task.anew else None


@contextmanager
def _memory_watched(most_mb: float | None, over: Path, task: Task, lang: str) -> Iterator[None]:
    """End the process when it needs more memory, and leave word."""
    ended = Event()

    def watch(most: float) -> None:
        while not ended.wait(_LOOK_S):
            if (now := _status_mb("VmRSS:") or peak_mb() or 0.0) > most:
                reason = text("country.memory", lang, now=f"{now:.0f}", most=f"{most:.0f}")
                run = RegionRun(task.id, task.name, "failed", reason, task.key, None, round(now, 1))
                replace_text(over, json.dumps({task.turn: asdict(run)}))
                os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    if most_mb is not None:
        Thread(target=watch, args=(most_mb,), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _run_region(out: str, task: Task) -> RegionRun:
    """Run a region; whatever is wrong with it becomes the reason."""
    from ..pipeline import make_plan
    from ..render.run import write_run
    from ..study import silent
    from .tables import read_written

    started, folder, reason = time.perf_counter(), Path(out), ""
    _forget_peak()
    project = read_piece(piece(folder, task.id))
    lang = project.language
    try:
        # Between stages for the run that grows with the country alone: of a region that is a quarter of its time.
        told = give_back_memory if task.id == NATIONAL else silent
        plan = make_plan(project, read=read_written, progress=told, piece=task.id != NATIONAL)
        write_run(
            plan, target(folder, task.id), overwrite=True, lang=lang, progress=told,
            all_regions=_all_regions(folder, task.id),
        )  # fmt: skip
        # What cannot be met in one region fails there, and leaves the country its routes and its plan.
        proposed = () if task.id == NATIONAL else plan.siting
        found = (siting.result for siting in proposed if siting.result.status == "infeasible")
        reason = "; ".join(result.reason.render(lang) for result in found if result.reason is not None)
    except PlugspanError as error:
        # The piece has the roads around the region alone: that the file holds none is said of the region.
        at_sea = isinstance(error, InputError) and {each.key for each in error.faults} == {"osm-no-roads"}
        reason = text("country.no-roads", lang) if at_sea else error.render(lang)
    except OSError as error:
        reason = text("cli.os-error", lang, path=error.filename or "", reason=error.strerror or error)
    except MemoryError:
        reason = text("cli.memory", lang)
    seconds = round(time.perf_counter() - started, 2)
    state = "failed" if reason else "done"
    run = RegionRun(task.id, task.name, state, reason, task.key, seconds, peak_mb())  # type: ignore[arg-type]
    with suppress(OSError):  # a full disk is told to the one who waits
        note_run(folder, run)
    return run


def _forget_peak() -> None:
    """Have the system measure the most memory from here on, where it can: a worker has run other regions before."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_bytes(b"5")


def give_back_memory(*_stage: object) -> None:
    """Give free memory back to the system, which the allocator of glibc keeps: it is the next region's otherwise.

    It takes any arguments, so that it can be told of the stages of a run.
    """
    gc.collect()  # roads and what finds places on them hold each other
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # other C libraries have no such function
            ctypes.CDLL(None).malloc_trim(0)


def peak_mb() -> float | None:
    """Most memory of this process, MB; None where nobody can say (Windows)."""
    if (peak := _status_mb("VmHWM:")) is not None:
        return peak
    with suppress(ImportError):
        import resource

        unit = 1 << 20 if sys.platform == "darwin" else 1024
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
    return None


def _status_mb(name: str) -> float | None:
    """What Linux says of this process's memory, MB; None on another system."""
    with suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text("ascii")
        return round(int(status.partition(name)[2].split()[0]) / 1024, 1)
    return None


# -- the cluster -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Where:
    """Where tasks are run; see :func:`~plugspan.country.run.run_country`."""

    workers: int | None = None
    scheduler: str | None = None
    memory_mb: float | None = None


@contextmanager
def cluster(where: Where) -> Iterator[Client]:
    """Give a client of a cluster: the one at an address, or one of processes of this machine.

    Raises
    ------
    PlugspanError
        If Dask is not installed, nobody answers at the address, or no process can be started here.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise PlugspanError("country-no-dask") from error
    settings = {
        # One region at a time: those that wait behind one that kills its worker are not blamed for it.
        "distributed.scheduler.worker-saturation": 1.0,
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,  # one that pauses while it holds no region would do so for ever
        "distributed.worker.profile.enabled": False,  # its record of the last 1000 s takes 500 MB
        "distributed.worker.daemon": True,
        "logging.distributed": "critical",
    }
    with dask.config.set(settings), _quiet():
        if where.scheduler is not None:
            try:
                client = Client(where.scheduler, timeout="10s")
            except (OSError, ValueError, TimeoutError) as error:
                raise PlugspanError("country-no-scheduler", address=where.scheduler) from error
            with client:
                yield client
            return
        memory: Any = "auto" if where.memory_mb is None else 0  # the worker looks after itself
        try:
            local = LocalCluster(
                n_workers=where.workers, threads_per_worker=1, processes=True, memory_limit=memory,
                dashboard_address=":0", silence_logs=50,
            )  # fmt: skip
        except (RuntimeError, OSError) as error:  # as a process that is ended while it starts
            raise PlugspanError("country-no-workers", reason=error) from error
        with local, Client(local) as client:
            yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask and its loop log of lost connections from the terminal: what matters is told by us."""
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def run_tasks(
    client: Client, out: Path, tasks: Sequence[Task], lang: str, memory_mb: float | None = None
) -> Iterator[RegionRun]:
    """Run the tasks; gives what became of each, in the order in which they end.

    A task whose worker is lost is done again by another; one that loses too many workers has failed.

    Raises
    ------
    PlugspanError
        If the scheduler, or all workers of this machine, are lost; what has ended before stays.
    """
    from distributed import as_completed

    turn = secrets.token_hex(8)
    by_key = {f"plugspan-{task.id}-{turn}": replace(task, turn=turn) for task in tasks}
    futures = [
        client.submit(run_region, str(out.resolve()), task, memory_mb, key=key, pure=False, priority=-place)
        for place, (key, task) in enumerate(by_key.items())
    ]
    try:
        ended, asked, seen = as_completed(futures), 0.0, time.monotonic()
        while not ended.is_empty():
            if ended.has_ready():
                future = next(ended)
                yield _outcome(future, out, by_key[future.key], lang)
                future.release()
                continue
            time.sleep(_LOOK_S)
            if client.cluster is None or (now := time.monotonic()) < asked + _LOOK_WORKERS_S:
                continue  # a cluster from elsewhere may wait for its queue
            asked = now
            if client.scheduler_info()["workers"]:
                seen = now
            elif now - seen > LOST_S:
                raise PlugspanError("country-workers-lost", n=round(LOST_S / 60))
    finally:
        with suppress(Exception):
            client.cancel(futures)


def _outcome(future: Any, out: Path, task: Task, lang: str) -> RegionRun:
    from distributed.scheduler import KilledWorker

    if future.status == "cancelled":
        raise PlugspanError("country-scheduler-lost")
    try:
        found: RegionRun = future.result()
    except KilledWorker:
        if (answer := _lost_answer(out, task)) is not None:
            return answer
        return _failed(task, text("country.killed", lang, n=ALLOWED_FAILURES + 1))
    except Exception as error:  # a fault of ours in one region doesn't stop the others
        what = f"{type(error).__name__}: {error}"[:300]
        return _failed(task, text("country.own-fault", lang, what=what))
    return found


def _failed(task: Task, reason: str) -> RegionRun:
    return RegionRun(task.id, task.name, "failed", reason, task.key)
