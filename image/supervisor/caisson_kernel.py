"""A Python kernel: one namespace that keeps its variables between cells.

Requests come on descriptor 3 and events leave on 4; what a cell prints goes to 1 and 2, which are pipes, so
that the output of subprocesses and of C code is caught as well. A request is  u32 length | u8 flags | code,
an event  u32 length | u8 kind | body,  big endian. The body of a display, a result or an error is fields:
u8 length of the name | name | u32 length | bytes.

SIGINT is open only while a cell's own code runs. This module imports little, because every first cell waits
for it.
"""

import _ast
import _thread
import builtins
import os
import _signal as signal
import struct
import sys
import types

REQUESTS_FD, EVENTS_FD = 3, 4
DISPLAY, RESULT, ERROR, LEFT_OUT, DONE = range(1, 6)
# An interrupt of the cell before may have come when that one had ended.
DRAIN = 1

# Of one cell; a program that shows more is told how many were left out.
DISPLAYS_MAX = 32
DISPLAY_BYTES_MAX = 24 << 20
# Of one picture.
PICTURE_BYTES_MAX = 8 << 20
# Pixels of a figure that is drawn without being asked for: 160 MB while it is.
FIGURE_PIXELS_MAX = 40_000_000
# Characters of a text that is shown: its head and its tail.
TEXT_MAX = 64 << 10
# Characters of a form that cannot be cut, such as HTML; a longer one is left out, its plain text stays.
MARKUP_MAX = 512 << 10
ERROR_VALUE_MAX = 2000
# Events of a cell's end wait for its last one up to this size: each alone would wake the supervisor and the server.
HELD_BYTES_MAX = 256 << 10
# Characters of a cell that is looked at as one expression first.
LINE_MAX = 200
# Bytes of a request that are read at once: what a pipe holds.
REQUEST_PIECE_BYTES = 64 << 10
# Cells whose source tracebacks can still show.
SOURCES_MAX = 500
# Rows of a table in its Markdown form.
TABLE_ROWS_MAX = 60

_FORMS = (
    ("_repr_html_", "text/html"), ("_repr_markdown_", "text/markdown"), ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"), ("_repr_svg_", "image/svg+xml"), ("_repr_latex_", "text/latex"),
)  # fmt: skip
_TOP_LEVEL_AWAIT, _ONLY_TREE, _IS_COROUTINE = 0x2000, 0x400, 0x80
_LENGTH = struct.Struct(">I")
_lock = _thread.allocate_lock()
_held = bytearray()
_requests = bytearray()
_display_module = None


def _cut(text, most=TEXT_MAX):
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def _fields(pairs):
    parts = []
    for name, value in pairs.items():
        body = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
        key = name.encode("ascii", "replace")
        parts += (bytes([len(key)]), key, _LENGTH.pack(len(body)), body)
    return b"".join(parts)


def _event(kind, body):
    return _LENGTH.pack(len(body) + 1) + bytes([kind]) + body


def _send(kind, body=b"", hold=False):
    event = _event(kind, body)
    if hold and len(body) <= HELD_BYTES_MAX:
        _held.extend(event)  # In one step, which no interrupt and no thread comes into.
    else:
        _send_now(event)


def _send_now(event=b""):
    """Sends an event, and before it what waited for the end of the cell."""
    # An interrupt amid an event would leave half of it; several threads may show something.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        _write(event)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _write(event):
    with _lock:
        waited = bytes(_held)
        del _held[: len(waited)]
        view = memoryview(waited + event)
        while view:
            view = view[os.write(EVENTS_FD, view) :]


