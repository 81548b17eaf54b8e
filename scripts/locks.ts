/**
 * Writes the lock files of what users start: exactly the packages of `tests/deno.lock` that each entry reaches.
 *
 * Deno installs every package of the project's lock file before it runs a task. With the one of the tests a first
 * `deno task serve` would fetch what only tests import.
 */
import { Schema } from "effect";

const root = new URL("../", import.meta.url);

/** Every lock file beside that of the tests, and the entries that run with it. */
export const locks: Readonly<Record<string, ReadonlyArray<string>>> = {
  "deno.lock": [
    "server.ts",
    "mcp.ts",
    "scripts/doctor.ts",
    "scripts/erase.ts",
    "scripts/image.ts",
    "scripts/keys.ts",
    "scripts/skills.ts",
    "examples/library.ts",
  ],
  "src/adapters/sandbox/wasm/guest/deno.lock": [
    "src/adapters/sandbox/wasm/guest/main.ts",
    "src/adapters/sandbox/wasm/guest/prepare.ts",
  ],
};

const Package = Schema.StructWithRest(
  Schema.Struct({
    dependencies: Schema.optionalKey(Schema.Array(Schema.String)),
    optionalDependencies: Schema.optionalKey(Schema.Array(Schema.String)),
    optionalPeers: Schema.optionalKey(Schema.Array(Schema.String)),
  }),
  [Schema.Record(Schema.String, Schema.Json)],
);
const Lock = Schema.Struct({
  version: Schema.String,
  specifiers: Schema.Record(Schema.String, Schema.String),
  npm: Schema.Record(Schema.String, Package),
  workspace: Schema.Struct({ dependencies: Schema.Array(Schema.String) }),
});
type Lock = typeof Lock.Type;

const decodeLock = Schema.decodeUnknownSync(Schema.fromJsonString(Lock));
const decodeGraph = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Struct({
      modules: Schema.Array(
        Schema.Struct({ kind: Schema.optionalKey(Schema.String), npmPackage: Schema.optionalKey(Schema.String) }),
      ),
    }),
  ),
);

/** The packages that an entry imports, now or later, as keys of the lock file. */
const importedBy = async (entry: string): Promise<ReadonlyArray<string>> => {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--lock=tests/deno.lock", entry],
    cwd: root,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return decodeGraph(new TextDecoder().decode(stdout)).modules.flatMap(({ npmPackage }) => npmPackage ?? []);
};

/** A dependency names its package alone where only one version of it is locked. */
const keyOf = (lock: Lock, dependency: string): string => {
  if (Object.hasOwn(lock.npm, dependency)) return dependency;
  const found = Object.keys(lock.npm).filter((key) =>
    key.startsWith(`${dependency}@`) || key.startsWith(`${dependency}_`)
  );
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${dependency} is not one package of tests/deno.lock`);
  return only;
};

const closure = (lock: Lock, roots: ReadonlyArray<string>): ReadonlySet<string> => {
  const reached = new Set<string>();
  const waiting = [...roots];
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    if (reached.has(key)) continue;
    reached.add(key);
    const { dependencies = [], optionalDependencies = [] } = lock.npm[key] ?? {};
    waiting.push(...[...dependencies, ...optionalDependencies].map((dependency) => keyOf(lock, dependency)));
  }
  return reached;
};

/** The text of one of the {@link locks}. */
export const lockText = async (entries: ReadonlyArray<string>): Promise<string> => {
  const lock = decodeLock(await Deno.readTextFile(new URL("tests/deno.lock", root)));
  const roots = (await Promise.all(entries.map(importedBy))).flat();
  const packages = closure(lock, roots);
  const keep = <A>(record: Readonly<Record<string, A>>, isKept: (key: string, value: A) => boolean) =>
    Object.fromEntries(Object.entries(record).filter(([key, value]) => isKept(key, value)));
  const versionOf = (specifier: string, version: string) =>
    `${specifier.slice("npm:".length, specifier.indexOf("@", "npm:@".length))}@${version}`;
  const kept = {
    version: lock.version,
    specifiers: keep(lock.specifiers, (specifier, version) => packages.has(versionOf(specifier, version))),
    npm: keep(lock.npm, (key) => packages.has(key)),
    workspace: lock.workspace,
  };
  return `${JSON.stringify(kept, null, 2)}\n`;
};

if (import.meta.main) {
  for (const [path, entries] of Object.entries(locks)) {
    await Deno.writeTextFile(new URL(path, root), await lockText(entries));
  }
}
