"""Bond strengths of disordered metals with AiiDA: generate, label, learn and predict -ICOHPs, with full provenance."""

__version__ = "0.1.0"