class _Displays:
    """What one cell shows, counted."""

    def __init__(self):
        self.begin()

    def begin(self):
        self.count = self.size = self.left_out = 0
        self.figures = set()
        self.later = None  # What was shown since `clear_output`, which may be dropped again.
        self.updates = {}  # By the names of displays, what they became: only the last is worth to be seen.

    def show(self, kind, forms):
        if kind == RESULT:
            self.release()
        kept = {}
        for form, value in forms.items():
            if isinstance(value, bytes) and len(value) > PICTURE_BYTES_MAX:
                plain = forms.get("text/plain", "")
                kept["text/plain"] = f"{plain}\n[{form} of {len(value)} bytes left out: more than {PICTURE_BYTES_MAX}]"
            elif isinstance(value, bytes) or len(value) <= MARKUP_MAX:
                kept.setdefault(form, value)
        body = _fields(kept)
        if self.count >= DISPLAYS_MAX or self.size + len(body) > DISPLAY_BYTES_MAX:
            self.left_out += 1
            return
        self.count += 1
        self.size += len(body)
        if self.later is None:
            _send(kind, body, hold=kind == RESULT)
        else:
            self.later.append(body)

    def update(self, name, forms):
        if len(self.updates) >= DISPLAYS_MAX and name not in self.updates:
            self.left_out += 1
        else:
            self.updates[name] = forms

    def clear(self):
        """Drops what was shown since this was called first; what was shown before has been sent."""
        if self.later is None:
            self.before = (self.count, self.size, self.left_out)
        self.count, self.size, self.left_out = self.before
        self.later = []
        self.updates.clear()

    def release(self):
        """Sends what waited for the end of the cell."""
        later, self.later = self.later or (), None
        for body in later:
            _send(DISPLAY, body)
        updates, self.updates = self.updates, {}
        for forms in updates.values():
            self.show(DISPLAY, forms)


_displays = _Displays()


def _plain(value):
    try:
        return _cut(repr(value))
    except Exception as error:
        return f"<repr of {type(value).__name__} failed: {type(error).__name__}: {_cut(str(error), ERROR_VALUE_MAX)}>"


def _forms_of(value):
    """Every form in which a value can be shown, its plain text first."""
    forms = {"text/plain": _plain(value)}
    if isinstance(value, type):
        return forms
    module = type(value).__module__ or ""
    if module == "builtins":
        return forms
    if module == "matplotlib.figure":
        return _figure_forms(value, forms["text/plain"])
    if module.startswith("PIL.") and hasattr(value, "save"):
        import io

        picture = io.BytesIO()
        value.save(picture, "PNG")
        forms["image/png"] = picture.getvalue()
    if module.startswith("pandas.") and hasattr(value, "to_markdown"):
        try:
            forms["text/markdown"] = _cut(value.head(TABLE_ROWS_MAX).to_markdown())
        except Exception:
            pass  # It needs a package that may be missing, and not every index has this form.
    for method, form in _FORMS:
        if form in forms:
            continue
        make = getattr(value, method, None)
        if make is None:
            continue
        try:
            made = make()
        except Exception:
            continue  # Another form shows it.
        if isinstance(made, tuple) and made:
            made = made[0]
        if isinstance(made, (str, bytes)):
            forms[form] = made
    return forms


def _figure_forms(figure, plain):
    import io

    width, height = (int(side) for side in figure.get_size_inches() * figure.dpi)
    if width * height > FIGURE_PIXELS_MAX:
        why = f"left out: {width} × {height} pixels; save it with savefig, or make it smaller"
        return {"text/plain": f"{plain}\n[{why}]"}
    picture = io.BytesIO()
    try:
        figure.savefig(picture, format="png", bbox_inches="tight")
    except Exception as error:
        why = f"cannot be drawn: {type(error).__name__}: {_cut(str(error), ERROR_VALUE_MAX)}"
        return {"text/plain": f"{plain}\n[{why}]"}
    _displays.figures.add(id(figure))
    return {"text/plain": plain, "image/png": picture.getvalue()}


