/**
 * The Python side of the guest: how one `python3` command runs in a shared interpreter.
 */
import { workspaceFolder } from "../../../../domain/workspacePaths.ts";

/**
 * Defines `caisson_run(request)`, whose request is JSON of `argv`, `cwd` and `environ`, `caisson_cell(request)`
 * of `kernel` and `code`, and `caisson_docstring(source, name)` in Python.
 */
export const runnerSource = String.raw`
import ast, atexit, builtins, gc, io, json, linecache, os, sys, time, traceback, types

_kept = None
_sleep = time.sleep

def _nap(seconds):
    # Short naps let the interpreter see an interrupt; the plain sleep would not end before its time.
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        _sleep(min(left, 0.02))

def _no_processes(*arguments, **keywords):
    raise OSError(138, "there are no processes in this sandbox")

def _hide_bridge():
    """Takes JavaScript out of the modules that programs can import.

    The interpreter's own modules keep what they need of it; the wall is that no text becomes code there.
    """
    for finder in list(sys.meta_path):
        proxies = getattr(finder, "jsproxies", None)
        if proxies is not None:
            proxies.clear()
            sys.meta_path.remove(finder)
    for name in ("js", "pyodide_js"):
        sys.modules.pop(name, None)

_hide_bridge()
time.sleep = _nap
os.system = _no_processes
os.popen = _no_processes
sys.path.append("/tools")
sys.dont_write_bytecode = True

def _streams():
    """Gives a program streams of its own: one that closes or wraps them leaves the next program's alone."""
    def open_stream(fd, mode, **options):
        raw = io.FileIO(fd, mode, closefd=False)
        buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
        return io.TextIOWrapper(buffered, encoding="utf-8", **options)
    sys.stdin = sys.__stdin__ = open_stream(0, "r", errors="surrogateescape")
    sys.stdout = sys.__stdout__ = open_stream(1, "w", errors="surrogateescape")
    sys.stderr = sys.__stderr__ = open_stream(2, "w", errors="backslashreplace", line_buffering=True)

def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # The program closed or replaced it; what it held is its own loss.

def _options(argv):
    """Splits the arguments of python3 into its own, what to run and the program's."""
    index = 0
    while index < len(argv):
        argument = argv[index]
        if argument in ("-c", "-m"):
            if index + 1 >= len(argv):
                return ("usage", argument, [])
            return (argument, argv[index + 1], [argument, *argv[index + 2:]])
        if argument in ("-V", "-VV", "--version"):
            return ("version", None, [])
        if argument in ("-W", "-X"):
            index += 2
        elif argument == "-" or not argument.startswith("-"):
            return ("stdin" if argument == "-" else "file", argument, argv[index:])
        elif set(argument[1:]) <= set("bBdEiIOPqsSuvx") or argument.startswith(("-W", "-X")):
            index += 1
        else:
            return ("usage", argument, [])
    return ("stdin", "-", [""])

def _code(kind, what, read_source):
    if kind == "-c":
        return what, "<string>"
    if kind == "stdin":
        return read_source(None), "<stdin>"
    path = os.path.join(what, "__main__.py") if os.path.isdir(what) else what
    return read_source(path), path

def _exit_code(error):
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 255
    print(error.code, file=sys.stderr)
    return 1

def _print_error(error):
    # The frames of this runner are nobody's business.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in ("<caisson>", "<frozen runpy>"):
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)

def _program(kind, what, module):
    if kind == "-m":
        import runpy
        runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    def read_source(path):
        if path is None:
            return sys.stdin.buffer.read()
        with open(path, "rb") as file:
            return file.read()
    try:
        source, name = _code(kind, what, read_source)
    except OSError as error:
        print(f"python3: can't open file '{os.path.join(os.getcwd(), what)}': [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    if kind == "file":
        module.__file__ = name
    else:
        text = source if isinstance(source, str) else source.decode("utf-8", "replace")
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)

def _keep():
    """Remembers what the interpreter was before the first program."""
    global _kept
    if _kept is None:
        _kept = (set(sys.modules), list(sys.path), dict(builtins.__dict__), sys.getrecursionlimit())

def caisson_run(request):
    request = json.loads(request)
    cwd = request["cwd"]
    kind, what, program_argv = _options(request["argv"])
    _streams()
    if kind == "version":
        print("Python " + sys.version.split()[0])
        _flush()
        return 0
    if kind == "usage":
        print(f"python3: unusable option {what}", file=sys.stderr)
        _flush()
        return 2
    _keep()
    modules, path, names, recursion = _kept
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(request["environ"])
    if "random" in sys.modules:
        # The memory image was made once for all: without this every program would draw the same numbers.
        sys.modules["random"].seed()
    module = types.ModuleType("__main__")
    module.__builtins__ = builtins
    sys.modules["__main__"] = module
    first = os.path.dirname(os.path.abspath(what)) if kind == "file" and not os.path.isdir(what) else what if kind == "file" else ""
    sys.argv = program_argv
    sys.path[:] = [cwd if first == "" and kind == "-m" else first, *path]
    sys.path_importer_cache.clear()
    code = 0
    try:
        try:
            _program(kind, what, module)
        finally:
            atexit._run_exitfuncs()
    except SystemExit as error:
        code = _exit_code(error)
    except KeyboardInterrupt as error:
        code = 130
        _print_error(error)
    except BaseException as error:
        code = 1
        _print_error(error)
    finally:
        _flush()
        sys.setrecursionlimit(recursion)
        builtins.__dict__.update(names)
        for name, loaded in list(sys.modules.items()):
            file = getattr(loaded, "__file__", None) or ""
            if name not in modules and not file.startswith("/lib/"):
                del sys.modules[name]
        module.__dict__.clear()
        linecache.clearcache()
        sys.last_exc = sys.last_value = sys.last_traceback = None
        os.chdir("/")
        gc.collect()
    return code

_kernels = {}
_KERNELS_MAX, _DISPLAYS_MAX, _TEXT_MAX, _MARKUP_MAX = 4, 32, 64 << 10, 512 << 10
_REPRS = (("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown"), ("_repr_svg_", "image/svg+xml"))

def _cut(text, most=_TEXT_MAX):
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"

def _forms(value):
    try:
        forms = {"text/plain": _cut(repr(value))}
    except Exception as error:
        forms = {"text/plain": f"<repr of {type(value).__name__} failed: {type(error).__name__}>"}
    for method, form in () if isinstance(value, type) else _REPRS:
        try:
            made = getattr(value, method)()
        except Exception:
            continue  # It has no such form.
        if isinstance(made, str) and len(made) <= _MARKUP_MAX:
            forms[form] = made
    return forms

def _evaluate_cell(code, name, names, show):
    tree = compile(code, name, "exec", ast.PyCF_ONLY_AST)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)
    exec(compile(tree, name, "exec", dont_inherit=True), names)
    if last is not None:
        value = eval(compile(last, name, "eval", dont_inherit=True), names)
        if value is not None:
            names["_"] = value
            show("result", value)

def caisson_cell(request):
    """Runs a cell in its kernel's namespace and returns, as JSON, what it showed and raised."""
    request = json.loads(request)
    _streams()
    _keep()
    kernel = _kernels.pop(request["kernel"], None)
    fresh = kernel is None
    if fresh:
        while len(_kernels) >= _KERNELS_MAX:
            _kernels.pop(next(iter(_kernels)))
        kernel = {"module": types.ModuleType("__main__"), "cells": 0}
        kernel["module"].__builtins__ = builtins
    _kernels[request["kernel"]] = kernel
    kernel["cells"] += 1
    name, code = f"<cell {kernel['cells']}>", request["code"]
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    shown, left_out, error, interrupted = [], 0, None, False
    def show(kind, value):
        nonlocal left_out
        if len(shown) < _DISPLAYS_MAX:
            shown.append({"kind": kind, "forms": _forms(value)})
        else:
            left_out += 1
    builtins.display = lambda *values, **options: [show("display", value) for value in values] and None
    sys.modules["__main__"] = kernel["module"]
    sys.argv = [""]
    sys.path[:] = ["${workspaceFolder}", *_kept[1]]
    sys.path_importer_cache.clear()
    os.chdir("${workspaceFolder}")
    try:
        _evaluate_cell(code, name, kernel["module"].__dict__, show)
    except BaseException as raised:
        interrupted = isinstance(raised, KeyboardInterrupt)
        if not (isinstance(raised, SystemExit) and raised.code in (None, 0)):
            frames = raised.__traceback__
            while frames is not None and frames.tb_frame.f_code.co_filename == "<caisson>":
                frames = frames.tb_next
            text = "".join(traceback.format_exception(type(raised), raised, frames))
            error = {"name": type(raised).__name__, "message": _cut(str(raised), 2000), "traceback": _cut(text)}
    finally:
        _flush()
        sys.setrecursionlimit(_kept[3])
        os.chdir("/")
    answer = {"displays": shown, "displaysLeftOut": left_out, "fresh": fresh, "interrupted": interrupted}
    return json.dumps(answer if error is None else {**answer, "error": error})

def caisson_docstring(source, name):
    """Returns (found, docstring); found is "", "NotPython" or "NoSuchFunction"."""
    try:
        node = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ("NotPython", "")
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for part in name.split("."):
        matches = [child for child in getattr(node, "body", []) if isinstance(child, kinds) and child.name == part]
        if not matches:
            return ("NoSuchFunction", "")
        node = matches[-1]
    return ("", ast.get_docstring(node) or "")
`;
