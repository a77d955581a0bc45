"""Figures and summaries of what a campaign found."""
