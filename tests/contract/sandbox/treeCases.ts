/**
 * Cases of the Sandbox contract about the workspace as a whole.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Effect, Stream } from "effect";
import type { CopiedRange, Expected, FilePart, TreeEntry } from "../../../src/domain/WorkspaceTree.ts";
import { FileError, type SandboxHandle, type WorkspaceTree } from "../../../src/services/Sandbox.ts";
import { type Cases, eventually, failureOf, ok, run, text } from "./SandboxCases.ts";

/** More than any case makes. */
const entriesMax = 10_000;

const nothing: Expected = { _tag: "Nothing" };
const as = ({ version }: TreeEntry): Expected => ({ _tag: "Version", version });

const treeOf = ({ tree }: SandboxHandle): Effect.Effect<WorkspaceTree> =>
  tree === undefined ? Effect.die("this sandbox has no tree") : Effect.succeed(tree);

const listed = (handle: SandboxHandle) =>
  Effect.gen(function* () {
    const { entries, isWhole, unlisted } = yield* (yield* treeOf(handle)).list(entriesMax);
    assert.ok(isWhole);
    return { by: new Map(entries.map((entry) => [entry.path, entry])), unlisted };
  });

const entryOf = (by: ReadonlyMap<string, TreeEntry>, path: string): TreeEntry => {
  const entry = by.get(path);
  assert.ok(entry, `${path} is listed`);
  return entry;
};

