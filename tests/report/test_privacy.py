"""What does not leave the house with a report."""

import numpy as np
import pytest

from aiida_getl.report.content import Decision, Stage
from aiida_getl.report.privacy import scrub, scrub_text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/marie/glass/x.xyz", "~/glass/x.xyz"),
        ("pw@c /root/bin/pw.x", "pw@c ~/bin/pw.x"),
        ("see '/Users/Marie/a b'", "see '~/a b'"),
        (r"C:\Users\Marie\x.xyz", r"~\x.xyz"),
        ("by marie.curie@lab.example.org, 3 Nov", "by marie.curie, 3 Nov"),
        ("/rootless/x pw@localhost 2@3", "/rootless/x pw@localhost 2@3"),
        ("/home/marie", "~"),
    ],
)
def test_texts(text, left):
    assert scrub_text(text) == left


def test_everything_in_it():
    array = np.arange(3)
    found = scrub(
        {
            "a@b.org": [Stage("x", "/home/m/y", ("z@w.de",)), {"n": 1, "array": array}],
            "d": (Decision("", "q@r.st", "", ""),),
        }
    )
    assert list(found) == ["a", "d"]
    stage, rest = found["a"]
    assert (stage.headline, stage.lines) == ("~/y", ("z",))
    assert rest["array"] is array
    assert found["d"][0].who == "q"
