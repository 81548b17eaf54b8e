"""`IPython.display` for cells, where IPython itself is not installed.

Notebooks taught everybody the line `from IPython.display import display, HTML, Image, Markdown`; here it leads to the
kernel's own displays. There is no shell behind it: `get_ipython()` is None, as it is in a plain Python that has IPython,
and by that libraries tell that they are in no notebook.
"""

import json
import os
import sys

PACKAGE = "IPython"
# What the finder answers for, and whether it is a package.
MODULES = {PACKAGE: True, "IPython.display": False, "IPython.core": True, "IPython.core.display": False}
_PICTURES = {"png": b"\x89PNG\r\n", "jpeg": b"\xff\xd8\xff", "gif": b"GIF8", "webp": b"RIFF"}
_ENDINGS = {"jpg": "jpeg"}
_BREAKS = frozenset("p div br tr li h1 h2 h3 h4 h5 h6 table ul ol pre section caption".split())
TEXT_MAX = 256 << 10  # Characters of a page whose text is looked for.

_forms_of = _shown = _DISPLAY = None


def connect(forms_of, shown, kind):
    """Is told, once, how the kernel finds the forms of a value and where it shows them."""
    global _forms_of, _shown, _DISPLAY
    _forms_of, _shown, _DISPLAY = forms_of, shown, kind


def get_ipython():
    """Returns None: no IPython shell runs here."""
    return None


class DisplayObject:
    """Content that is shown in its own form, given as data, or as the name or the URL of what holds it."""

    is_text = True

    def __init__(self, data=None, url=None, filename=None, metadata=None):
        if isinstance(data, os.PathLike):
            data, filename = None, os.fspath(data)
        elif isinstance(data, str) and url is None and filename is None:
            if data.startswith(("http://", "https://")):
                data, url = None, data
            elif len(data) < 4096 and "\0" not in data and os.path.isfile(data):
                data, filename = None, data
        self.data, self.url, self.filename, self.metadata = data, url, filename, metadata or {}
        self.reload()
        self._check()

    def reload(self):
        """Reads the file or the URL anew."""
        if self.filename is not None:
            with open(self.filename, "rb") as file:
                self.data = file.read()
        elif self.url is not None:
            import urllib.request

            with urllib.request.urlopen(self.url) as answer:
                self.data = answer.read()
        else:
            return
        if self.is_text:
            self.data = self.data.decode("utf-8")

    def _check(self):
        if self.data is not None and not isinstance(self.data, str):
            raise TypeError(f"{type(self).__name__} expects a text, not {self.data!r}")

    def __repr__(self):
        return "" if self.data is None else self.data


class Pretty(DisplayObject):
    """Plain text."""


class HTML(DisplayObject):
    """A page or a part of one; its plain form is its text without the tags."""

    def _repr_html_(self):
        return self.data

    def __repr__(self):
        from html.parser import HTMLParser

        words, hidden = [], []

        class Text(HTMLParser):
            def handle_starttag(self, tag, attributes):
                if tag in ("script", "style"):
                    hidden.append(tag)
                words.append("\t" if tag in ("td", "th") else "\n" if tag in _BREAKS else "")

            def handle_endtag(self, tag):
                if tag in hidden:
                    hidden.remove(tag)
                words.append("\n" if tag in _BREAKS else "")

            def handle_data(self, data):
                words.append("" if hidden else " ".join(data.split()) + " ")

        reader = Text()
        reader.feed((self.data or "")[:TEXT_MAX])
        reader.close()
        lines = ("\t".join(cell.strip() for cell in line.split("\t")).strip() for line in "".join(words).split("\n"))
        return "\n".join(line for line in lines if line)


class Markdown(DisplayObject):
    """Text with Markdown."""

    def _repr_markdown_(self):
        return self.data


class Latex(DisplayObject):
    """Text with formulas."""

    def _repr_latex_(self):
        return self.data


class Math(Latex):
    """A formula."""

    def _repr_latex_(self):
        return f"$\\displaystyle {self.data.strip('$')}$"


class SVG(DisplayObject):
    """A drawing."""

    def _repr_svg_(self):
        return self.data

    def __repr__(self):
        return f"<SVG: {len(self.data or '')} characters>"


class JSON(DisplayObject):
    """A value of lists and dictionaries."""

    def __init__(self, data=None, url=None, filename=None, expanded=False, metadata=None, root="root", **_options):
        super().__init__(data, url, filename, metadata)

    def _check(self):
        if isinstance(self.data, str):
            self.data = json.loads(self.data)
        if self.data is not None and not isinstance(self.data, (dict, list, tuple)):
            raise TypeError(f"JSON expects a dictionary or a list, not {self.data!r}")

    def __repr__(self):
        return json.dumps(self.data, indent=2, ensure_ascii=False, default=str)


