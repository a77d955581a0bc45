"""Read lobsterout, also one that ends in the middle: what ran, on how much, how well, and what went wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: Marks a lobsterout of this package's own engine in its first line.
OWN_ENGINE = "getl-cohp"

_DECIMAL = r"\d{1,12}(?:\.\d{1,12})?"


@dataclass(frozen=True)
class Timing:
    """Seconds, as printed at the end."""

    wall: float
    user: float
    sys: float


@dataclass(frozen=True)
class Lobsterout:
    """What a lobsterout says; None where it says nothing.

    Attributes
    ----------
    engine
        ``LOBSTER`` or ``getl-cohp``.
    version
        E.g. ``4.1.0``.
    program
        The plane-wave program detected, e.g. ``Quantum Espresso``.
    threads
        Number of threads.
    basis_set
        E.g. ``Bunge``.
    basis
        Orbitals in use per element, e.g. ``{'C': ('2s', '2p_y', '2p_z', '2p_x')}``.
    n_interactions
        Number of bonds found.
    n_spins
        1 or 2; None before the spillings are printed.
    charge_spilling, total_spilling
        Per spin, as fractions (0.0112 for 1.12 %).
    electrons_recovered, electrons
        By the projection, and in all.
    warnings
        One text per block of WARNING lines.
    too_few_bands, bands_needed
        Whether the projection was given up for want of bands, and the number asked for.
    projection_saved
        The projection was saved to a file, and what comes after it was begun.
    kpoints_not_orthonormalized
        (n, m) for "n of m k-points could not be orthonormalized".
    program_not_detected
        The plane-wave program could not be determined.
    timing
    finished
        The closing line is there. LOBSTER also ends that way without COHPs: see ``too_few_bands``.
    """

    engine: str | None
    version: str | None
    program: str | None
    threads: int | None
    basis_set: str | None
    basis: dict[str, tuple[str, ...]]
    n_interactions: int | None
    n_spins: int | None
    charge_spilling: tuple[float, ...]
    total_spilling: tuple[float, ...]
    electrons_recovered: float | None
    electrons: float | None
    warnings: tuple[str, ...]
    too_few_bands: bool
    bands_needed: int | None
    projection_saved: bool
    kpoints_not_orthonormalized: tuple[int, int] | None
    program_not_detected: bool
    timing: Timing | None
    finished: bool

    @classmethod
    def empty(cls) -> Lobsterout:
        """Return what an empty file says: nothing."""
        return read_lobsterout("")

    @property
    def cpu_per_wall(self) -> float | None:
        """Seconds of processor time per second: how many cores were at work."""
        if self.timing is None or self.timing.wall <= 0:
            return None
        return (self.timing.user + self.timing.sys) / self.timing.wall

    @property
    def one_core_run(self) -> bool:
        """Whether the run had several threads but used one core's time: its threads were bound to one core."""
        if self.timing is None or self.threads is None or self.threads < 2 or self.timing.wall < 60:
            return False
        return self.cpu_per_wall is not None and self.cpu_per_wall < 1.1


def read_lobsterout(source: Path | str) -> Lobsterout:
    """Read a lobsterout.

    Parameters
    ----------
    source
        A path, or the text of the file.
    """
    text = source if isinstance(source, str) else source.read_text(errors="replace")
    undetected = re.search(r"could not determine which program was used", text, re.I) is not None
    text = _without_cut_line(text)
    lines = text.splitlines()
    warnings = _warnings(lines)
    engine, version = _engine(text)
    program = re.search(r"detecting used PAW program\.\.\. *(\S[^\n]{0,200}?) *$", text, re.M)
    threads = re.search(r"using (\d{1,6}) threads?\b", text)
    interactions = re.search(r"found (\d{1,9}) interactions?\b", text)
    electrons = re.search(rf"electrons recovered by projection: *({_DECIMAL}) of ({_DECIMAL})\s", text)
    not_orthonormal = re.search(r"\b(\d{1,9}) of (\d{1,9}) k-points could not be orthonormalized", text)
    basis_set, basis = _basis(lines)
    bands_needed = _bands_needed(warnings)
    timing = _timing(text)
    charge_spilling = _percentages("charge", text)
    return Lobsterout(
        engine=engine,
        version=version,
        program=None if program is None or undetected else program.group(1),
        threads=int(threads.group(1)) if threads else None,
        basis_set=basis_set,
        basis=basis,
        n_interactions=int(interactions.group(1)) if interactions else None,
        n_spins=2 if "spillings for spin channel" in text else 1 if charge_spilling else None,
        charge_spilling=charge_spilling,
        total_spilling=_percentages("total", text),
        electrons_recovered=float(electrons.group(1)) if electrons else None,
        electrons=float(electrons.group(2)) if electrons else None,
        warnings=tuple(warnings),
        too_few_bands=bands_needed is not None or any(_is_too_few_bands(warning) for warning in warnings),
        bands_needed=bands_needed,
        projection_saved="saving projection to" in text and bool(charge_spilling),
        kpoints_not_orthonormalized=(
            (int(not_orthonormal.group(1)), int(not_orthonormal.group(2))) if not_orthonormal else None
        ),
        program_not_detected=undetected,
        timing=timing,
        finished=re.search(r"finished in [^\n]{0,100} of wall time", text) is not None,
    )