def _publish_figures():
    """Shows the figures that are open and were not shown yet, then closes them all."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not hasattr(pyplot, "get_fignums"):
        return
    _send_now()  # What follows may take long, or take the process with it.
    for number in pyplot.get_fignums():
        figure = pyplot.figure(number)
        if id(figure) in _displays.figures:
            continue
        if figure.get_axes() or figure.texts or figure.images:
            _displays.show(DISPLAY, _figure_forms(figure, f"<Figure {number}>"))
    pyplot.close("all")


class _Figures:
    """Finds the backend by which `plt.show()` publishes, and puts it in place when pyplot is first imported.

    It is not named in the environment, which subprocesses inherit that do not have it.
    """

    name = "caisson_backend"

    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib.pyplot" and "matplotlib" in sys.modules:
            sys.modules["matplotlib"].rcParams["backend"] = f"module://{self.name}"
        if name != self.name:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from matplotlib.backends import backend_agg

        module.FigureCanvas = backend_agg.FigureCanvasAgg
        module.FigureManager = backend_agg.FigureManagerBase
        module.show = lambda *args, **options: _publish_figures()


def display(*values, **options):
    """Shows values in the richest form that they have, as notebooks do."""
    if options:
        return _load_display().display(*values, **options)
    for value in values:
        _displays.show(DISPLAY, _forms_of(value))
    return None


def _load_display():
    """Loads what stands for `IPython.display`: only here, for most kernels need none of it."""
    global _display_module
    if _display_module is None:
        from importlib import util

        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "caisson_display.py")
        spec = util.spec_from_file_location("caisson_display", path)
        made = util.module_from_spec(spec)
        spec.loader.exec_module(made)
        made.connect(_forms_of, _displays, DISPLAY)
        _display_module = made
    return _display_module


class _Notebook:
    """Finds `IPython.display` where IPython is not installed: it is asked after all others."""

    def find_spec(self, name, path=None, target=None):
        return _load_display().finder.find_spec(name) if name.partition(".")[0] == "IPython" else None


def _translate(code):
    """`!command` and `%magic` as notebooks have them, in a text that is no Python."""
    lines = []
    for line in code.split("\n"):
        word = line.lstrip()
        pad = line[: len(line) - len(word)]
        command = word[1:] if word.startswith("!") else f"python3 -m {word[1:]}" if word.startswith("%pip ") else None
        if command is not None:
            line = f"{pad}__import__('subprocess').run(['/bin/bash', '-c', {command!r}]) and None"
        elif word.startswith("%cd "):
            line = f"{pad}__import__('os').chdir(__import__('os').path.expanduser({word[4:].strip()!r}))"
        elif word.startswith("%") and not word.startswith("%%"):
            line = f"{pad}pass"
        lines.append(line)
    return "\n".join(lines)


def _parse(code, name):
    try:
        return compile(code, name, "exec", _ONLY_TREE | _TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        pass
    return compile(_translate(code), name, "exec", _ONLY_TREE | _TOP_LEVEL_AWAIT)


def _expression(code, name):
    """Compiles a cell of one short line that is an expression, None for any other: no tree is made of it."""
    if len(code) > LINE_MAX or "\n" in code or "=" in code or code.endswith(";") or code[:1] in "!%# ":
        return None
    try:
        return compile(code, name, "eval", _TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return None  # A statement, or no Python: which, is told when it is parsed as a cell.


class _Namespace:
    """The variables of a kernel and the cells that were run in them."""

    def __init__(self):
        module = types.ModuleType("__main__")
        sys.modules["__main__"] = module
        self.names = module.__dict__
        self.names["__builtins__"] = builtins
        self.cells = 0
        self.loop = None
        import linecache  # Not above: the supervisor reads this module's bounds.

        self.sources = linecache.cache

    def run(self, code):
        self.cells += 1
        name = f"<cell {self.cells}>"
        self.sources[name] = (len(code), None, [line + "\n" for line in code.split("\n")], name)
        self.sources.pop(f"<cell {self.cells - SOURCES_MAX}>", None)
        value = self._look(code, name)
        if value is not None:
            self.names["_"] = value
            _displays.show(RESULT, _forms_of(value))

    def _look(self, code, name):
        """Runs a cell and returns the value of its last expression."""
        expression = _expression(code, name)
        if expression is not None:
            return self._evaluate(expression)
        tree = _parse(code, name)
        last = None
        if tree.body and isinstance(tree.body[-1], _ast.Expr) and not code.rstrip().endswith(";"):
            last = _ast.Expression(tree.body.pop().value)
        if tree.body:
            self._evaluate(compile(tree, name, "exec", _TOP_LEVEL_AWAIT))
        return None if last is None else self._evaluate(compile(last, name, "eval", _TOP_LEVEL_AWAIT))

    def _evaluate(self, code):
        made = eval(code, self.names)
        if not code.co_flags & _IS_COROUTINE:
            return made
        import asyncio

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        return self.loop.run_until_complete(made)


def _tell_error(error):
    import traceback

    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    if isinstance(error, SyntaxError) and frames is None:
        text = "".join(traceback.format_exception_only(error))
    else:
        text = "".join(traceback.format_exception(type(error), error, frames))
    try:
        value = str(error)
    except Exception:
        value = ""
    told = {"name": type(error).__name__, "value": _cut(value, ERROR_VALUE_MAX), "traceback": _cut(text)}
    _send(ERROR, _fields(told), hold=True)


def _attempt(work):
    """Runs a cell's work and returns what it raised."""
    try:
        work()
    except SystemExit as end:
        return None if end.code in (None, 0) else end
    except BaseException as error:
        return error
    return None


