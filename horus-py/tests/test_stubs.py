"""The stub says what the compiled module has: every name, signature, property and docstring."""

import ast
import inspect
import re
from pathlib import Path

import horus
import pytest
from horus import _horus

STUB = Path(horus.__file__).with_name("_horus.pyi")
TREE = ast.parse(STUB.read_text())
CLASSES = {
    node.name: node
    for node in TREE.body
    # Protocols are for type checkers only.
    if isinstance(node, ast.ClassDef) and "Protocol" not in [ast.unparse(base) for base in node.bases]
}
FUNCTIONS = {node.name: node for node in TREE.body if isinstance(node, ast.FunctionDef)}
# Made for each class, or Python's own.
IMPLICIT = {
    "__doc__",
    "__module__",
    "__slots__",
    "__dict__",
    "__weakref__",
    "__new__",
    "__init__",
    "__repr__",
}
# Made by Rust for `len` and `bool`, with the interpreter's own words.
SLOTS = {"__len__", "__bool__"}
# Compared whole by equality.
ORDERINGS = {"__lt__", "__le__", "__gt__", "__ge__"}


def parameters(function: ast.FunctionDef, skip_first: bool) -> list[tuple[str, str]]:
    """Names and kinds, without the receiver."""
    arguments = function.args
    found = [(argument.arg, "positional") for argument in [*arguments.posonlyargs, *arguments.args]]
    if arguments.vararg:
        found.append((arguments.vararg.arg, "*"))
    found += [(argument.arg, "keyword") for argument in arguments.kwonlyargs]
    if arguments.kwarg:
        found.append((arguments.kwarg.arg, "**"))
    return found[1:] if skip_first else found


