/** Files through the real supervisor. */
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { Buffer } from "node:buffer";
import { Effect, Stream } from "effect";
import { FileError } from "../../../../../src/services/Sandbox.ts";
import { it } from "../../../../support/it.ts";
import { hostSupervisor } from "./hostSupervisor.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const reasonOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => error instanceof FileError ? error.reason : String(error));

it.live("writeFile creates parents, keeps the mode and leaves nothing else behind", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    assert.equal(yield* link.writeFile("a/b/c.txt", bytes("grün\n")), 6);
    assert.equal(readFileSync(`${workspace}/a/b/c.txt`, "utf8"), "grün\n");
    assert.equal(statSync(`${workspace}/a/b/c.txt`).mode & 0o777, 0o644);
    chmodSync(`${workspace}/a/b/c.txt`, 0o755);
    assert.equal(yield* link.writeFile(`${workspace}/a/b/c.txt`, bytes("")), 0);
    assert.equal(statSync(`${workspace}/a/b/c.txt`).mode & 0o777, 0o755);
    assert.deepEqual(readdirSync(`${workspace}/a/b`), ["c.txt"]);
  }));

it.live("writeFile neither follows nor replaces a link that leads out of the workspace", () =>
  Effect.gen(function* () {
    const { link, workspace, tools } = yield* hostSupervisor();
    writeFileSync(`${tools}/target`, "untouched");
    symlinkSync(`${tools}/target`, `${workspace}/link`);
    const refused = yield* Effect.flip(link.writeFile("link", bytes("new")));
    assert.ok(refused._tag === "FileError" && refused.reason === "PermissionDenied");
    assert.match(refused.why, /leads out of the workspace/);
    assert.equal(readFileSync(`${workspace}/link`, "utf8"), "untouched");
  }));

it.live("writeFile and readBytes carry large binary content unchanged", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    const content = new Uint8Array(10 * 1024 * 1024 + 7);
    for (let at = 0; at < content.length; at++) content[at] = (at * 2654435761) >>> 24;
    assert.equal(yield* link.writeFile("big.bin", content), content.length);
    const pieces = yield* Stream.runCollect(link.readBytes("big.bin"));
    assert.ok(pieces.every((piece) => piece.length <= 64 * 1024));
    assert.ok(Buffer.concat(pieces).equals(content));
    const range = yield* Stream.runCollect(link.readBytes("big.bin", { offset: 1_000_000, length: 200_000 }));
    assert.ok(Buffer.concat(range).equals(content.subarray(1_000_000, 1_200_000)));
    const first = yield* Stream.runCollect(Stream.take(link.readBytes("big.bin"), 1));
    assert.equal(first.length, 1);
    assert.equal(
      (yield* link.execute({ command: "wc -c < big.bin", timeoutMs: 60_000 })).stdout,
      `${content.length}\n`,
    );
  }));

it.live("writeFile takes a stream of any length, and leaves what was there when the stream fails", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    const piece = (n: number) => new Uint8Array(100_000).fill(n);
    const content = Stream.map(Stream.range(0, 49), piece);
    assert.equal(yield* link.writeFile("big.bin", content), 5_000_000);
    assert.ok(
      readFileSync(`${workspace}/big.bin`).equals(Buffer.concat(Array.from({ length: 50 }, (_, n) => piece(n)))),
    );
    assert.equal(yield* link.writeFile("empty", Stream.empty), 0);
    const broken = new FileError({ path: "big.bin", reason: "Other", why: "the source broke" });
    const failed = yield* Effect.flip(link.writeFile("big.bin", Stream.concat(content, Stream.fail(broken))));
    assert.equal(failed, broken);
    assert.equal(statSync(`${workspace}/big.bin`).size, 5_000_000);
    yield* link.execute({ command: "true", timeoutMs: 60_000 });
    assert.deepEqual(readdirSync(workspace).filter((name) => !name.startsWith(".caisson")).toSorted(), [
      "big.bin",
      "empty",
    ]);
    // A refusal ends a stream that would never end by itself.
    const endless = Stream.forever(Stream.make(piece(1)));
    assert.equal(yield* reasonOf(link.writeFile("big.bin/below", endless)), "NotADirectory");
  }));

