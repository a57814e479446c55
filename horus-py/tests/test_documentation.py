"""Every public name of the compiled module says what it is, and its examples run."""

import doctest
import inspect

import horus
import numpy as np
import pytest
from horus import _horus

CLASSES = [value for name in horus.__all__ if isinstance(value := getattr(horus, name), type)]
# With an example that shows how it is used.
SHOWN = [
    "CmdVel",
    "DepthImage",
    "Image",
    "LaserScan",
    "Latched",
    "Node",
    "PointCloud",
    "Tensor",
    "Topic",
    "run",
]
# Words of Python's own, which say nothing of us.
BORROWED = (object, Exception)


def members(kind: type) -> dict[str, object]:
    """What a class brings, public or for operators, but what only Python itself calls."""
    found = {}
    for base in kind.__mro__:
        if base in BORROWED or base.__module__ == "builtins":
            continue
        for name in vars(base):
            # `dtype` of what varies in length refuses.
            if not name.startswith("_") and hasattr(kind, name):
                found.setdefault(name, getattr(kind, name))
    return found


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_classes_and_what_they_have_are_documented(kind):
    assert inspect.getdoc(kind), kind
    for name, member in members(kind).items():
        if isinstance(member, (np.dtype, tuple)):
            continue
        text = inspect.getdoc(member)
        assert text, f"{kind.__name__}.{name}"
        assert text.split("\n\n")[0].rstrip().endswith((".", ":")), f"{kind.__name__}.{name}: {text}"


def test_functions_are_documented():
    for name, value in vars(_horus).items():
        if callable(value) and not isinstance(value, type):
            assert inspect.getdoc(value), name
    assert horus.__doc__


@pytest.mark.parametrize(
    "kind", [kind for kind in CLASSES if kind.__base__ is horus.Message], ids=lambda kind: kind.__name__
)
def test_every_number_has_its_unit(kind):
    units = (
        " m",
        " s",
        " rad",
        " V",
        " A",
        "°C",
        "nanoseconds",
        "unit",
        "true",
        "UTF-8",
        " N",
        "value",
        "0 ",
    )
    for name in kind().to_dict():
        text = getattr(kind, name).__doc__
        assert any(unit in text for unit in units), f"{kind.__name__}.{name}: {text}"


@pytest.mark.parametrize("name", SHOWN)
def test_examples_are_there(name):
    assert ">>>" in getattr(horus, name).__doc__


@pytest.mark.parametrize(
    "name", [name for name in horus.__all__ if ">>>" in (getattr(horus, name).__doc__ or "")]
)
def test_examples_run(name):
    value = getattr(horus, name)
    examples = doctest.DocTestParser().get_doctest(value.__doc__, {}, name, None, 0)
    assert examples.examples
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=told.append)
    assert result.failed == 0, "".join(told)
