"""Running a notebook in a kernel of its own, in memory, in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path
from typing import Any

import nbformat

from ketastats.cohort.cohort import PUBLISHING
from ketastats.errors import NotebookError

Progress = Callable[[int, int], None]
"""Called with the cells done and the cells in all."""

KERNEL = "ketastats"


class CellError(NotebookError):
    """A cell that stopped the notebook; `notebook` holds every output up to there."""

    def __init__(self, notebook: nbformat.NotebookNode, cell: int, name: str, message: str) -> None:
        self.notebook = notebook
        self.cell = cell
        self.error_name = name
        super().__init__(f"Cell {cell} stopped with {name}: {message}")


def execute_notebook(
    notebook: nbformat.NotebookNode,
    *,
    workspace: Path,
    timeout: float = 600.0,
    progress: Progress | None = None,
) -> nbformat.NotebookNode:
    """Run every cell and return the notebook with its outputs.

    Parameters
    ----------
    notebook : NotebookNode
        Changed in place.
    workspace : Path
        An empty folder for the kernel's sockets and settings; the caller removes it.
    timeout : float, default 600
        Seconds a single cell may take.
    progress : callable, optional

    Raises
    ------
    CellError
        With the number of the cell (1 is the first of the notebook), the error's name and first
        line.
    NotebookError
        If a cell takes too long or the kernel dies.
    """
    return _run(_execute(notebook, workspace, timeout, progress))


def _run(work: Coroutine[Any, Any, nbformat.NotebookNode]) -> nbformat.NotebookNode:
    """Run a coroutine in a thread with a loop of its own.

    So it works inside Jupyter, whose loop is running, and an interrupt reaches this thread, which
    then cancels the work and waits until the kernel is gone.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(loop.run_until_complete, task)
        try:
            return future.result()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            raise
        finally:
            pool.shutdown(wait=True)
            loop.close()


async def _execute(
    notebook: nbformat.NotebookNode, workspace: Path, timeout: float, progress: Progress | None
) -> nbformat.NotebookNode:
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    specs = _write_kernel_spec(workspace)
    manager = AsyncKernelManager(
        kernel_name=KERNEL,
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)], ensure_native_kernel=False),
        transport="ipc",
        ip=str(workspace / "k"),
        connection_file=str(workspace / "connection.json"),
    )
    last = {"cell": 0}
    total = len(notebook.cells)

    def started(cell: nbformat.NotebookNode, cell_index: int) -> None:  # noqa: ARG001
        last["cell"] = cell_index
        if progress is not None:
            progress(cell_index, total)

    client = NotebookClient(
        notebook,
        km=manager,
        timeout=ceil(timeout),
        resources={"metadata": {"path": str(workspace)}},
        on_cell_start=started,
    )
    log = (workspace / "kernel.log").open("wb")  # what the kernel says to a terminal is nobody's
    try:
        await client.async_execute(
            cleanup_kc=True,
            env=_environment(workspace),
            cwd=str(workspace),
            stdout=log,
            stderr=log,
        )
    except CellExecutionError as error:
        raise CellError(notebook, last["cell"] + 1, error.ename, _message(error)) from None
    except CellTimeoutError:
        raise CellError(
            notebook, last["cell"] + 1, "Timeout", f"it took longer than {timeout:g} s"
        ) from None
    except DeadKernelError:
        raise CellError(
            notebook, last["cell"] + 1, "DeadKernel", "the kernel ended by itself"
        ) from None
    finally:
        if await manager.is_alive():
            await manager.shutdown_kernel(now=True)
        manager.cleanup_connection_file()
        log.close()
    if progress is not None:
        progress(total, total)
    return notebook


def _message(error: Any) -> str:
    """The text of this package's errors, which hold no patient values; of others nothing is repeated."""
    if error.ename in {"DataError", "UsageError", "PrivacyError"}:
        return str(error.evalue)
    return "its message is not repeated here, as it may hold data; run the notebook to see it"


def _write_kernel_spec(workspace: Path) -> Path:
    folder = workspace / "kernels" / KERNEL
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": KERNEL,
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    return folder.parent


def _environment(workspace: Path) -> dict[str, str]:
    fixed = {
        PUBLISHING: "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "IPYTHONDIR": str(workspace / "ipython"),
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(workspace / "matplotlib")),
    }
    return {**os.environ, **fixed}
