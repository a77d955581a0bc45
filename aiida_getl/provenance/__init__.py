"""Questions to the provenance graph: where a number comes from, what depends on it, what it cost, what is faulty."""

from aiida_getl.provenance.cost import core_hours, job_costs
from aiida_getl.provenance.dependents import Use, Uses, uses
from aiida_getl.provenance.tracing import Decision, Origin, Step, Trace, trace
from aiida_getl.provenance.words import Item, describe

__all__ = [
    "Decision",
    "Item",
    "Origin",
    "Step",
    "Trace",
    "Use",
    "Uses",
    "core_hours",
    "describe",
    "job_costs",
    "trace",
    "uses",
]