def _engine(text: str) -> tuple[str | None, str | None]:
    match = re.match(rf"\s{{0,99}}(LOBSTER|{OWN_ENGINE}) v(\S{{0,40}})", text)
    if match is None:
        return None, None
    # One published LOBSTER prints "v (g++ ...)": no version.
    return match.group(1), match.group(2).strip("(") or None


def _without_cut_line(text: str) -> str:
    """Return the text without a last line that may have been cut off: its numbers could be wrong."""
    head, _, tail = text.rpartition("\n")
    return text if re.search(r"ms of sys +time\s*$", tail) else head + "\n"


def _percentages(kind: str, text: str) -> tuple[float, ...]:
    found = re.findall(rf"abs\. {kind} {{1,3}}spilling: {{0,9}}({_DECIMAL}|-?nan) {{0,3}}%", text)
    return tuple(round(float(value) / 100, 8) for value in found)


def _basis(lines: list[str]) -> tuple[str | None, dict[str, tuple[str, ...]]]:
    basis_set, basis = None, {}
    start = next((n for n, line in enumerate(lines) if line.startswith("setting up local basis functions")), None)
    for line in lines[start + 1 :] if start is not None else []:
        match = re.match(r" *([A-Z][a-z]?) \(([^)]{1,80})\) (.+)$", line)
        if match is None:
            break
        basis_set = match.group(2)
        basis[match.group(1)] = tuple(match.group(3).split())
    return basis_set, basis


def _warnings(lines: list[str]) -> list[str]:
    """Join the lines of every block of warnings; the first may share its line with progress output."""
    found: list[str] = []
    open_block = False
    for line in lines:
        _, mark, text = line.partition("WARNING:")
        if not mark:
            open_block = False
            continue
        # A line that does not begin the line, as after "projecting...", starts a block.
        if open_block and line.startswith("WARNING"):
            found[-1] += " " + text.strip()
        else:
            found.append(text.strip())
        open_block = True
    return found


def _is_too_few_bands(warning: str) -> bool:
    """Whether a warning asks for more bands; that there are more than needed is no trouble."""
    if not re.search(r"\bbands\b", warning, re.I):
        return False
    return bool(
        re.search(
            r"\b(too few|fewer|less|not enough|insufficient|at least|or more)\b|"
            r"\bmore (PAW )?bands (are|is) (needed|required)|\b(need|increase|larger than|exceeds)\b",
            warning,
            re.I,
        )
    )


def _bands_needed(warnings: list[str]) -> int | None:
    for warning in warnings:
        if _is_too_few_bands(warning):
            numbers = [int(number) for number in re.findall(r"\b\d{1,9}\b", warning)]
            if numbers:
                return max(numbers)
    return None


def _timing(text: str) -> Timing | None:
    seconds = []
    for kind in ("wall", "user", "sys"):
        match = re.search(
            r"\b(\d{1,7}) h {1,3}(\d{1,2}) min {1,3}(\d{1,2}) s {1,3}(\d{1,3}) ms of " + kind + " {1,3}time", text
        )
        if match is None:
            return None
        hours, minutes, whole, thousandths = (int(group) for group in match.groups())
        seconds.append(3600 * hours + 60 * minutes + whole + thousandths / 1000)
    return Timing(*seconds)


def format_timing(timing: Timing) -> str:
    """Return the closing lines of a lobsterout."""
    lines = []
    for kind in ("wall", "user", "sys"):
        thousandths = round(1000 * getattr(timing, kind))
        hours, rest = divmod(thousandths, 3_600_000)
        minutes, rest = divmod(rest, 60_000)
        start = "finished in" if kind == "wall" else "           "
        lines.append(f"{start} {hours} h {minutes:2d} min {rest // 1000:2d} s {rest % 1000:3d} ms of {kind:<4s} time")
    return "\n".join(lines) + "\n"
