/**
 * Lint rules of this code base: who may import whom, and what the library must not do.
 *
 * The same table stands in `docs/architecture.md`. Run by `deno lint` through `deno.json`.
 */

/** Folders and files of the library and what each may import besides its own kind and packages. */
export const importTable: Readonly<Record<string, ReadonlyArray<string>>> = {
  "src/domain": [],
  "src/services": ["src/domain"],
  "src/config": ["src/domain"],
  "src/config.ts": ["src/domain", "src/config"],
  // Settings are plain data, read by the agent for its bounds exactly as the edges read them.
  "src/agent": ["src/domain", "src/services", "src/config.ts"],
  "src/adapters": ["src/domain", "src/services", "src/config.ts"],
  "src/runs": ["src/domain", "src/services", "src/agent", "src/config.ts"],
  "src/web": ["src/domain", "src/services", "src/config.ts"],
  "src/http": ["src/domain", "src/services", "src/agent", "src/runs", "src/web", "src/config.ts"],
  "src/mcp": ["src/domain", "src/services", "src/runs", "src/web", "src/config.ts"],
  "src/logging.ts": ["src/config.ts"],
  "src/boot.ts": ["src/config.ts", "src/services"],
  "src/app.ts": [
    "src/domain",
    "src/services",
    "src/config.ts",
    "src/logging.ts",
    "src/agent",
    "src/runs",
    "src/web",
    "src/adapters",
    "src/http",
    "src/mcp",
  ],
};

/** Vendor packages that only adapters know; the rest of the library sees ports. */
const adapterPackages = /^(npm:)?(@google\/genai|dockerode|openai|@anthropic-ai\/|redis|jose|just-bash|pyodide)/;

/** The key of {@link importTable} a path belongs to, undefined for what is not part of the library. */
const memberOf = (path: string): string | undefined =>
  Object.keys(importTable).find((key) => path === key || path.startsWith(`${key}/`));

/** The path from the project's root, found by the last folder that only the library has. */
const projectPath = (filename: string): string => {
  const path = filename.replaceAll("\\", "/");
  const at = path.lastIndexOf("/src/");
  return at < 0 ? path : path.slice(at + 1);
};

const resolve = (from: string, specifier: string): string => new URL(specifier, `file:///${from}`).pathname.slice(1);

/** Says why an import is not allowed, undefined when it is. */
export const refusedImport = (filename: string, specifier: string): string | undefined => {
  const from = projectPath(filename);
  const owner = memberOf(from);
  if (owner === undefined) return undefined;
  if (!specifier.startsWith(".")) {
    return adapterPackages.test(specifier) && owner !== "src/adapters"
      ? `Import of a vendor package outside src/adapters: ${specifier}`
      : undefined;
  }
  const target = resolve(from, specifier);
  const targetOwner = memberOf(target);
  if (targetOwner === owner) return undefined;
  return targetOwner !== undefined && importTable[owner]?.includes(targetOwner)
    ? undefined
    : `Import against the direction: ${owner} may not import ${target}`;
};

const isLibrary = (filename: string): boolean => memberOf(projectPath(filename)) !== undefined;

/** Calls that belong to entries, tests and scripts, each with what to do instead. */
const refusedCalls: ReadonlyArray<readonly [RegExp, string]> = [
  [/^Deno\.env\b|^process\.env\b/, "Environment read outside the configuration: add a row to src/config/"],
  [/^Date\.now$/, "Clock read outside Effect: use Clock.currentTimeMillis"],
  [/^console\./, "Console used in the library: use Effect.log"],
  [
    /^Effect\.run(Promise|Sync|Fork|Callback|PromiseExit|SyncExit)$/,
    "Effect run in the library: leave it to the entry",
  ],
  [/^ManagedRuntime\.make$/, "Runtime made in the library: leave it to the entry"],
];

/** The rules as `deno lint` loads them. */
const plugin: Deno.lint.Plugin = {
  name: "caisson",
  rules: {
    "import-direction": {
      create(context) {
        const check = (node: Deno.lint.Node, specifier: unknown) => {
          const why = typeof specifier === "string" ? refusedImport(context.filename, specifier) : undefined;
          if (why !== undefined) context.report({ node, message: why });
        };
        return {
          ImportDeclaration: (node) => check(node, node.source.value),
          ExportNamedDeclaration: (node) => check(node, node.source?.value),
          ExportAllDeclaration: (node) => check(node, node.source.value),
          ImportExpression: (node) => check(node, node.source.type === "Literal" ? node.source.value : undefined),
        };
      },
    },
    "effects-only": {
      create(context) {
        if (!isLibrary(context.filename)) return {};
        return {
          MemberExpression: (node) => {
            const text = context.sourceCode.getText(node);
            const refused = refusedCalls.find(([pattern]) => pattern.test(text));
            if (refused !== undefined) context.report({ node, message: refused[1] });
          },
          TSAnyKeyword: (node) => context.report({ node, message: "Type any used: decode foreign data with a Schema" }),
          TSNonNullExpression: (node) =>
            context.report({ node, message: "Non-null assertion used: handle the missing value" }),
        };
      },
    },
  },
};
export default plugin;
