"""Structures from a file in any format."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_getl.exchange.label import read_frames

#: A structure of more atoms is kept as arrays: as a ``StructureData`` it takes seconds and a megabyte of the database.
MANY_ATOMS = 2000


@calcfunction
def read_structures(file):
    """Return a ``StructureData``, or a ``TrajectoryData`` for a file of several frames or more than 2000 atoms.

    :param file: ``SinglefileData`` in a format that ASE reads, perhaps packed (``.gz``).
    """
    with TemporaryDirectory(prefix="getl-") as folder:
        path = Path(folder) / file.filename
        path.write_bytes(file.get_content(mode="rb"))
        try:
            frames = read_frames(path)
        except ValueError as exception:
            return ExitCode(401, str(exception))
    if len(frames) == 1 and len(frames[0]) <= MANY_ATOMS:
        return orm.StructureData(ase=frames[0])
    symbols = frames[0].get_chemical_symbols()
    if any(frame.get_chemical_symbols() != symbols for frame in frames):
        return ExitCode(402, f"the frames of {file.filename} have different atoms: give them as separate files")
    node = orm.TrajectoryData()
    node.set_trajectory(
        symbols, np.array([frame.positions for frame in frames]), cells=np.array([frame.cell[:] for frame in frames])
    )
    return node
