import assert from "node:assert/strict";
import { readPythonSource } from "../../../../src/adapters/toolsLibrary/pythonSource.ts";
import { leastCpuMs } from "../../../support/timing.ts";

Deno.test("readPythonSource gives signatures and first docstring lines when a module is documented", () => {
  const source = `#!/usr/bin/env python3
# A comment first.
"""Tables from files.

def not_me(): pass
"""
from __future__ import annotations
import pandas as pd

def load(path: str, *, sep: str = ",:#", sheet: "str | None" = None) -> pd.DataFrame:
    """Load a table.

    More.
    """
    def inner():
        """Not me."""
    return {"a": ")"}

async def fetch(
    names: list[str],  # the names
    limit: int = 10,
) -> dict[str, int]:
    r'''
    Fetch by name.
    '''

class Ledger(Base, metaclass=Meta):
    "A ledger."
    def method(self): ...

@decorated(")")
def plain(): return f"{1}"

def _private(): pass
text = """
def in_a_string():
    '''no'''
"""
if True:
    def conditional(): pass
`;
  assert.deepEqual(readPythonSource(source), {
    summary: "Tables from files.",
    members: [
      {
        signature: 'load(path: str, *, sep: str = ",:#", sheet: "str | None" = None) -> pd.DataFrame',
        summary: "Load a table.",
      },
      { signature: "async fetch(names: list[str], limit: int = 10) -> dict[str, int]", summary: "Fetch by name." },
      { signature: "class Ledger(Base, metaclass=Meta)", summary: "A ledger." },
      { signature: "plain()", summary: "" },
    ],
  });
});

Deno.test("readPythonSource lists what __all__ names when it is a plain list", () => {
  const source = `__all__ = [\n  "b",\n  '_c',\n]\ndef a(): pass\ndef b(): pass\ndef _c(x: int = 1): pass\n`;
  assert.deepEqual(readPythonSource(source).members.map((member) => member.signature), ["b()", "_c(x: int = 1)"]);
});

Deno.test("readPythonSource gives the last definition when a name is defined twice", () => {
  const source = `def f(a: int): ...\ndef f(a: str): "text"\n`;
  assert.deepEqual(readPythonSource(source).members, [{ signature: "f(a: str)", summary: "text" }]);
});

Deno.test("readPythonSource stays calm when the source is broken", () => {
  for (
    const source of ["", "def", "def f(", "class X", '"""never closed', "def f(x='", "\uFEFFdef f():\r\n  'd'\r\n"]
  ) {
    const { members } = readPythonSource(source);
    assert.ok(members.length <= 1, source);
  }
  assert.deepEqual(readPythonSource("\uFEFFdef f():\r\n  'd'\r\n").members, [{ signature: "f()", summary: "d" }]);
});

Deno.test("readPythonSource is linear when a megabyte of quotes and brackets is fed", () => {
  for (const piece of ["'", '"""', "(", "def f(\n", "#\n"]) {
    const source = piece.repeat(Math.floor(1_000_000 / piece.length));
    const tookMs = leastCpuMs(() => readPythonSource(source));
    assert.ok(tookMs < 3_000, `${JSON.stringify(piece)} took ${tookMs} ms`);
  }
});
