"""What a bond analysis needs to know of a UPF pseudopotential: its valence, its kind and its atomic orbitals."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ase.data import chemical_symbols

SUBSHELLS = "spdf"


@dataclass(frozen=True)
class Shell:
    """One atomic shell of a pseudopotential (a ``PP_CHI`` entry).

    Attributes
    ----------
    label
        Chemist's name, e.g. ``4s``.
    n, l
        Principal quantum number of that name, and angular momentum.
    occupation
        Electrons in the reference configuration; negative for orbitals that QE does not project on.
    """

    label: str
    n: int
    l: int  # noqa: E741 - the quantum number
    occupation: float

    @property
    def n_functions(self) -> int:
        """Number of orbitals, 2l + 1."""
        return 2 * self.l + 1


@dataclass(frozen=True)
class Upf:
    """A pseudopotential.

    Attributes
    ----------
    element
        Chemical symbol.
    z_valence
        Number of valence electrons.
    kind
        ``PAW``, ``US`` (ultrasoft) or ``NC`` (norm-conserving).
    functional
        As written in the file, e.g. ``SLA PW PBX PBC``.
    chi
        The atomic orbitals in the order of the file, which is the order in which QE projects on them.
    wfc_cutoff, rho_cutoff
        Suggested cut-offs in Ry, None where the file suggests none.
    md5
        Of the file's bytes.
    has_partial_waves
        Whether the file has the all-electron and pseudo partial waves of a PAW dataset.
    """

    element: str
    z_valence: float
    kind: str
    functional: str
    chi: tuple[Shell, ...]
    wfc_cutoff: float | None
    rho_cutoff: float | None
    md5: str
    has_partial_waves: bool = True


def read_upf(source: Path | str) -> Upf:
    """Read a UPF file of format version 2.

    The file is not parsed as XML: many published files are not well-formed (an ``&`` in the generation input).

    Parameters
    ----------
    source
        A path, or the text of the file.

    Raises
    ------
    ValueError
        For a file that is no UPF version 2, is fully relativistic, lacks an entry, or has one that makes no sense.
    """
    name = "the UPF text" if isinstance(source, str) else str(source)
    data = source.encode() if isinstance(source, str) else source.read_bytes()
    text = data.decode("utf-8", errors="replace")
    if "<UPF version=" not in text[:2000]:
        if "<PP_HEADER>" in text:
            raise ValueError(f"{name} is a UPF file of format version 1: convert it with QE's upfconv.x")
        raise ValueError(f"{name} is not a UPF pseudopotential: it lacks <UPF version=...>")
    headers = _attributes_of(text, r"PP_HEADER")
    if not headers:
        raise ValueError(f"{name} has no <PP_HEADER .../>: the file is damaged or cut off")
    header = headers[0]
    if _is_true(header.get("has_so", "f")):
        raise ValueError(
            f"{name} is fully relativistic (has_so): bond analysis is scalar relativistic, "
            "use the scalar-relativistic dataset"
        )
    try:
        element = header["element"].strip().capitalize()
        if element not in chemical_symbols[1:]:
            raise ValueError(f"{name} is of {element!r}, which is no element: correct its <PP_HEADER element=...>")
        chi = tuple(_shell(attributes, name) for attributes in _attributes_of(text, r"PP_CHI\.\d+"))
        if len(chi) != _integer(header, "number_of_wfc", name):
            raise ValueError(
                f"{name} announces {header['number_of_wfc']} atomic orbitals but has {len(chi)}: it is damaged or cut "
                "off, copy it again"
            )
        return Upf(
            element=element,
            z_valence=_float(header, "z_valence", name),
            kind=_kind(header),
            functional=" ".join(header.get("functional", "").split()),
            chi=chi,
            wfc_cutoff=_float({"wfc_cutoff": "0", **header}, "wfc_cutoff", name) or None,
            rho_cutoff=_float({"rho_cutoff": "0", **header}, "rho_cutoff", name) or None,
            md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
            has_partial_waves="<PP_AEWFC.1" in text and "<PP_PSWFC.1" in text,
        )
    except KeyError as error:
        raise ValueError(f"{name} lacks the attribute {error} that every UPF version 2 file has") from None


def _attributes_of(text: str, tag: str) -> list[dict[str, str]]:
    return [
        dict(re.findall(r"([\w.]+)\s*=\s*\"([^\"]*)\"", attributes))
        for attributes in re.findall(rf"<{tag}\s([^>]*)>", text)
    ]


def _shell(attributes: Mapping[str, str], file: str) -> Shell:
    # The attribute n counts the shells of one l from 1 (a pseudo quantum number): the label has the real one.
    label = attributes.get("label", "").strip().lower()
    angular = _integer(attributes, "l", file)
    if not 0 <= angular < len(SUBSHELLS):
        raise ValueError(f"{file} has an atomic orbital of l = {angular}: only {' '.join(SUBSHELLS)} are known")
    match = re.match(r"(\d)", label)
    n = int(match.group(1)) if match else _integer({"n": str(angular + 1), **attributes}, "n", file)
    return Shell(f"{n}{SUBSHELLS[angular]}", n, angular, _float(attributes, "occupation", file))


def _kind(header: dict[str, str]) -> str:
    if _is_true(header.get("is_paw", "f")):
        return "PAW"
    return "US" if _is_true(header.get("is_ultrasoft", "f")) else "NC"


def _is_true(value: str) -> bool:
    return value.strip(". ").lower().startswith("t")


def _float(attributes: Mapping[str, str], key: str, file: str) -> float:
    try:
        value = float(attributes[key].strip().lower().replace("d", "e"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _no_number(attributes, key, file)
    return value


def _integer(attributes: Mapping[str, str], key: str, file: str) -> int:
    try:
        return int(attributes[key])
    except ValueError:
        raise _no_number(attributes, key, file) from None


def _no_number(attributes: Mapping[str, str], key: str, file: str) -> ValueError:
    return ValueError(f"{file} has {key}={attributes[key]!r}, which is no number: it is damaged, copy it again")