class Image(DisplayObject):
    """A picture: PNG and JPEG as they are, others by Pillow; one that is only linked is told by its address."""

    is_text = False

    def __init__(self, data=None, url=None, filename=None, format=None, embed=None, width=None, height=None, **_options):
        self.width, self.height = width, height
        linked = url or (data if isinstance(data, str) and data.startswith(("http://", "https://")) else None)
        if linked is not None and not embed:
            self.data, self.url, self.filename, self.metadata, self.format = None, linked, None, {}, None
            return
        super().__init__(data, url, filename)
        named = (format or os.path.splitext(self.filename or "")[1][1:]).lower()
        self.format = next((kind for kind, head in _PICTURES.items() if self.data.startswith(head)), None)
        self.format = self.format or _ENDINGS.get(named, named)

    def _check(self):
        if not isinstance(self.data, (bytes, bytearray)):
            raise ValueError(f"there is no picture at {self.data!r}: Image takes bytes, the name of a file or a URL")
        self.data = bytes(self.data)

    def _repr_html_(self):
        if self.data is not None:
            return None
        from html import escape

        sides = "".join(f' {name}="{side}"' for name in ("width", "height") if (side := getattr(self, name)))
        return f'<img src="{escape(self.url)}"{sides}/>'

    def _repr_jpeg_(self):
        return self.data if self.format == "jpeg" else None

    def _repr_png_(self):
        if self.data is None or self.format == "jpeg":
            return None
        if self.format == "png":
            return self.data
        import io

        import PIL.Image

        made = io.BytesIO()
        PIL.Image.open(io.BytesIO(self.data)).convert("RGBA").save(made, "PNG")
        return made.getvalue()

    def __repr__(self):
        what = f" of {self.url}" if self.data is None else f": {self.format}, {len(self.data)} bytes"
        return f"<Image{what}>"


class DisplayHandle:
    """Names a display, to show it changed."""

    def __init__(self, display_id=None):
        self.display_id = display_id or os.urandom(8).hex()

    def display(self, value, **options):
        display(value, display_id=self.display_id, **options)

    def update(self, value, **options):
        update_display(value, display_id=self.display_id, **options)

    def __repr__(self):
        return f"<DisplayHandle display_id={self.display_id}>"


def _forms(value, raw, include, exclude):
    if raw:
        forms = {name: form if isinstance(form, (str, bytes)) else json.dumps(form) for name, form in value.items()}
        if isinstance(form := forms.get("image/png"), str):
            import base64

            forms["image/png"] = base64.b64decode(form)
        return forms
    forms = _forms_of(value)
    kept = {name for name in forms if (not include or name in include) and name not in (exclude or ())}
    return {name: form for name, form in forms.items() if name in kept or name == "text/plain"}


def display(*values, include=None, exclude=None, raw=False, display_id=None, clear=False, **_options):
    """Shows values in the richest form that they have; with `display_id` returns the handle to update it."""
    if clear:
        clear_output()
    for value in values:
        _shown.show(_DISPLAY, _forms(value, raw, include, exclude))
    if display_id:
        return DisplayHandle(None if display_id is True else display_id)
    return None


def update_display(value, *, display_id, raw=False, include=None, exclude=None, **_options):
    """Shows what a display has become: of all its updates the last, when the cell ends, for what is shown is sent."""
    _shown.update(display_id, _forms(value, raw, include, exclude))


def clear_output(wait=False):
    """Drops what was shown since the last call of this; what the cell showed before the first one has been sent."""
    _shown.clear()


class _Finder:
    """Finds the modules above, after every place where the real ones could be."""

    def find_spec(self, name):
        if name not in MODULES:
            return None
        package = sys.modules.get(PACKAGE)
        if package is not None and getattr(package.__spec__, "loader", None) is not self:
            return None  # The real one, which lacks it.
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, origin="the kernel of Caisson", is_package=MODULES[name])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__doc__ = __doc__
        if module.__name__ == PACKAGE:
            shown = (get_ipython, display)
        elif MODULES[module.__name__]:
            return
        else:
            classes = (DisplayObject, DisplayHandle, HTML, Image, JSON, Latex, Markdown, Math, Pretty, SVG)
            shown = (*classes, clear_output, display, update_display)
        module.__dict__.update({each.__name__: each for each in shown})
        module.__all__ = [each.__name__ for each in shown]


finder = _Finder()
