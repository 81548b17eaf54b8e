import assert from "node:assert/strict";
import { Effect } from "effect";
import { runToEnd } from "../../../../../src/adapters/sandbox/local/childProcess.ts";
import { it } from "../../../../support/it.ts";

/** The process group in a line of /proc/PID/stat, whose second field may hold spaces. */
const groupOf = (stat: string): string => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2] ?? "";

it.live("a child stands in a process group of its own, so that Ctrl-C in a terminal reaches the server alone", () =>
  Effect.gen(function* () {
    // A shell reads both lines, because Deno keeps /proc of its own process to itself.
    const read = `echo $$; cat /proc/$$/stat; cat /proc/${Deno.pid}/stat`;
    const options = { args: ["-c", read], clearEnv: true, env: { PATH: "/usr/bin:/bin" } };
    const [pid, own = "", ofServer = ""] = (yield* runToEnd("/bin/sh", options)).split("\n");
    assert.equal(groupOf(own), pid);
    assert.notEqual(groupOf(own), groupOf(ofServer));
  }));
