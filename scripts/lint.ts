/**
 * Lint rules of this code base: who may import whom, and what the library must not do.
 *
 * The same table stands in `docs/architecture.md`. Run by `deno lint` through `deno.json`.
 */
import { slowRun } from "./regexRuns.ts";

/** What a composition puts together. */
const composed = [
  "src/domain",
  "src/services",
  "src/config.ts",
  "src/config",
  "src/libraryLines.ts",
  "src/logging.ts",
  "src/telemetry",
  "src/adapters",
  "src/announcements.ts",
  "src/agent",
  "src/http",
  "src/mcp",
];

/** Folders and files of the library and what each may import besides its own kind and packages. */
export const importTable: Readonly<Record<string, ReadonlyArray<string>>> = {
  "src/domain": [],
  "src/services": ["src/domain"],
  "src/config": ["src/domain"],
  "src/config.ts": ["src/domain", "src/config"],
  // Settings are plain data, read by the agent for its bounds exactly as the edges read them.
  "src/agent": ["src/domain", "src/services", "src/config.ts"],
  "src/adapters": ["src/root.ts", "src/domain", "src/services", "src/config.ts", "src/config"],
  "src/runs": ["src/domain", "src/services", "src/agent", "src/config.ts"],
  "src/telemetry": ["src/domain", "src/services", "src/agent", "src/config.ts"],
  "src/web": ["src/domain", "src/services", "src/telemetry", "src/config.ts"],
  "src/http": ["src/root.ts", "src/domain", "src/services", "src/runs", "src/web", "src/telemetry", "src/config.ts"],
  "src/mcp": ["src/domain", "src/services", "src/runs", "src/web", "src/telemetry", "src/config.ts"],
  "src/logging.ts": ["src/domain", "src/services", "src/config.ts"],
  "src/libraryLines.ts": [],
  "src/boot.ts": ["src/announcements.ts", "src/config.ts", "src/config", "src/services"],
  "src/announcements.ts": ["src/config.ts", "src/config", "src/services"],
  "src/process.ts": ["src/root.ts"],
  "src/root.ts": [],
  "src/app": composed,
  "src/app.ts": ["src/app", "src/runs", "src/web", ...composed],
};

/**
 * Rooms: folders within a folder, and which of their neighbours each may import.
 *
 * An adapter's folder knows no other adapter; what several adapters of one port share is a room of its own.
 */