it.live("readText pages by lines and says whether more follows", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor({ textBytesMax: 64 });
    writeFileSync(`${workspace}/t`, "0\n1\n2\n3");
    const read = (offset: number, lineCount?: number) =>
      link.readText("t", { offset, ...(lineCount === undefined ? {} : { lineCount }) });
    assert.deepEqual(yield* read(0), { text: "0\n1\n2\n3", truncated: false });
    assert.deepEqual(yield* read(1, 2), { text: "1\n2\n", truncated: true, next: { offset: 3 } });
    assert.deepEqual(yield* read(2, 2), { text: "2\n3", truncated: false });
    assert.deepEqual(yield* read(0, 0), { text: "", truncated: true, next: { offset: 0 } });
    assert.deepEqual(yield* read(2, 0), { text: "", truncated: true, next: { offset: 2 } });
    const note = "the file ends before line 9: it has 4 lines";
    assert.deepEqual(yield* read(9), { text: "", truncated: false, note });
    writeFileSync(`${workspace}/t`, `${"a".repeat(40)}\n${"b".repeat(40)}\n`);
    assert.deepEqual(yield* read(0), { text: `${"a".repeat(40)}\n`, truncated: true, next: { offset: 1 } });
    writeFileSync(`${workspace}/t`, "é".repeat(60));
    assert.deepEqual(yield* read(0), {
      text: "é".repeat(32),
      truncated: true,
      next: { offset: 0, column: 64 },
    });
    writeFileSync(`${workspace}/t`, `x${"é".repeat(60)}`);
    assert.deepEqual(yield* read(0), {
      text: `x${"é".repeat(31)}`,
      truncated: true,
      next: { offset: 0, column: 63 },
    });
    writeFileSync(`${workspace}/t`, "");
    assert.deepEqual(yield* read(0), { text: "", truncated: false });
  }));

it.live("readText finds lines beyond the first pieces of a large file", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    const lines = Array.from({ length: 300_000 }, (_, index) => `line ${index}\n`);
    writeFileSync(`${workspace}/large`, lines.join(""));
    for (const offset of [0, 1, 70_000, 299_998]) {
      const { text, truncated } = yield* link.readText("large", { offset, lineCount: 3 });
      assert.equal(text, lines.slice(offset, offset + 3).join(""));
      assert.equal(truncated, offset + 3 < lines.length);
    }
  }));

it.live("readText lists a directory sorted with a slash after directories", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    for (const name of ["b", "a", "é"]) writeFileSync(`${workspace}/${name}`, "");
    mkdirSync(`${workspace}/sub`);
    assert.deepEqual(yield* link.readText(".", { offset: 0 }), { text: "a\nb\nsub/\né\n", truncated: false });
    assert.deepEqual(yield* link.readText(workspace, { offset: 1, lineCount: 1 }), {
      text: "b\n",
      truncated: true,
      next: { offset: 2 },
    });
  }));

it.live("file operations fail with the reason when the path is not what they need", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor();
    writeFileSync(`${workspace}/file`, "x");
    writeFileSync(`${workspace}/binary`, "a\0b");
    mkdirSync(`${workspace}/dir`);
    symlinkSync("loop", `${workspace}/loop`);
    yield* link.execute({ command: "mkfifo fifo", timeoutMs: 60_000 });
    const text = (path: string) => reasonOf(link.readText(path, { offset: 0 }));
    const read = (path: string) => reasonOf(Stream.runDrain(link.readBytes(path)));
    const write = (path: string) => reasonOf(link.writeFile(path, bytes("x")));
    assert.equal(yield* text("none"), "NotFound");
    assert.equal(yield* text("file/x"), "NotADirectory");
    assert.equal(yield* text("binary"), "NotText");
    assert.equal(yield* text("fifo"), "UnsupportedFile");
    assert.equal(yield* text("/dev/zero"), "UnsupportedFile");
    assert.equal(yield* text("loop"), "InvalidPath");
    assert.equal(yield* text(""), "InvalidPath");
    assert.equal(yield* text("a\0b"), "InvalidPath");
    assert.equal(yield* text("x".repeat(300)), "InvalidPath");
    assert.equal(yield* read("dir"), "IsDirectory");
    assert.equal(yield* read("fifo"), "UnsupportedFile");
    assert.equal(yield* write("dir"), "IsDirectory");
    assert.equal(yield* write("dir/"), "IsDirectory");
    assert.equal(yield* write("fifo"), "UnsupportedFile");
    assert.equal(yield* write("file/x"), "NotADirectory");
    assert.equal(yield* write("/proc/x/y"), "NotFound");
    const large = reasonOf(link.writeFile("file/large", new Uint8Array(1_000_000)));
    assert.equal(yield* large, "NotADirectory");
    assert.equal((yield* link.execute({ command: "echo alive", timeoutMs: 60_000 })).stdout, "alive\n");
  }));

