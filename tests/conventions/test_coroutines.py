"""Routes and what they depend on are coroutine functions: FastAPI runs any other in a thread, a fourth of a request."""

import ast
from pathlib import Path

_API = Path(__file__).parents[2] / "app" / "api"
_METHODS = {"get", "post", "put", "patch", "delete"}


def _list_functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _list_dependencies(tree: ast.AST) -> set[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Depends"]
    return {argument.id for call in calls for argument in call.args if isinstance(argument, ast.Name)}


def _is_route(function: ast.FunctionDef) -> bool:
    called = [decorator.func for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
    return any(isinstance(target, ast.Attribute) and target.attr in _METHODS for target in called)


def test_no_route_and_no_dependency_runs_in_a_thread() -> None:
    trees = {path: ast.parse(path.read_text()) for path in _API.rglob("*.py")}
    dependencies = set().union(*map(_list_dependencies, trees.values()))
    blocking = [
        f"{path.name}: {function.name}"
        for path, tree in trees.items()
        for function in _list_functions(tree)
        if function.name in dependencies or _is_route(function)
    ]
    assert blocking == []