export const roomTable: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string>>>>> = {
  "src/adapters": {
    containers: ["redis", "sqlite"],
    files: ["redis", "sqlite"],
    converter: [],
    egress: [],
    identity: [],
    // One connection to Redis serves every port that is kept there.
    limits: ["redis"],
    model: [],
    promptTexts: [],
    redis: [],
    responses: ["redis", "sqlite"],
    runs: ["redis"],
    runStore: ["sqlite"],
    sandbox: [],
    sessions: ["redis", "sqlite"],
    skills: [],
    sqlite: [],
    telemetry: [],
    toolbox: [],
    toolsLibrary: [],
    usageLedger: ["redis"],
    // One judge decides what may be reached, by programs and by the server for them.
    web: ["egress"],
  },
  // A runtime makes a place and a byte channel; it never knows another runtime.
  "src/adapters/sandbox": {
    bubblewrap: ["owned", "supervisor", "local", "egress"],
    docker: ["owned", "supervisor", "local", "egress"],
    egress: ["supervisor"],
    kubernetes: ["owned", "supervisor", "local", "egress"],
    local: [],
    owned: ["supervisor"],
    supervisor: [],
    wasm: ["owned", "supervisor", "local"],
  },
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

/** The room of a path within a folder; undefined for what is outside of it or lies in no room. */
const roomOf = (folder: string, path: string): string | undefined => {
  if (!path.startsWith(`${folder}/`)) return undefined;
  const [room, ...rest] = path.slice(folder.length + 1).split("/");
  return rest.length === 0 ? undefined : room;
};

/** Says why an import leads into a room that its own may not know, undefined when it does not. */
const refusedRoom = (from: string, target: string): string | undefined => {
  for (const [folder, rooms] of Object.entries(roomTable)) {
    const [own, other] = [roomOf(folder, from), roomOf(folder, target)];
    if (own === undefined || other === undefined || own === other) continue;
    const allowed = rooms[own];
    if (allowed === undefined) return `Import from a room without a row in the table of rooms: ${folder}/${own}`;
    if (!allowed.includes(other)) return `Import of a neighbour: ${folder}/${own} may not import ${target}`;
  }
  return undefined;
};

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
  if (targetOwner === owner) return refusedRoom(from, target);
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

/** Columns of a comment, as of code. */
export const commentColumnsMax = 120;

/** Lines of a function, what stands in it included: more does not fit a screen. */
export const functionLinesMax = 80;

/** Folders whose patterns may be slow in the worst case, each with what bounds them instead. */
export const slowPatternFolders: Readonly<Record<string, string>> = {
  "src/adapters/model/offline": "reads at most understoodCharsMax characters of prose, and a test times it there",
};

/** Says why a pattern is not allowed in a file, undefined when it is. */
export const refusedPattern = (filename: string, source: string, flags: string): string | undefined => {
  const path = projectPath(filename);
  if (Object.keys(slowPatternFolders).some((folder) => path.startsWith(`${folder}/`))) return undefined;
  const why = slowRun(source, flags);
  return why === undefined ? undefined : `Slow pattern: ${why}; give its runs bounds such as {0,100}, or scan the text`;
};

/** Whether a call cuts text from its beginning: `text.slice(0, n)`. */
const isHead = (node: Deno.lint.Node): boolean =>
  node.type === "CallExpression" && node.callee.type === "MemberExpression" &&
  node.callee.property.type === "Identifier" && node.callee.property.name === "slice" &&
  node.arguments[0]?.type === "Literal" && node.arguments[0].value === 0;

/** Reports the lines of comments that are too wide. */
const checkComments = (context: Deno.lint.RuleContext, program: Deno.lint.Program): void => {
  const { text } = context.sourceCode;
  for (const { range: [start, end] } of program.comments) {
    let at = text.lastIndexOf("\n", start - 1) + 1;
    for (const line of text.slice(at, end).split("\n")) {
      // What stands before the comment on its line is code, which the formatter bounds.
      if (line.length > commentColumnsMax && at + line.length > start) {
        context.report({
          range: [Math.max(at, start), at + line.length],
          message: `Comment over ${commentColumnsMax} columns: break the line`,
        });
      }
      at += line.length + 1;
    }
  }
};

/** Reports a function that is too long. */
const checkLength = (context: Deno.lint.RuleContext, node: Deno.lint.Node): void => {
  const lines = context.sourceCode.getText(node).split("\n").length;
  if (lines > functionLinesMax) {
    context.report({ node, message: `Function of ${lines} lines, more than ${functionLinesMax}: extract its leaves` });
  }
};

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
    "comment-width": {
      create(context) {
        return isLibrary(context.filename) ? { Program: (node) => checkComments(context, node) } : {};
      },
    },
    "short-functions": {
      create(context) {
        if (!isLibrary(context.filename)) return {};
        const check = (node: Deno.lint.Node) => checkLength(context, node);
        return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };
      },
    },
    "linear-patterns": {
      create(context) {
        if (!isLibrary(context.filename)) return {};
        const check = (node: Deno.lint.Node, source: string, flags: string) => {
          const message = refusedPattern(context.filename, source, flags);
          if (message !== undefined) context.report({ node, message });
        };
        const built = (node: Deno.lint.NewExpression | Deno.lint.CallExpression) => {
          if (node.callee.type !== "Identifier" || node.callee.name !== "RegExp") return;
          // What a pattern is made of at run time can be judged by nobody before.
          check(node, "(.*)*x", "");
        };
        return {
          Literal: (node) => {
            if ("regex" in node && node.regex) check(node, node.regex.pattern, node.regex.flags);
          },
          NewExpression: built,
          CallExpression: built,
        };
      },
    },
    "whole-characters": {
      create(context) {
        if (!isLibrary(context.filename) || projectPath(context.filename) === "src/domain/cutText.ts") return {};
        const message = "Text cut for display between the halves of a character: use cutText or headOf of src/domain";
        return {
          TemplateLiteral: (node) => {
            for (const [index, expression] of node.expressions.entries()) {
              const before = node.quasis[index]?.raw ?? "";
              const after = node.quasis[index + 1]?.raw ?? "";
              // A cut text in a sentence: marked with an ellipsis, or in quotation marks.
              const shown = /^\s?(?:…|\.\.\.)/.test(after) || (/['"`]$/.test(before) && /^['"`]/.test(after));
              if (shown && isHead(expression)) context.report({ node: expression, message });
            }
          },
          BinaryExpression: (node) => {
            const { left, right } = node;
            if (isHead(left) && right.type === "Literal" && /^\s?(?:…|\.\.\.)/.test(String(right.value))) {
              context.report({ node, message });
            }
          },
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
