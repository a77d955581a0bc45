"""How a process ended, in words."""

from __future__ import annotations

from aiida import orm


def describe(process: orm.ProcessNode) -> str:
    """Return one sentence about how a process ended."""
    if process.is_finished:
        return f"{process.process_label}<{process.pk}> [{process.exit_status}] {process.exit_message}"
    return f"{process.process_label}<{process.pk}> ended {process.process_state.value}"


def message_of(process: orm.ProcessNode) -> str:
    """Return why a process failed, without its name."""
    return process.exit_message or process.exception or "it was killed"
