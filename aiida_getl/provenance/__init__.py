"""Questions to the provenance graph."""

from aiida_getl.provenance.tracing import Decision, Origin, Step, Trace, trace
from aiida_getl.provenance.words import Item, describe

__all__ = ["Decision", "Item", "Origin", "Step", "Trace", "describe", "trace"]