it.live("changedFiles lists what changed newest first and leaves our own files out", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor({ outputBytesMax: 1024 });
    yield* link.writeFile("old", bytes("old"));
    utimesSync(`${workspace}/old`, 1, 1);
    const since = Date.now();
    yield* link.writeFile("sub/first", bytes("1"));
    yield* link.execute({ command: "sleep 0.05; echo 22 > second; ln -s second link; seq 5000", timeoutMs: 60_000 });
    const changed = yield* link.changedFiles(since + 1, 10);
    const seen = changed.map(({ path, sizeBytes }) => [path, sizeBytes]);
    assert.deepEqual(seen.filter(([path]) => path !== `${workspace}/old`), [
      [`${workspace}/second`, 3],
      [`${workspace}/sub/first`, 1],
    ]);
    assert.equal((yield* link.changedFiles(0, 1)).length, 1);
    assert.deepEqual(yield* link.changedFiles(since + 3_600_000, 10), []);
  }));

it.live("changedFiles passes over installed packages, caches, hidden folders and virtual environments", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor({ outputBytesMax: 1024 });
    const command = `mkdir -p kept/deep a/node_modules/x .git/objects __pycache__ mine/lib lib/site-packages
      touch kept/deep/1 a/2 a/node_modules/x/3 .git/objects/4 __pycache__/5 mine/pyvenv.cfg mine/lib/6 lib/site-packages/7 .8`;
    yield* link.execute({ command, timeoutMs: 60_000 });
    const changed = yield* link.changedFiles(0, 100);
    assert.deepEqual(
      changed.map(({ path }) => path.slice(workspace.length + 1)).toSorted(),
      [".8", "a/2", "kept/deep/1"],
    );
  }));

it.live("changedFiles finds what was made and what was written in place beside folders that did not change", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor({ outputBytesMax: 1024 });
    const run = (command: string) => link.execute({ command, timeoutMs: 60_000 });
    yield* run("mkdir -p many/{1..20}/deep flat; for d in many/*/deep flat; do (cd $d; touch {1..20}); done");
    // Time stamps may be a tick of the kernel behind its clock.
    yield* run("sleep 0.1");
    const since = Date.now();
    yield* run(
      "echo a >> many/7/deep/9; echo b >> flat/20; mkdir many/3/deep/new; echo c > many/3/deep/new/made; mv flat/1 many/20/moved",
    );
    const changed = yield* link.changedFiles(since, 100);
    assert.deepEqual(
      changed.map(({ path }) => path.slice(workspace.length + 1)).toSorted(),
      ["flat/20", "many/20/moved", "many/3/deep/new/made", "many/7/deep/9"],
    );
  }));

