"""Questions to the provenance graph."""

from aiida_getl.provenance.tracing import Item, Step, Trace, describe, trace

__all__ = ["Item", "Step", "Trace", "describe", "trace"]