def defaults(function: ast.FunctionDef) -> dict[str, object]:
    """The default of each parameter that has one and says it."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [*zip(reversed(positional), reversed(arguments.defaults), strict=False)]
    pairs += [
        (name, value)
        for name, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value
    ]
    return {argument.arg: ast.literal_eval(value) for argument, value in pairs}


def of_runtime(signature: inspect.Signature) -> list[tuple[str, str]]:
    kinds = {
        inspect.Parameter.POSITIONAL_ONLY: "positional",
        inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.KEYWORD_ONLY: "keyword",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    return [(p.name, kinds[p.kind]) for p in signature.parameters.values() if p.name not in ("self", "cls")]


def signature_matches(stub: ast.FunctionDef, runtime: object, skip_first: bool) -> None:
    signature = inspect.signature(runtime)
    names = [(name, kind) for name, kind in parameters(stub, skip_first)]
    assert names == of_runtime(signature), stub.name
    for name, default in defaults(stub).items():
        assert signature.parameters[name].default == default, f"{stub.name}({name})"


def plain(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()


def test_all_names_are_there_on_both_sides():
    (listed,) = (
        ast.literal_eval(node.value)
        for node in TREE.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    )
    assert sorted(listed) == sorted(_horus.__all__)
    assert sorted(listed) == sorted(horus.__all__)
    private = {name for name in vars(_horus) if name.startswith("_") and not name.startswith("__")}
    hidden = {name for name in private if isinstance(getattr(_horus, name), type)}
    assert set(FUNCTIONS) == private - hidden | {"run"}
    assert set(CLASSES) == hidden | {name for name in listed if isinstance(getattr(horus, name), type)}


def test_functions_have_the_same_signatures_and_documentation():
    for name, stub in FUNCTIONS.items():
        runtime = getattr(_horus, name)
        signature_matches(stub, runtime, skip_first=False)
        assert plain(ast.get_docstring(stub)) == plain(runtime.__doc__), name


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_bases_and_documentation(name):
    stub, runtime = CLASSES[name], getattr(_horus, name)
    bases = [base.id for base in stub.bases] or ["object"]
    assert bases == [base.__name__ for base in runtime.__bases__]
    documented = runtime.__doc__.split("\n\nFields:")[0]
    assert plain(ast.get_docstring(stub)) == plain(documented)
    final = any(isinstance(one, ast.Name) and one.id == "final" for one in stub.decorator_list)
    try:
        type("Derived", (runtime,), {})
    except TypeError:
        assert final
    else:
        assert not final


@pytest.mark.parametrize("name", CLASSES)
def test_classes_have_the_same_members(name):
    stub, runtime = CLASSES[name], getattr(_horus, name)
    methods = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
    attributes = {node.target.id for node in stub.body if isinstance(node, ast.AnnAssign)}
    # Of every message class; the base declares them.
    of_all = {"dtype", "__match_args__"} if issubclass(runtime, horus.Message) else set()
    own = set(vars(runtime)) - IMPLICIT - ORDERINGS - of_all
    assert (set(methods) | attributes) - IMPLICIT - of_all == own
    for method, node in methods.items():
        if method.startswith("__") or not callable(getattr(runtime, method)):
            continue
        decorators = {one.id for one in node.decorator_list if isinstance(one, ast.Name)}
        static = "staticmethod" in decorators
        assert static == isinstance(vars(runtime)[method], staticmethod), method
        assert ("classmethod" in decorators) == (
            type(vars(runtime)[method]).__name__ == "classmethod_descriptor"
        )
        signature_matches(node, getattr(runtime, method), skip_first=not static)
        assert plain(ast.get_docstring(node)) == plain(getattr(runtime, method).__doc__), method
    for name, documented in documentation(stub).items():
        of_runtime = getattr(runtime, name).__doc__
        if issubclass(runtime, horus.Message):
            # What the field holds comes first.
            assert plain(of_runtime).endswith(": " + plain(documented)), name
        else:
            assert plain(of_runtime) == plain(documented), name


def documentation(stub: ast.ClassDef) -> dict[str, str]:
    """What the stub says of attributes and properties."""
    found = {}
    for node, after in zip(stub.body, [*stub.body[1:], ast.Pass()], strict=True):
        if isinstance(node, ast.FunctionDef) and "property" in [
            ast.unparse(one) for one in node.decorator_list
        ]:
            found[node.name] = ast.get_docstring(node) or ""
        if isinstance(node, ast.AnnAssign) and isinstance(after, ast.Expr):
            found[node.target.id] = after.value.value
    return found


@pytest.mark.parametrize(
    "name", [name for name, node in CLASSES.items() if [b.id for b in node.bases] == ["Message"]]
)
def test_fields_have_the_annotated_types(name):
    """As far as the value of a default message shows it."""
    message = getattr(horus, name)()
    annotations = {
        node.target.id: ast.unparse(node.annotation)
        for node in CLASSES[name].body
        if isinstance(node, ast.AnnAssign)
    } | {
        node.name: ast.unparse(node.returns)
        for node in CLASSES[name].body
        if isinstance(node, ast.FunctionDef) and node.returns and len(node.args.args) == 1
    }
    for field, value in message.to_dict().items():
        annotation = annotations[field]
        if annotation.startswith("Literal"):
            assert repr(value) in annotation, field
        elif annotation.startswith("NDArray"):
            assert annotation == f"NDArray[np.{value.dtype}]", field
        else:
            assert annotation.split("[")[0] == type(value).__name__, field


@pytest.mark.parametrize("name", ["Node", "Topic", "Latched"])
def test_constructors_have_the_same_signatures(name):
    (stub,) = (
        node
        for node in CLASSES[name].body
        if isinstance(node, ast.FunctionDef) and node.name in ("__init__", "__new__")
    )
    signature_matches(stub, getattr(horus, name), skip_first=True)


@pytest.mark.parametrize(
    "name", [name for name, node in CLASSES.items() if [b.id for b in node.bases] == ["Message"]]
)
def test_message_constructors_take_the_fields(name):
    (stub,) = (
        node for node in CLASSES[name].body if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    runtime = getattr(horus, name)
    names = parameters(stub, skip_first=True)
    assert len(names) == len(runtime().to_dict())
    assert names == [(field, "positional") for field in runtime.__match_args__] + [
        ("timestamp_ns", "keyword")
    ]
    for field, default in defaults(stub).items():
        assert default in (..., getattr(runtime(), field)), field


def test_the_package_says_that_it_is_typed():
    assert STUB.with_name("py.typed").exists()
