"""`train`: its cache ends with the format of the models."""

import pytest
from aiida import orm
from aiida.manage.caching import enable_caching

from aiida_getl.calculations.functions.build_dbi import build_dbi
from aiida_getl.calculations.functions.train import MODEL_FORMAT, train
from aiida_getl.calculations.functions.validate import validate
from aiida_getl.learning.model import FORMAT

SETTINGS = {"max_bonds": 40, "max_bonds_hyperparameters": 20, "min_bonds": 5, "max_folds": 2, "learning_curve": False}


def test_the_format_in_the_source_is_that_of_the_models():
    assert MODEL_FORMAT == FORMAT


@pytest.fixture
def run_train(labels):
    """Return a function that trains with caching and returns the process."""
    settings, seed = orm.Dict(SETTINGS), orm.Int(3)
    dbi = build_dbi(settings, **labels)
    validation = validate(dbi, settings, seed)["validation"]

    def run():
        with enable_caching():
            return train.run_get_node(dbi, settings, seed, validation)[1]

    return run


def test_a_model_of_an_earlier_format_is_not_taken_from_the_cache(run_train, monkeypatch, tmp_path):
    first, again = run_train(), run_train()
    assert first.outputs.result.base.attributes.get("model")["format"] == FORMAT
    assert again.base.caching.get_cache_source() == first.uuid

    # AiiDA keeps the source as it finds it, of which the number is part.
    source = tmp_path / "train.py"
    text = first.get_source_code_file()
    source.write_text(text.replace(f"MODEL_FORMAT = {FORMAT}", f"MODEL_FORMAT = {FORMAT + 1}"))
    assert source.read_text() != text
    monkeypatch.setattr("aiida.orm.utils.mixins.inspect.getsourcefile", lambda function: str(source))
    assert not run_train().base.caching.is_created_from_cache
