"""Numbers as Fortran programs write them."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray


def parse_floats(text: str) -> NDArray[np.float64]:
    """Return the numbers of a text written by Fortran, where ``1.0-100`` is a number too.

    Raises
    ------
    ValueError
        For what is no number.
    """
    values = text.split()
    try:
        return np.array(values, dtype=float)
    except ValueError:
        return np.array([re.sub(r"(?<=\d)([+-]\d{3})$", r"E\1", value) for value in values], dtype=float)
