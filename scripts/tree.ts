/**
 * What the source tree must hold as a whole: no circle of files, no export that nobody uses.
 *
 * A lint rule sees one file at a time. Here each file says what it imports and exports, and the rest is
 * looked up. `tests/unit/scripts/tree_test.ts` runs it, so `deno task ok` does.
 */

/** What one file says about itself. */
export interface FileFacts {
  /** From the project's root. */
  readonly path: string;
  readonly imports: ReadonlyArray<Import>;
  readonly exports: ReadonlyArray<Export>;
}

/** A reference to another file of the tree. */
export interface Import {
  /** From the project's root. */
  readonly target: string;
  /** Names that are taken; `*` for all of them. */
  readonly names: ReadonlyArray<string>;
}

/** A name that a file offers. */
export interface Export {
  readonly name: string;
  /** A type or class that other lines of its own file speak of: it names what an export takes, answers or fails with. */
  readonly isSpokenOf: boolean;
}

/** Reads a file's facts; the linter's parser is at hand in tests only, so it is passed in. */
export const factsOf = (
  path: string,
  source: string,
  parse: (plugin: Deno.lint.Plugin, path: string, source: string) => unknown,
): FileFacts => {
  const imports: Array<Import> = [];
  const exports: Array<Export> = [];
  parse(
    { name: "tree", rules: { facts: { create: (context) => collect(context, path, { imports, exports }) } } },
    path,
    source,
  );
  return { path, imports, exports };
};

const targetOf = (from: string, specifier: unknown): string | undefined =>
  typeof specifier === "string" && specifier.startsWith(".")
    ? decodeURIComponent(new URL(specifier, `file:///${from}`).pathname.slice(1))
    : undefined;

/** Members of a namespace that a source speaks of; all of them when it hands the namespace on as a whole. */
const membersOf = (alias: string, source: string): ReadonlyArray<string> => {
  const uses = [...source.matchAll(new RegExp(`(?<![\\w.$])${alias}(?!\\w)(?:\\s*\\.\\s*(\\w+))?`, "g"))];
  // One of them is the import itself.
  const members = uses.flatMap(([, member]) => member === undefined ? [] : [member]);
  return uses.length - members.length > 1 ? ["*"] : members;
};

const nameOf = (node: Deno.lint.Identifier | Deno.lint.StringLiteral): string =>
  node.type === "Identifier" ? node.name : node.value;

const namesOfPattern = (pattern: Deno.lint.Node): ReadonlyArray<string> => {
  if (pattern.type === "Identifier") return [pattern.name];
  if (pattern.type === "ObjectPattern") {
    return pattern.properties.flatMap((one) => one.type === "Property" ? namesOfPattern(one.value) : []);
  }
  return [];
};

const isType = (declaration: Deno.lint.Node): boolean =>
  declaration.type === "TSInterfaceDeclaration" || declaration.type === "TSTypeAliasDeclaration" ||
  declaration.type === "ClassDeclaration";

const declaredNames = (declaration: Deno.lint.Node): ReadonlyArray<string> => {
  switch (declaration.type) {
    case "VariableDeclaration":
      return declaration.declarations.flatMap(({ id }) => namesOfPattern(id));
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSEnumDeclaration":
      return declaration.id === null ? [] : [declaration.id.name];
    default:
      return [];
  }
};

const collect = (
  context: Deno.lint.RuleContext,
  path: string,
  found: { readonly imports: Array<Import>; readonly exports: Array<Export> },
): Deno.lint.LintVisitor => {
  const source = context.sourceCode.text;
  const add = (specifier: unknown, names: ReadonlyArray<string>) => {
    const target = targetOf(path, specifier);
    if (target !== undefined) found.imports.push({ target, names });
  };
  const offer = (name: string, declaration?: Deno.lint.Node) => {
    const mentions = source.match(new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`, "g"))?.length ?? 0;
    found.exports.push({ name, isSpokenOf: declaration !== undefined && isType(declaration) && mentions > 1 });
  };
  return {
    ImportDeclaration: ({ source: from, specifiers }) =>
      add(
        from.value,
        specifiers.flatMap((one) =>
          one.type === "ImportSpecifier"
            ? [nameOf(one.imported)]
            : one.type === "ImportDefaultSpecifier"
            ? ["default"]
            : membersOf(one.local.name, source)
        ),
      ),
    ImportExpression: (node) => add(node.source.type === "Literal" ? node.source.value : undefined, ["*"]),
    ExportAllDeclaration: (node) => add(node.source.value, ["*"]),
    ExportDefaultDeclaration: () => offer("default"),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source.value, node.specifiers.map(({ local }) => nameOf(local)));
      else for (const { exported } of node.specifiers) offer(nameOf(exported));
      if (node.declaration !== null) {
        for (const name of declaredNames(node.declaration)) offer(name, node.declaration);
      }
    },
  };
};

/** Circles of files, each as the paths on the way round, the first of them in order of the alphabet. */
export const circlesOf = (files: ReadonlyArray<FileFacts>): ReadonlyArray<ReadonlyArray<string>> => {
  const targets = new Map(files.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const state = new Map<string, "on the way" | "done">();
  const circles: Array<ReadonlyArray<string>> = [];
  const walk = (path: string, way: ReadonlyArray<string>): void => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "on the way") {
      circles.push(way.slice(way.indexOf(path)));
      return;
    }
    state.set(path, "on the way");
    for (const target of targets.get(path) ?? []) walk(target, [...way, path]);
    state.set(path, "done");
  };
  for (const path of [...targets.keys()].sort()) walk(path, []);
  return circles;
};

/** Exports of the library that no other file takes, as `path: name`. */
export const unusedExportsOf = (files: ReadonlyArray<FileFacts>): ReadonlyArray<string> => {
  const taken = new Map<string, Set<string>>();
  for (const { imports } of files) {
    for (const { target, names } of imports) {
      const of = taken.get(target) ?? new Set();
      for (const name of names) of.add(name);
      taken.set(target, of);
    }
  }
  return files
    .filter(({ path }) => path.startsWith("src/"))
    .flatMap(({ path, exports }) => {
      const of = taken.get(path) ?? new Set();
      if (of.has("*")) return [];
      // A type and a value may share a name.
      const spoken = new Set(exports.filter(({ isSpokenOf }) => isSpokenOf).map(({ name }) => name));
      const names = new Set(exports.map(({ name }) => name));
      return [...names].filter((name) => !of.has(name) && !spoken.has(name)).map((name) => `${path}: ${name}`);
    });
};
