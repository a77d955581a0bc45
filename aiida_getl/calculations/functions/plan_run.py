"""What a decision says about a melt-quench run."""

from aiida import orm
from aiida.engine import ExitCode, calcfunction


@calcfunction
def plan_run(decision, number):
    """Return ``composition`` (``Str``), ``n_atoms`` and ``seed`` (``Int``) of an item of a decision.

    :param decision: ``Dict``, of ``decide``.
    :param number: ``Int``, that of the item.
    """
    recipe = next((item["recipe"] for item in decision["chosen"] if item["number"] == number.value), None)
    if recipe is None or recipe["operation"] != "melt_quench":
        return ExitCode(401, f"the decision has no melt-quench run {number.value}")
    return {
        "composition": orm.Str(recipe["composition"]),
        "n_atoms": orm.Int(recipe["n_atoms"]),
        "seed": orm.Int(recipe["seed"]),
    }
