import assert from "node:assert/strict";
import { bubblewrapArgs, bubblewrapControls, uidOf } from "../../../../../src/adapters/sandbox/bubblewrap/command.ts";
import { defaults } from "../../../../../src/config.ts";
import { ownerKey } from "../../../../../src/domain/ids.ts";

const key = (user: string) => ownerKey({ principal: "p", user, ephemeral: false });
const places = { workspace: "/data/w", supervisor: "/data/s", tools: undefined, skills: undefined, egress: undefined };

Deno.test("uidOf gives owners ids of their own in the range of sandboxes", () => {
  const ids = Array.from({ length: 100 }, (_, index) => uidOf(key(String(index))));
  assert.equal(new Set(ids).size, 100);
  for (const id of ids) assert.ok(id >= 1_500_000_000 && id < 2 ** 31, String(id));
});

Deno.test("bubblewrapArgs shares nothing, drops everything and binds only what is named", () => {
  const args = bubblewrapArgs(defaults, places);
  for (const flag of ["--unshare-all", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"]) {
    assert.ok(args.includes(flag), flag);
  }
  assert.equal(args[args.indexOf("--cap-drop") + 1], "ALL");
  assert.ok(!args.includes("--share-net"));
  const bound = args.flatMap((arg, index) => /^--(ro-)?bind(-try)?$/.test(arg) ? [`${arg} ${args[index + 1]}`] : []);
  assert.deepEqual(bound, [
    "--ro-bind /usr",
    "--ro-bind-try /etc/alternatives",
    "--ro-bind-try /etc/ld.so.cache",
    "--ro-bind /data/s",
    "--bind /data/w",
  ]);
});

Deno.test("bubblewrapArgs sets every limit of the settings before the supervisor starts", () => {
  const settings = { ...defaults, sandboxMemoryMb: 100, sandboxPidsMax: 17, sandboxOpenFilesMax: 65, sandboxFileMb: 3 };
  const script = bubblewrapArgs(settings, places).at(-1) ?? "";
  assert.match(script, /ulimit -d 102400 && ulimit -u 17 && ulimit -n 65 && ulimit -f 3072 && exec /);
});

Deno.test("bubblewrapControls does not claim a network when one is asked for", () => {
  const network = (sandboxNetwork: "none" | "bridge") =>
    bubblewrapControls({ ...defaults, sandboxNetwork }, true, undefined).find(({ name }) => name === "network")
      ?.applied;
  assert.deepEqual([network("none"), network("bridge")], [true, false]);
});