/** Registers them for one adapter. */
export const treeCases = ({ withHandle }: Cases): void => {
  const withTree = (title: string, body: Parameters<typeof withHandle>[1]) =>
    withHandle(title, body, { needs: "tree" });

  withTree(
    "a workspace is listed with its links as text, without packages, caches and our own files",
    (handle) =>
      Effect.gen(function* () {
        ok(
          yield* run(
            handle,
            "mkdir -p src node_modules/x a/__pycache__ venv .git && touch venv/pyvenv.cfg && echo hi > src/a.py && " +
              "chmod 6751 src/a.py && ln -s /etc/passwd out && ln -s src in && mkfifo pipe && echo x > node_modules/x/y && " +
              "echo ref > .git/HEAD && echo r > /artifacts/report.txt && touch -d 1950-01-01 old",
          ),
        );
        const { by } = yield* listed(handle);
        assert.deepEqual([...by].map(([path, { kind }]) => `${kind} ${path}`).sort(), [
          "directory .git",
          "directory a",
          "directory src",
          "file .caisson/artifacts/report.txt",
          "file .git/HEAD",
          "file old",
          "file src/a.py",
          "link in",
          "link out",
          "other pipe",
        ]);
        assert.equal(entryOf(by, "out").target, "/etc/passwd");
        assert.equal(entryOf(by, "src/a.py").mode, 0o751);
        assert.ok(entryOf(by, "old").modifiedNs.startsWith("-"));
      }),
  );

  withTree(
    "a version stays while a file does and changes with its content, in place and with an old date",
    (handle) =>
      Effect.gen(function* () {
        ok(yield* run(handle, "echo one > kept; echo one > written; echo one > dated; touch -r dated stamp"));
        const before = yield* listed(handle);
        ok(yield* run(handle, "echo two >> written; echo two > dated; touch -r stamp dated"));
        const after = yield* listed(handle);
        const same = (path: string) => entryOf(before.by, path).version === entryOf(after.by, path).version;
        assert.deepEqual([same("kept"), same("written"), same("dated")], [true, false, false]);
      }),
  );

  withTree(
    "names are as hostile as they come, those that are no UTF-8 included",
    (handle) =>
      Effect.gen(function* () {
        const names = [
          "a b",
          "-rf",
          "~",
          "line\nbreak",
          "quote\"'",
          "ünï\u0301",
          "日本語",
          "back\\slash",
          "x".repeat(255),
        ];
        for (const [index, name] of names.entries()) {
          yield* handle.writeFile(`n${index}`, text("x"));
          yield* handle.writeFile("names.txt", text(name));
          ok(yield* run(handle, `mv -- n${index} "./$(cat names.txt)"`));
        }
        const bytes = ["bad\udcff", "d\udce9j\udce0/vu\udce9", "link"];
        ok(
          yield* run(
            handle,
            "rm names.txt && printf was > $'bad\\xff' && mkdir $'d\\xe9j\\xe0' && echo x > $'d\\xe9j\\xe0/vu\\xe9' && ln -s $'to\\xff' link",
          ),
        );
        const { by, unlisted } = yield* listed(handle);
        assert.deepEqual([...by.keys()].sort(), [...names, ...bytes, "d\udce9j\udce0"].sort());
        assert.deepEqual(unlisted, []);
        const tree = yield* treeOf(handle);
        for (const name of [...names, ...bytes]) {
          yield* tree.putBack({ _tag: "Remove", path: name, expected: as(entryOf(by, name)) });
        }
        const folder = { _tag: "Remove", path: "d\udce9j\udce0", expected: { _tag: "Directory" } } as const;
        yield* tree.putBack(folder);
        assert.equal((yield* listed(handle)).by.size, 0);
        // And back again, from what was read of them by the same names.
        yield* handle.writeFile(".caisson/undo/1", text("was"));
        const file = { source: ".caisson/undo/1", mode: 0o644, modifiedNs: "0" };
        yield* tree.putBack({ _tag: "File", path: "d\udce9/bad\udcff", expected: nothing, ...file });
        const target = entryOf(by, "link").target ?? "";
        yield* tree.putBack({ _tag: "Link", path: "link\udcff", expected: nothing, target });
        const read = yield* Stream.runCollect(handle.readBytes("/workspace/d\udce9/bad\udcff"));
        assert.deepEqual(Buffer.concat(read), Buffer.from("was"));
        const shown = yield* run(handle, "cat $'d\\xe9/bad\\xff'; readlink $'link\\xff' | od -An -tx1");
        assert.equal(ok(shown).trim(), "was 74 6f ff 0a");
      }),
  );

  withTree(
    "what lies deeper than a path can name is listed, read, taken away and put back",
    (handle) =>
      Effect.gen(function* () {
        const tree = yield* treeOf(handle);
        // Moved into one another, as no path of the kernel could name the last of them.
        const chain = "d/".repeat(700);
        const deep = chain.repeat(3);
        ok(
          yield* run(
            handle,
            `mkdir -p ${chain}; printf deepest > ${chain}f; for i in 1 2; do mkdir -p next/${chain}; mv d next/${chain}; ` +
              "mv next/d .; rmdir next; done; ln -s out way",
          ),
        );
        const { by, unlisted } = yield* listed(handle);
        assert.deepEqual(unlisted, []);
        assert.equal(by.size, deep.length / 2 + 2);
        const file = entryOf(by, `${deep}f`);
        const read = Stream.runCollect(handle.readBytes(`/workspace/${deep}f`));
        assert.equal(Buffer.concat(yield* read).toString(), "deepest");
        yield* tree.putBack({ _tag: "Remove", path: file.path, expected: as(file) });
        assert.ok(!(yield* listed(handle)).by.has(file.path));
        assert.equal(yield* tree.assemble(".caisson/undo/1", text("again")), 5);
        const back = { expected: nothing, source: ".caisson/undo/1", mode: 0o600, modifiedNs: "0" };
        yield* tree.putBack({ _tag: "File", path: `${deep}new/f`, ...back });
        const again = Stream.runCollect(handle.readBytes(`/workspace/${deep}new/f`));
        assert.equal(Buffer.concat(yield* again).toString(), "again");
      }),
  );

  withTree(
    "what is too deep to be told of is told by name, and everything else is listed",
    (handle) =>
      Effect.gen(function* () {
        const name = "n".repeat(250);
        const chain = `${name}/`.repeat(15);
        ok(
          yield* run(
            handle,
            `mkdir -p ${chain}; printf x > ${chain}lost; for i in $(seq 18); do mkdir -p next/${chain}; ` +
              `mv ${name} next/${chain}; mv next/${name} .; rmdir next; done; echo x > beside`,
          ),
        );
        const { by, unlisted } = yield* listed(handle);
        assert.deepEqual(unlisted, [`${name.slice(0, 200)}/.../${name}`]);
        assert.ok(by.has("beside") && by.size < 19 * 15);
      }),
  );

  withTree("a list that is longer than wished says that it is not whole", (handle) =>
    Effect.gen(function* () {
      ok(yield* run(handle, "seq 3000 | xargs touch"));
      const tree = yield* treeOf(handle);
      assert.equal((yield* tree.list(1_000)).isWhole, false);
      assert.equal((yield* tree.list(3_000)).entries.length, 3_000);
    }));

  withTree("files, links and directories are put back with their mode and time", (handle) =>
    Effect.gen(function* () {
      const tree = yield* treeOf(handle);
      yield* handle.writeFile(".caisson/undo/1", text("was"));
      const file = { mode: 0o4750, modifiedNs: "1000000000000000123" };
      yield* tree.putBack({ _tag: "File", path: "deep/er/f", expected: nothing, source: ".caisson/undo/1", ...file });
      yield* tree.putBack({ _tag: "Link", path: "deep/l", expected: nothing, target: "/nowhere" });
      yield* tree.putBack({ _tag: "Directory", path: "empty", mode: 0o700 });
      const shown = yield* run(
        handle,
        "stat -c '%a %.9Y %n' deep/er/f empty; readlink deep/l; cat deep/er/f; ls .caisson/undo",
      );
      const [f, empty, link, content, ...rest] = ok(shown).split("\n");
      assert.equal(f, "750 1000000000.000000123 deep/er/f");
      assert.ok(empty?.startsWith("700 "));
      assert.deepEqual([link, content, ...rest], ["/nowhere", "was"]);
      const { by } = yield* listed(handle);
      yield* handle.writeFile(".caisson/undo/2", text("again"));
      const again = { ...file, expected: as(entryOf(by, "deep/er/f")), source: ".caisson/undo/2" };
      yield* tree.putBack({ _tag: "File", path: "deep/er/f", ...again });
      yield* tree.putBack({ _tag: "Link", path: "deep/l", expected: as(entryOf(by, "deep/l")), target: "er" });
      assert.equal(ok(yield* run(handle, "cat deep/l/f")), "again");
    }));

  withTree(
    "nothing is put over what was changed meanwhile, and no full directory is removed",
    (handle) =>
      Effect.gen(function* () {
        const tree = yield* treeOf(handle);
        ok(yield* run(handle, "echo one > mine; mkdir -p full/x; mkdir bare"));
        const { by } = yield* listed(handle);
        ok(yield* run(handle, "echo two > mine"));
        const expected = as(entryOf(by, "mine"));
        yield* handle.writeFile(".caisson/undo/1", text("old"));
        const put = { _tag: "File", path: "mine", source: ".caisson/undo/1", mode: 0o644, modifiedNs: "0" } as const;
        assert.equal(yield* failureOf(tree.putBack({ ...put, expected })), "Changed");
        assert.equal(yield* failureOf(tree.putBack({ ...put, expected: nothing })), "Changed");
        assert.equal(yield* failureOf(tree.putBack({ _tag: "Remove", path: "mine", expected })), "Changed");
        assert.equal(yield* failureOf(tree.putBack({ _tag: "Remove", path: "gone", expected })), "Changed");
        const folder: Expected = { _tag: "Directory" };
        assert.equal(yield* failureOf(tree.putBack({ _tag: "Remove", path: "full", expected: folder })), "IsDirectory");
        yield* tree.putBack({ _tag: "Remove", path: "bare", expected: folder });
        assert.equal(ok(yield* run(handle, "cat mine; ls")), "two\nfull\nmine\n");
      }),
  );

  withTree(
    "a file is put together from bytes and from ranges of files that lie there",
    (handle) =>
      Effect.gen(function* () {
        const tree = yield* treeOf(handle);
        ok(yield* run(handle, "seq 3000000 > long; printf tail > short"));
        const { by } = yield* listed(handle);
        const whole = entryOf(by, "long");
        const range = (path: string, offset: number, length: number): CopiedRange => ({
          path,
          version: entryOf(by, path).version,
          offset,
          length,
        });
        const half = 11_000_000;
        const written = yield* tree.assemble(
          ".caisson/undo/t/0",
          Stream.fromIterable<FilePart>([
            range("long", 0, half),
            text("-between-"),
            new Uint8Array(300_000).fill(120),
            range("long", half, whole.sizeBytes - half),
            range("short", 1, 2),
          ]),
        );
        assert.equal(written, whole.sizeBytes + 300_011);
        const shown = yield* run(
          handle,
          `cd .caisson/undo/t; cmp -n ${half} 0 ~/long; tail -c +${half + 300_010} 0 > rest; ` +
            `tail -c +${half + 1} ~/long > expected; printf ai >> expected; cmp rest expected; rm rest expected; ls -A`,
        );
        assert.equal(ok(shown), "0\n");
        assert.ok((yield* tree.room) > 0);
      }),
  );

  withTree(
    "nothing is copied from a file that changed, is a link or lies elsewhere, and nothing is left of it",
    (handle) =>
      Effect.gen(function* () {
        const tree = yield* treeOf(handle);
        ok(
          yield* run(handle, "echo one > changed; echo one > linked; mkdir d; echo x > d/x; ln -s d way; mkfifo pipe"),
        );
        const { by } = yield* listed(handle);
        ok(yield* run(handle, "echo two > changed; rm linked; ln -s changed linked"));
        const { version } = entryOf(by, "changed");
        const of = (path: string, length = 1): CopiedRange => ({ path, version, offset: 0, length });
        const refused = [
          of("changed"),
          of("linked"),
          of("way/x"),
          of("pipe"),
          of("gone"),
          of("../etc/passwd"),
          of("/etc/passwd"),
          of(""),
          { ...of("d/x", 100), version: entryOf(by, "d/x").version },
        ];
        for (const part of refused) {
          const parts = Stream.fromIterable<FilePart>([text("a"), part, text("b")]);
          const error = yield* Effect.flip(tree.assemble(".caisson/undo/t/0", parts));
          assert.ok(error instanceof FileError, part.path);
        }
        const failing = Stream.concat(
          Stream.make<[FilePart]>(text("a")),
          Stream.fail(new FileError({ path: "x", reason: "Other", why: "the store failed" })),
        );
        assert.equal(yield* failureOf(tree.assemble(".caisson/undo/t/0", failing)), "Other");
        yield* eventually(Effect.map(run(handle, "ls -A .caisson/undo/t"), (shown) => ok(shown) === ""));
        assert.equal(ok(yield* run(handle, "cat changed")), "two\n");
      }),
  );

  withTree("no step goes through a link or out of the workspace", (handle) =>
    Effect.gen(function* () {
      const tree = yield* treeOf(handle);
      ok(
        yield* run(
          handle,
          "mkdir /tmp/outside && echo x > /tmp/outside/x && ln -s /tmp/outside way && ln -s way/x last",
        ),
      );
      for (const path of ["way/y", "../y", "/tmp/y", "a/../y", "./y", "a//y", ""]) {
        const refused = yield* Effect.flip(tree.putBack({ _tag: "Link", path, expected: nothing, target: "t" }));
        assert.ok(refused instanceof FileError, path);
      }
      yield* handle.writeFile(".caisson/undo/1", text("mine"));
      const last = entryOf((yield* listed(handle)).by, "last");
      const put = { _tag: "File", path: "last", source: ".caisson/undo/1", mode: 0o644, modifiedNs: "0" } as const;
      yield* tree.putBack({ ...put, expected: as(last) });
      assert.equal(ok(yield* run(handle, "cat last; cat /tmp/outside/x; ls /tmp/outside")), "minex\nx\n");
    }));
};
