/**
 * A Python module of the tools library, as its source declares it.
 */
import { Schema } from "effect";

/** A public function or class: how it is called and the first line of its docstring. */
export const PythonMember = Schema.Struct({
  /** Such as `load(path: str, *, sheet: str | None = None) -> DataFrame`, or `class Ledger(path)`. */
  signature: Schema.String,
  /** "" when there is no docstring. */
  summary: Schema.String,
});
export type PythonMember = typeof PythonMember.Type;

/** A module that sandboxes can import. */
export const PythonModule = Schema.Struct({
  /** The name to import it by, such as `tabular` or `charts.bars`. */
  name: Schema.String,
  /** Path inside the sandbox, such as `/tools/tabular.py`. */
  location: Schema.String,
  summary: Schema.String,
  members: Schema.Array(PythonMember),
});
export type PythonModule = typeof PythonModule.Type;