def _run_cell(namespace, code):
    """Runs a cell with SIGINT open and returns what it raised; figures are shown also after an error."""
    failed = None
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        failed = _attempt(lambda: namespace.run(code))
        _displays.release()
        if "matplotlib.pyplot" in sys.modules and not isinstance(failed, KeyboardInterrupt):
            failed = _attempt(_publish_figures) or failed
    except KeyboardInterrupt as late:
        failed = failed or late
    for _ in range(2):  # One that came just before the mask is raised by the call itself.
        try:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            break
        except KeyboardInterrupt as late:
            failed = failed or late
    return failed


class _Output:
    """The descriptors of what cells print, kept so that a cell which closes or replaces one closes it for itself only."""

    def __init__(self):
        self._spares = (os.dup(1), os.dup(2))
        self._inodes = tuple(os.fstat(spare).st_ino for spare in self._spares)

    def is_whole(self):
        """Tells whether everything is as it was; asked after every cell."""
        try:
            inodes = os.fstat(1).st_ino, os.fstat(2).st_ino
            return inodes == self._inodes and not (sys.__stdout__.closed or sys.__stderr__.closed)
        except (OSError, AttributeError):
            return False  # Closed, or taken away.

    def mend(self):
        """Opens again what a cell closed or replaced, and says so."""
        mended = []
        for fd, name in ((1, "stdout"), (2, "stderr")):
            stream = getattr(sys, f"__{name}__", None)
            is_other = _inode(fd) != self._inodes[fd - 1]
            if is_other:
                os.dup2(self._spares[fd - 1], fd)
            is_closed = getattr(stream, "closed", True)
            if is_closed:
                stream = _reopened(fd, stream)
                setattr(sys, f"__{name}__", stream)
                setattr(sys, name, stream)
            if is_other or is_closed:
                mended.append(name)
        for name in mended:
            print(f"[the cell closed or replaced its {name}; it is open again]", file=sys.__stderr__)


def _inode(fd):
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return None


def _reopened(fd, closed):
    import io

    raw = io.BufferedWriter(io.FileIO(fd, "w", closefd=False))
    as_before = {name: getattr(closed, name, False) for name in ("line_buffering", "write_through")}
    return io.TextIOWrapper(raw, getattr(closed, "encoding", "utf-8"), getattr(closed, "errors", None), **as_before)


def _flush():
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            stream.flush()
        except Exception:
            setattr(sys, name, getattr(sys, f"__{name}__"))  # Closed or replaced by what cannot print.


def _receive():
    """Waits for a request, whose head and code most often come with one read."""
    got = _requests
    while len(got) < _LENGTH.size or len(got) < _LENGTH.size + _LENGTH.unpack_from(got)[0]:
        part = os.read(REQUESTS_FD, REQUEST_PIECE_BYTES)
        if not part:
            os._exit(0)
        got += part
    end = _LENGTH.size + _LENGTH.unpack_from(got)[0]
    request = bytes(got[_LENGTH.size : end])
    del got[:end]
    return request


def main():
    """Serves cells until the supervisor goes."""
    for fd in (REQUESTS_FD, EVENTS_FD):
        os.set_inheritable(fd, False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [""]
    sys.meta_path.insert(0, _Figures())
    sys.meta_path.append(_Notebook())
    builtins.display = display
    namespace, own_pid, output = _Namespace(), os.getpid(), _Output()
    while True:
        request = _receive()
        _displays.begin()
        if request[0] & DRAIN:
            while signal.sigtimedwait({signal.SIGINT}, 0):
                pass
        failed = _run_cell(namespace, request[1:].decode())
        if os.getpid() != own_pid:
            _flush()
            os._exit(0)  # A fork that ran on to the end of the cell.
        if failed is not None:
            _tell_error(failed)
            failed.__traceback__ = None  # Its frames would keep the cell's large values alive.
        if not output.is_whole():
            output.mend()
        _flush()
        if _displays.left_out:
            _send(LEFT_OUT, _LENGTH.pack(_displays.left_out), hold=True)
        _write(_event(DONE, bytes([failed is not None])))
        failed = None
