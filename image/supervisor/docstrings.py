"""Docstrings of Python files, found by parsing alone; nothing of the file is ever run.

Parsing hostile text can take all memory and much time, so it happens in a child that is bounded in
both and whose death harms nobody.
"""

import errno
import os
import resource

import files
import wire

SOURCE_BYTES_MAX = 1 << 20
PARSE_MEMORY_BYTES_MAX = 512 << 20
PARSE_SECONDS_MAX = 10
DOCSTRING_BYTES_MAX = 256 << 10
NAMES_SHOWN_MAX = 20


def answer(path, name, settings):
    """Returns a worker's answer about a name in a file; bounds the worker first."""
    _lower(resource.RLIMIT_CPU, PARSE_SECONDS_MAX)
    _lower(resource.RLIMIT_AS, PARSE_MEMORY_BYTES_MAX)
    code, text = _answer(path, name, settings)
    return code, text.encode("utf-8", "replace")[:DOCSTRING_BYTES_MAX]


def _lower(limit, most):
    _, hard = resource.getrlimit(limit)
    lowest = most if hard == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(limit, (lowest, lowest))


def _answer(path, name, settings):
    try:
        return 0, find(path, name, settings)
    except wire.Refused as refused:
        return refused.code, str(refused)
    except OSError as error:
        return error.errno or errno.EIO, error.strerror or "failed"
    except SyntaxError as error:
        return wire.NOT_PYTHON, f"not valid Python: {error.msg}, line {error.lineno}"
    except (RecursionError, MemoryError):
        return wire.NOT_PYTHON, "too deeply nested to parse"
    except ValueError as error:
        return wire.NOT_PYTHON, f"not valid Python: {error}"


def find(path, name, settings):
    """Returns the docstring of a dotted name in a file or module, the module's own for an empty name."""
    import ast  # Only here: the supervisor itself stays small.

    fd = files.open_regular(_locate(path, settings))
    with open(fd, "rb") as file:
        source = file.read(SOURCE_BYTES_MAX + 1)
    if len(source) > SOURCE_BYTES_MAX:
        raise wire.Refused(wire.TOO_LARGE, f"longer than {SOURCE_BYTES_MAX} bytes")
    node = ast.parse(source)
    if name:
        for depth, part in enumerate(name.split("."), start=1):
            named = list(_definitions(ast, node.body))
            matching = [found for found in named if found.name == part]
            if not matching:
                raise wire.Refused(wire.NO_SUCH_FUNCTION, _missing(name, depth, named))
            # Of several definitions the last one counts, but a setter or an overload has no words.
            node = next((found for found in reversed(matching) if ast.get_docstring(found)), matching[-1])
    return ast.get_docstring(node) or ""


def _definitions(ast, body):
    """Yields functions and classes of a body, also those under its conditions and handlers."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _definitions(ast, getattr(node, field, None) or ())
        for branch in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            yield from _definitions(ast, branch.body)


def _missing(name, depth, named):
    parts = name.split(".")
    where = f" in {'.'.join(parts[: depth - 1])}" if depth > 1 else ""
    known = list(dict.fromkeys(found.name for found in named))
    shown = ", ".join(known[:NAMES_SHOWN_MAX]) + (", …" if len(known) > NAMES_SHOWN_MAX else "")
    return f"no function or class named {parts[depth - 1]}{where}; it defines {shown or 'none'}"


def _locate(path, settings):
    """Finds the file of a path, or of a module such as `pkg.mod` on the tools path."""
    direct = files.decode_path(path, settings.workspace)
    if os.path.isdir(direct):
        package = os.path.join(direct, "__init__.py")
        if os.path.exists(package):
            return package
    text = os.fsdecode(path)
    is_module = all(part.isidentifier() for part in text.split("."))
    if os.path.exists(direct) and not (is_module and os.path.isdir(direct)):
        return direct
    if not is_module:
        return direct
    inner = text.replace(".", "/")
    for root in (*settings.tools, settings.workspace):
        for candidate in (f"{inner}.py", f"{inner}/__init__.py"):
            found = os.path.join(root, candidate)
            if os.path.isfile(found):
                return found
    if os.path.exists(direct):
        return direct
    searched = " and ".join((*settings.tools, settings.workspace))
    raise wire.Refused(errno.ENOENT, f"no such file, and no module {text} in {searched}")