it.live("changedFiles finds what lies deeper than a path of the kernel can name, as far as a link can", () =>
  Effect.gen(function* () {
    const { link, workspace } = yield* hostSupervisor({ outputBytesMax: 1024 });
    const run = (command: string) => link.execute({ command, timeoutMs: 20_000 });
    // Moved into one another, as no path leads to the last of them.
    const chain = "d/".repeat(700);
    const deeper = `for i in 1 2; do mkdir -p next/${chain}; mv d next/${chain}; mv next/d .; rmdir next; done`;
    const made = yield* run(`mkdir -p ${chain}.git ${chain}node_modules; cd ${chain}; touch f .git/g node_modules/m .h
      mkdir $(printf %0200d 1); touch $(printf %0200d 1)/$(printf %0200d 2); cd ${workspace}; ${deeper}; touch a`);
    assert.equal(made.exitCode, 0, made.stderr);
    const found = Effect.map(
      link.changedFiles(0, 10),
      (changed) => changed.map(({ path }) => path.slice(workspace.length + 1)).toSorted(),
    );
    const deep = chain.repeat(3);
    const [long, longer] = ["1", "2"].map((name) => name.padStart(200, "0"));
    assert.deepEqual(yield* found, ["a", `${deep}${long}/${longer}`, `${deep}.h`, `${deep}f`].toSorted());
    const read = Stream.runCollect(link.readBytes(`${workspace}/${deep}f`));
    assert.deepEqual(yield* read, []);
    // No link could lead to what lies so deep that its path does not fit the head of a request.
    for (let times = 0; times < 3; times++) yield* run(deeper);
    assert.deepEqual(yield* found, ["a"]);
    assert.equal((yield* run("rm -rf d")).exitCode, 0);
  }));

const source = `"""Module words."""
from os import nothing_here_is_run
raise SystemExit

def plain(a, b):
    """Adds.

        Indented.
    """

async def later():
    'Waits.'

def silent(): pass

class Thing:
    """A thing."""
    def method(self):
        """Does."""
        def inner():
            """Deep."""
    @property
    def size(self):
        """Size words."""
    @size.setter
    def size(self, value): pass

if True:
    def conditional():
        """Under a condition."""
`;

it.live("readDocstring finds functions, classes and methods without running the file", () =>
  Effect.gen(function* () {
    const { link, tools } = yield* hostSupervisor();
    mkdirSync(`${tools}/pkg`);
    writeFileSync(`${tools}/pkg/__init__.py`, '"""Package words."""');
    writeFileSync(`${tools}/pkg/mod.py`, source);
    yield* link.writeFile("m.py", bytes(source));
    const expected: Record<string, string> = {
      "": "Module words.",
      plain: "Adds.\n\nIndented.",
      later: "Waits.",
      silent: "",
      Thing: "A thing.",
      "Thing.method": "Does.",
      "Thing.method.inner": "Deep.",
      "Thing.size": "Size words.",
      conditional: "Under a condition.",
    };
    for (const [name, words] of Object.entries(expected)) assert.equal(yield* link.readDocstring("m.py", name), words);
    assert.equal(yield* link.readDocstring("pkg.mod", "plain"), expected.plain);
    assert.equal(yield* link.readDocstring(`${tools}/pkg/mod.py`, "Thing"), "A thing.");
    assert.equal(yield* link.readDocstring("pkg", ""), "Package words.");
    assert.equal(yield* link.readDocstring("m", "later"), "Waits.");
  }));

it.live("readDocstring says what is wrong when there is nothing to find", () =>
  Effect.gen(function* () {
    const { link } = yield* hostSupervisor();
    yield* link.writeFile("m.py", bytes(source));
    yield* link.writeFile("bad.py", bytes("def (:\n"));
    yield* link.writeFile("deep.py", bytes("(".repeat(100_000)));
    yield* link.writeFile("nul.py", bytes("a\0"));
    yield* link.writeFile("huge.py", bytes("#".repeat(2_000_000)));
    const look = (path: string, name: string) => Effect.flip(link.readDocstring(path, name));
    const missing = yield* look("m.py", "Thing.nothing");
    assert.ok(missing instanceof FileError && missing.reason === "NoSuchFunction");
    assert.match(missing.why, /nothing in Thing; it defines method, size/);
    assert.equal(yield* reasonOf(link.readDocstring("m.py", "none")), "NoSuchFunction");
    assert.equal(yield* reasonOf(link.readDocstring("bad.py", "f")), "NotPython");
    assert.equal(yield* reasonOf(link.readDocstring("deep.py", "f")), "NotPython");
    assert.equal(yield* reasonOf(link.readDocstring("nul.py", "f")), "NotPython");
    assert.equal(yield* reasonOf(link.readDocstring("huge.py", "f")), "TooLarge");
    assert.equal(yield* reasonOf(link.readDocstring("none.py", "f")), "NotFound");
    const module = yield* look("no.such.module", "f");
    assert.ok(module instanceof FileError && module.reason === "NotFound");
    assert.match(module.why, /no module no\.such\.module in /);
  }));
