/**
 * Each `*Fails with*` of a docstring names errors that its type has.
 *
 * The types are asked: a file that asserts every claim is written beside the tests and checked.
 */
import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

const filesIn = (folder: URL): ReadonlyArray<URL> =>
  [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(new URL(`${name}/`, folder)) : name.endsWith(".ts") ? [new URL(name, folder)] : []
  );

const sources = filesIn(new URL("src/", root)).map((url) => ({ url, text: Deno.readTextFileSync(url) }));

/** Every error of the library, and every reason of one. */
const errors = new Set(
  sources.flatMap(({ text }) => [...text.matchAll(/Schema\.TaggedError<\w+>\(\)\(\s*"(\w+)"/g)].map(([, tag]) => tag)),
);

/** Where a docstring stands, as a type that names what it documents; undefined for what no type can name. */
const typeOf = (before: string, after: string, file: string): string | undefined => {
  const exported = /^export (?:const|function) (\w+)/.exec(after)?.[1];
  if (exported !== undefined) return `typeof ${file}.${exported}`;
  const owner = [...before.matchAll(/^(export )?(interface|class) (\w+)(<)?[^\n]*\{$|^(\})/gm)].at(-1);
  if (owner === undefined || owner[5] !== undefined || owner[1] === undefined) return undefined;
  const member = /^ {2}(static )?(?:readonly |override |get )*(\w+)/.exec(after);
  if (member?.[2] === undefined) return undefined;
  const name = `${file}.${owner[3]}`;
  const holder = member[1] !== undefined ? `(typeof ${name})` : owner[4] === undefined ? name : `${name}<never>`;
  return `${holder}["${member[2]}"]`;
};

interface Claim {
  readonly type: string;
  readonly tag: string;
  readonly at: string;
}

const claims = sources.flatMap(({ url, text }, index): ReadonlyArray<Claim> =>
  [...text.matchAll(/\/\*\*(?:(?!\*\/)[^])*\*\/\n/g)].flatMap(({ 0: doc, index: at }) => {
    const told = /\*Fails with\*((?:(?!\n *\* *\n)[^])*)/.exec(doc)?.[1];
    if (told === undefined) return [];
    const type = typeOf(text.slice(0, at), text.slice(at + doc.length), `f${index}`);
    const line = text.slice(0, at).split("\n").length;
    return type === undefined
      ? []
      : [...told.matchAll(/`(\w+)`/g)].flatMap(([, tag = ""]) =>
        errors.has(tag) ? [{ type, tag, at: `${url.pathname.slice(root.pathname.length)}:${line} ${tag}` }] : []
      );
  })
);

const assertions = (): string =>
  [
    `import type { Effect, Layer, Result, Stream } from "effect";`,
    ...sources.map(({ url }, index) => `import type * as f${index} from "${url.href}";`),
    // What makes a function documents what that function fails with.
    `type Failure<T> = T extends (...args: never) => infer R ? Failure<R>`,
    `  : T extends Effect.Effect<infer A, infer E, unknown> ? E | (A extends (...args: never) => unknown ? Failure<A> : never)`,
    `  : T extends Stream.Stream<unknown, infer E, unknown> ? E`,
    `  : T extends Result.Result<unknown, infer E> ? E`,
    `  : T extends Layer.Layer<never, infer E, unknown> ? E`,
    `  : T extends Layer.Layer<infer _, infer E, unknown> ? E : never;`,
    `type Tags<E> = (E extends { readonly _tag: infer T } ? T : never)`,
    `  | (E extends { readonly reason: { readonly _tag: infer R } } ? R : never);`,
    `type Has<T, N> = unknown extends Failure<T> ? true : N extends Tags<Failure<T>> ? true : false;`,
    ...claims.map(({ type, tag, at }) => `true satisfies Has<${type}, "${tag}">; // ${at}`),
  ].join("\n");

Deno.test("each *Fails with* names errors of the declared type", async () => {
  assert.ok(claims.length > 50, `${claims.length} claims found`);
  const path = await Deno.makeTempFile({ dir: new URL("tests/", root).pathname, prefix: "failsWith", suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, assertions());
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--lock=tests/deno.lock", path],
      cwd: root.pathname,
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stderr);
    const wrong = [...text.matchAll(/^.*; \/\/ (src\/.*)$/gm)].map(([, at]) => at);
    assert.deepEqual(wrong, [], "the docstring names an error that its type does not have");
    assert.equal(code, 0, text);
  } finally {
    await Deno.remove(path);
  }
});
