/**
 * Skills that are sent as archives: what is unpacked, and what is refused before anything is.
 */
import assert from "node:assert/strict";
import { Effect, Result } from "effect";
import { type Zippable, zipSync } from "fflate";
import { zipEntries } from "../../../src/domain/zipEntries.ts";
import { readSkillBundle } from "../../../src/runs/skillBundle.ts";
import { it } from "../../support/it.ts";

const bounds = { filesMax: 20, bytesMax: 100_000 };
const bytes = (text: string) => new TextEncoder().encode(text);
const skill = { "SKILL.md": bytes("---\nname: a\ndescription: b\n---\n"), "scripts/run.sh": bytes("echo 1\n") };
const long = bytes("la ".repeat(20_000));

const read = (archive: Uint8Array, of = bounds) => Effect.result(readSkillBundle(archive, of));
const refusal = (archive: Uint8Array, of = bounds) =>
  Effect.map(read(archive, of), (result) => Result.isFailure(result) ? result.failure.why : "taken");
/** The mode of a Unix file, as an archive has it. */
const unix = (mode: number) => ({ os: 3, attrs: mode << 16 });

/** A copy with the record at a place, counted from where a signature last stands, changed. */
const patched = (archive: Uint8Array, signature: number, offset: number, value: number, size: 2 | 4 = 4) => {
  const copy = archive.slice();
  const view = new DataView(copy.buffer);
  for (let at = copy.length - 4; at >= 0; at--) {
    if (view.getUint32(at, true) !== signature) continue;
    if (size === 4) view.setUint32(at + offset, value, true);
    else view.setUint16(at + offset, value, true);
    return copy;
  }
  return assert.fail("no such record");
};
const central = 0x02014b50;
const end = 0x06054b50;

it.effect("a skill is read from the top of its archive or from its one folder, packed or not", () =>
  Effect.gen(function* () {
    const wanted = [["SKILL.md", "---\nname: a\ndescription: b\n---\n"], ["scripts/run.sh", "echo 1\n"]];
    const nested = {
      "my-skill/": new Uint8Array(),
      "my-skill/SKILL.md": skill["SKILL.md"],
      "my-skill/scripts": {
        "run.sh": skill["scripts/run.sh"],
      },
    };
    const files = [skill, nested, { ...skill, "__MACOSX/._SKILL.md": bytes("x"), ".DS_Store": bytes("x") }];
    for (const each of files) {
      for (const level of [0, 9] as const) {
        const { files, sha256 } = yield* readSkillBundle(zipSync(each, { level }), bounds);
        assert.deepEqual(
          files.map(({ name, content }) => [name, new TextDecoder().decode(content)]).toSorted(),
          wanted,
        );
        assert.match(sha256, /^[0-9a-f]{64}$/);
      }
    }
    const unpacked = yield* readSkillBundle(zipSync({ ...skill, "long.txt": long, "empty": bytes("") }), bounds);
    assert.deepEqual(unpacked.files.map(({ content }) => content.length).toSorted((a, b) => a - b), [0, 7, 31, 60_000]);
  }));

it.effect("what leads out of the folder, is no file or stands in the way is refused by its name", () =>
  Effect.gen(function* () {
    const names = [
      "../a",
      "a/../b",
      "/etc/passwd",
      "a//b",
      "./a",
      "C:a",
      "a\\b",
      "a\nb",
      "x".repeat(256),
      "d/".repeat(17) + "f",
    ];
    for (const name of names) {
      assert.match(yield* refusal(zipSync({ ...skill, [name]: bytes("x") })), /is no name of a file below/, name);
    }
    const link: Zippable = { ...skill, link: [bytes("/etc/passwd"), unix(0o120777)] };
    assert.equal(yield* refusal(zipSync(link)), "'link' is a link or another special file");
    for (const kind of [0o010644, 0o020644, 0o060644, 0o140644]) {
      assert.match(yield* refusal(zipSync({ ...skill, odd: [bytes(""), unix(kind)] })), /special file/);
    }
    assert.equal(yield* refusal(zipSync({ ...skill, plain: [bytes(""), unix(0o100755)] })), "taken");
    assert.equal(
      yield* refusal(zipSync({ ...skill, scripts: bytes("x") })),
      "'scripts/run.sh' stands where another file does",
    );
    const twice = zipSync({ "SKILL.md": bytes("a"), "SKILL.mb": bytes("b") }, { level: 0 });
    const text = new TextDecoder("latin1").decode(twice).replaceAll("SKILL.mb", "SKILL.md");
    const forged = Uint8Array.from(text, (char) => char.charCodeAt(0));
    assert.equal(yield* refusal(forged), "'SKILL.md' stands where another file does");
    assert.match(yield* refusal(zipSync({ "README.md": bytes("x") })), /has no SKILL\.md/);
    assert.match(yield* refusal(zipSync({ "a/SKILL.md": bytes("x"), "b/x": bytes("x") })), /has no SKILL\.md/);
  }));

it.effect("an archive that holds more than it may, or than it says, is refused without being unpacked", () =>
  Effect.gen(function* () {
    const large = zipSync({ ...skill, bomb: new Uint8Array(100_000) });
    assert.ok(large.length < 1_000);
    assert.equal(yield* refusal(large), "Its files have more than 100000 bytes");
    assert.equal(yield* refusal(zipSync(skill), { ...bounds, filesMax: 1 }), "It has more than 1 files");
    // It says of the last file that it is small, and small the last file stays.
    const lies = zipSync({ ...skill, bomb: new Uint8Array(5_000_000) });
    assert.equal(yield* refusal(patched(lies, central, 24, 10)), "'bomb' is damaged");
    assert.equal(yield* refusal(patched(lies, central, 24, 0)), "'bomb' is damaged");
    const honest = zipSync({ ...skill, last: long });
    assert.equal(yield* refusal(patched(honest, central, 24, 60_001)), "'last' is damaged");
    assert.equal(yield* refusal(patched(honest, central, 16, 1)), "'last' is damaged");
    assert.equal(yield* refusal(patched(honest, central, 20, 0xffff_fff0)), "'last' is damaged");
    assert.equal(yield* refusal(patched(honest, central, 42, 0xffff_fff0)), "'last' is damaged");
    assert.match(yield* refusal(patched(honest, central, 8, 1, 2)), /is encrypted/);
    assert.match(yield* refusal(patched(honest, central, 10, 12, 2)), /packed in a way/);
    assert.match(yield* refusal(patched(honest, central, 24, 0xffff_ffff)), /too large/);
    assert.match(yield* refusal(patched(honest, end, 4, 1, 2)), /several parts/);
    assert.match(yield* refusal(patched(honest, end, 10, 9, 2)), /table of files is damaged/);
    assert.match(yield* refusal(patched(honest, end, 16, 0xffff_fff0)), /table of files is damaged/);
  }));

it.effect("no bytes make the reader throw or wait", () =>
  Effect.gen(function* () {
    const whole = zipSync({ ...skill, "long.txt": long });
    for (let length = 0; length < whole.length; length++) {
      assert.ok(Result.isFailure(zipEntries(whole.subarray(0, length), bounds)));
    }
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 0xff, (whole[at] ?? 0) ^ 0x55]) {
        const broken = whole.slice();
        broken[at] = value;
        const result = zipEntries(broken, bounds);
        if (Result.isSuccess(result)) yield* read(broken);
      }
    }
    assert.equal(yield* refusal(new Uint8Array()), "It is no ZIP archive");
    assert.equal(yield* refusal(new Uint8Array(1_000_000)), "It is no ZIP archive");
  }));
