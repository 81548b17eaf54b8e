/**
 * Cases of the Sandbox contract about files.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { FileError, type FileText } from "../../../src/services/Sandbox.ts";
import { type Cases, collect, eventually, failureOf, ok, run, text } from "./SandboxCases.ts";

/** Registers them for one adapter. */
export const fileCases = ({ withHandle, withLinks }: Cases): void => {
  withHandle(
    "writeFile creates parents and counts bytes when the path is relative",
    (handle) =>
      Effect.gen(function* () {
        assert.equal(yield* handle.writeFile("deep/er/ünï.txt", text("héllo\n")), 7);
        assert.equal(ok(yield* run(handle, "cat /workspace/deep/er/ünï.txt")), "héllo\n");
        assert.equal((yield* handle.readText("/workspace/deep/er/ünï.txt", { offset: 0 })).text, "héllo\n");
        yield* handle.writeFile("deep/er/ünï.txt", text("new"));
        assert.equal((yield* handle.readText("deep/er/ünï.txt", { offset: 0 })).text, "new");
      }),
  );

  withHandle("the workspace is at /mnt/data as well", (handle) =>
    Effect.gen(function* () {
      assert.equal(ok(yield* run(handle, "echo one > /mnt/data/a.txt && cat /workspace/a.txt")), "one\n");
      yield* handle.writeFile("/mnt/data/b.txt", text("two\n"));
      assert.equal(
        ok(yield* run(handle, "cat /workspace/b.txt; python3 -c 'print(open(\"/mnt/data/a.txt\").read())'")),
        "two\none\n\n",
      );
      assert.equal((yield* handle.readText("/mnt/data/a.txt", { offset: 0 })).text, "one\n");
      const paths = (yield* handle.changedFiles(0, 10)).map(({ path }) => path).toSorted();
      assert.deepEqual(paths, ["/workspace/a.txt", "/workspace/b.txt"], "each is listed once");
    }));

  withHandle("readBytes returns what writeFile wrote when it is binary", (handle) =>
    Effect.gen(function* () {
      const content = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 255);
      assert.equal(yield* handle.writeFile("blob.bin", content), content.length);
      assert.deepEqual(yield* collect(handle.readBytes("blob.bin")), content);
      assert.deepEqual(
        yield* collect(handle.readBytes("blob.bin", { offset: 100_000, length: 50 })),
        content.slice(100_000, 100_050),
      );
      assert.equal(yield* failureOf(handle.readText("blob.bin", { offset: 0 })), "NotText");
    }));

  withHandle("readText pages by lines when offset and lineCount are given", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("lines.txt", text("zero\none\ntwo\nthree"));
      assert.deepEqual(yield* handle.readText("lines.txt", { offset: 1, lineCount: 2 }), {
        text: "one\ntwo\n",
        truncated: true,
        next: { offset: 3 },
      });
      assert.deepEqual(yield* handle.readText("lines.txt", { offset: 3 }), { text: "three", truncated: false });
    }));

  withHandle("readText behind the end says how far what is read goes", (handle) =>
    Effect.gen(function* () {
      const end = (path: string, offset: number) =>
        Effect.map(handle.readText(path, { offset }), (page) => {
          assert.deepEqual([page.text, page.truncated, page.next], ["", false, undefined]);
          return page.note;
        });
      yield* handle.writeFile("d/half", text("zero\none\ntwo\nthree"));
      yield* handle.writeFile("d/whole", text("zero\n"));
      yield* handle.writeFile("d/empty", text(""));
      assert.equal(yield* end("d/half", 4), "the file ends before line 4: it has 4 lines");
      assert.equal(yield* end("d/half", 900), "the file ends before line 900: it has 4 lines");
      assert.equal(yield* end("d/whole", 1), "the file ends before line 1: it has 1 line");
      assert.equal(yield* end("d/whole", 2), "the file ends before line 2: it has 1 line");
      assert.equal(yield* end("d/empty", 1), "the file ends before line 1: it has 0 lines");
      assert.equal(yield* end("d/empty", 0), undefined);
      assert.equal(yield* end("d", 3), "the directory ends before entry 3: it has 3 entries");
      // A file that is larger than a look at it.
      yield* handle.writeFile("long", text("line\n".repeat(300_000)));
      assert.equal(yield* end("long", 300_001), "the file ends before line 300001: it has 300000 lines");
    }));

  withHandle(
    "a file that is read-only stays as it is, and says how it can be changed",
    (handle) =>
      Effect.gen(function* () {
        yield* handle.writeFile("locked", text("kept"));
        ok(yield* run(handle, "chmod 444 locked"));
        const refused = yield* Effect.flip(handle.writeFile("locked", text("changed")));
        assert.ok(refused instanceof FileError);
        assert.equal(refused.reason, "ReadOnly");
        assert.match(refused.message, /read-only \(mode 444\).*chmod/);
        assert.equal(ok(yield* run(handle, "cat locked; chmod u+w locked")), "kept");
        yield* handle.writeFile("locked", text("changed"));
        assert.equal(ok(yield* run(handle, "cat locked; stat -c %a locked")), "changed644\n");
      }),
    { needs: "realProcesses" },
  );

  withHandle("readText is readable on when a page ends inside a line", (handle) =>
    Effect.gen(function* () {
      // Letters of three bytes, so that pages do not end between letters by chance.
      const long = "日本語".repeat(400_000);
      yield* handle.writeFile("long.txt", text(`first\n${long}\nlast\n`));
      const pages: Array<string> = [];
      let next: FileText["next"] = { offset: 0 };
      while (next !== undefined) {
        const page: FileText = yield* handle.readText("long.txt", next);
        assert.equal(page.truncated, page.next !== undefined);
        pages.push(page.text);
        next = page.next;
      }
      assert.ok(pages.length > 2, `${pages.length} pages`);
      assert.equal(pages.join(""), `first\n${long}\nlast\n`);
    }));

  withHandle("readText says so when text is not UTF-8", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("latin.txt", Uint8Array.from([0x63, 0x61, 0x66, 0xe9, 0x0a]));
      const told = yield* Effect.result(handle.readText("latin.txt", { offset: 0 }));
      if (told._tag === "Success") {
        assert.equal(told.success.text, "café\n");
        assert.match(told.success.note ?? "", /not UTF-8/);
      } else assert.match(told.failure.message, /not UTF-8/);
      yield* handle.writeFile("utf16.txt", Uint8Array.from([0xff, 0xfe, 0x61, 0, 0x0a, 0]));
      const refused = yield* Effect.flip(handle.readText("utf16.txt", { offset: 0 }));
      assert.ok(refused._tag === "FileError" && refused.reason === "NotText");
      assert.match(refused.why, /UTF-16/);
    }));

  withHandle("file operations take ~ for the workspace, as bash does", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("~/notes/a.py", text('def f():\n  """Said."""\n'));
      assert.match(ok(yield* run(handle, "cat ~/notes/a.py /workspace/notes/a.py")), /def f[^]*def f/);
      assert.match((yield* handle.readText("~/notes/a.py", { offset: 0 })).text, /def f/);
      assert.match((yield* handle.readText("~", { offset: 0 })).text, /notes/);
      assert.equal((yield* collect(handle.readBytes("~/notes/a.py"))).length, 23);
      assert.equal(yield* handle.readDocstring("~/notes/a.py", "f"), "Said.");
    }));

  withLinks(
    "writeFile goes through a link within the workspace, and through none that leads out of it",
    (handle) =>
      Effect.gen(function* () {
        ok(
          yield* run(
            handle,
            "mkdir real; echo old > real/file; ln -s real/file link; ln -s link again; ln -s real/new fresh",
          ),
        );
        ok(yield* run(handle, "ln -s /tmp/out out; ln -s ../tmp/out dots; ln -s round round; echo kept > /tmp/out"));
        for (const [through, to] of [["link", "real/file"], ["again", "real/file"], ["fresh", "real/new"]] as const) {
          yield* handle.writeFile(through, text(through));
          assert.equal(ok(yield* run(handle, `cat ${to}; test -L ${through} && echo link`)), `${through}link\n`);
        }
        for (const path of ["out", "dots"]) {
          assert.equal(yield* failureOf(handle.writeFile(path, text("x"))), "PermissionDenied");
        }
        yield* failureOf(handle.writeFile("round", text("x")));
        assert.equal(ok(yield* run(handle, "cat /tmp/out")), "kept\n");
      }),
  );

  withHandle("readText lists entries when the path is a directory", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("dir/b.txt", text("b"));
      yield* handle.writeFile("dir/sub/c.txt", text("c"));
      const listing = (yield* handle.readText("dir", { offset: 0 })).text;
      assert.match(listing, /b\.txt/);
      assert.match(listing, /sub/);
    }));

  withHandle("file operations fail by reason when the path cannot be used", (handle) =>
    Effect.gen(function* () {
      yield* handle.writeFile("dir/file", text("x"));
      assert.equal(yield* failureOf(handle.readText("absent", { offset: 0 })), "NotFound");
      assert.equal(yield* failureOf(collect(handle.readBytes("absent"))), "NotFound");
      assert.equal(yield* failureOf(handle.writeFile("dir", text("x"))), "IsDirectory");
      assert.equal(yield* failureOf(handle.writeFile("dir/file/below", text("x"))), "NotADirectory");
      assert.equal(yield* failureOf(handle.readText("nul\0byte", { offset: 0 })), "InvalidPath");
    }));

  withLinks("file operations stay harmless when links and dots lead outside", (handle) =>
    Effect.gen(function* () {
      ok(yield* run(handle, "ln -s /etc link; ln -s / root; ln -s loop loop"));
      for (const path of ["link/caisson-evil", "root/caisson-evil", "../caisson-evil", "/caisson-evil"]) {
        const reason = yield* failureOf(handle.writeFile(path, text("x")));
        assert.ok(["ReadOnly", "PermissionDenied", "InvalidPath"].includes(reason), `${path}: ${reason}`);
      }
      const shadow = yield* failureOf(handle.readText("link/shadow", { offset: 0 }));
      assert.ok(["NotFound", "PermissionDenied", "InvalidPath"].includes(shadow), shadow);
      yield* failureOf(handle.readText("loop", { offset: 0 }));
    }));

  withHandle("readText answers at once when the file never ends or is a pipe", (handle) =>
    Effect.gen(function* () {
      ok(yield* run(handle, "mkfifo pipe"));
      assert.equal(yield* failureOf(handle.readText("pipe", { offset: 0 })), "UnsupportedFile");
      assert.equal(yield* failureOf(handle.readText("/dev/zero", { offset: 0 })), "UnsupportedFile");
    }), { needs: "realProcesses" });

  withHandle(
    "readDocstring parses functions, classes and methods and never runs the file",
    (handle) =>
      Effect.gen(function* () {
        yield* handle.writeFile(
          "mod.py",
          text(
            `open("/workspace/ran", "w")\n\ndef f():\n    """Does f."""\n\nasync def g(): pass\n\n` +
              `class C:\n    """A class."""\n    def m(self):\n        """A method."""\n`,
          ),
        );
        assert.equal(yield* handle.readDocstring("mod.py", "f"), "Does f.");
        assert.equal(yield* handle.readDocstring("mod.py", "g"), "");
        assert.equal(yield* handle.readDocstring("mod.py", "C"), "A class.");
        assert.equal(yield* handle.readDocstring("/workspace/mod.py", "C.m"), "A method.");
        assert.equal(yield* failureOf(handle.readDocstring("mod.py", "nothing")), "NoSuchFunction");
        assert.equal(yield* failureOf(handle.readDocstring("absent.py", "f")), "NotFound");
        yield* handle.writeFile("bad.py", text("def (:\n"));
        assert.equal(yield* failureOf(handle.readDocstring("bad.py", "f")), "NotPython");
        assert.equal(yield* failureOf(handle.readText("ran", { offset: 0 })), "NotFound");
      }),
  );

  withHandle(
    "/artifacts keeps what is put there, lists it under that name and hides nothing else",
    (handle) =>
      Effect.gen(function* () {
        assert.equal(ok(yield* run(handle, "ls /workspace; ls /artifacts")), "");
        ok(yield* run(handle, "mkdir -p /artifacts/sub && echo one > /artifacts/sub/one.txt"));
        ok(yield* run(handle, `python3 -c 'open("/artifacts/two.txt", "w").write("two")'`));
        yield* handle.writeFile("/artifacts/three.txt", text("three"));
        yield* handle.writeFile("plain.txt", text("plain"));
        const paths = (yield* handle.changedFiles(0, 10)).map(({ path }) => path);
        assert.deepEqual(paths.toSorted(), [
          "/artifacts/sub/one.txt",
          "/artifacts/three.txt",
          "/artifacts/two.txt",
          "/workspace/plain.txt",
        ]);
        assert.deepEqual(yield* collect(handle.readBytes("/artifacts/sub/one.txt")), text("one\n"));
        assert.equal(ok(yield* run(handle, "ls /workspace; rm -r /workspace/.caisson")), "plain.txt\n");
        ok(yield* run(handle, "echo again > /artifacts/again.txt"));
        assert.equal((yield* handle.changedFiles(0, 10)).length, 2);
      }),
  );

  withLinks(
    "changedFiles lists nothing of elsewhere when /artifacts was turned into a link",
    (handle) =>
      Effect.gen(function* () {
        ok(yield* run(handle, "rm -rf .caisson && mkdir .caisson && ln -s /etc .caisson/artifacts && touch a"));
        assert.deepEqual((yield* handle.changedFiles(0, 10)).map(({ path }) => path), ["/workspace/a"]);
      }),
  );

  withLinks(
    "changedFiles lists the newest first when files changed since a time",
    (handle) =>
      Effect.gen(function* () {
        yield* handle.writeFile("old.txt", text("1"));
        const oldMs = (yield* handle.changedFiles(0, 10))[0]?.modifiedAtMs ?? Number.NaN;
        /** Writes a file until the file system's clock has moved on from a time. */
        const writeAfter = (path: string, content: string, timeMs: number) =>
          eventually(Effect.gen(function* () {
            yield* handle.writeFile(path, text(content));
            const [newest] = yield* handle.changedFiles(0, 1);
            return newest?.path === `/workspace/${path}` && newest.modifiedAtMs > timeMs;
          }));
        // Time stamps may be a tick of the kernel behind its clock, so a listing may reach back that far.
        yield* writeAfter("a.txt", "12", oldMs + 50);
        const since = (yield* handle.changedFiles(0, 1))[0]?.modifiedAtMs ?? Number.NaN;
        ok(yield* run(handle, "mkdir -p sub; ln -s /etc/passwd sub/link"));
        yield* writeAfter("sub/b.txt", "123", since);
        const files = yield* handle.changedFiles(since, 10);
        assert.deepEqual(files.map((file) => [file.path, file.sizeBytes]), [
          ["/workspace/sub/b.txt", 3],
          ["/workspace/a.txt", 2],
        ]);
        assert.equal((yield* handle.changedFiles(since, 1)).length, 1);
        assert.equal((yield* handle.changedFiles(0, 10)).length, 3);
      }),
  );
};
