/**
 * A disk of a few megabytes, to be full.
 */
import assert from "node:assert/strict";
import { Effect, type Scope } from "effect";

const diskMb = 4;
const piece = new Uint8Array(4 * 1024);

const run = (command: string, ...args: ReadonlyArray<string>) =>
  new Deno.Command(command, { args: [...args], stderr: "piped" }).output();

/** A file system of a few megabytes, as long as the scope. */
export const smallDisk: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(async () => {
    const path = await Deno.makeTempDir({ prefix: "caisson-disk-" });
    const { success, stderr } = await run("mount", "-t", "tmpfs", "-o", `size=${diskMb}m`, "tmpfs", path);
    assert.ok(success, new TextDecoder().decode(stderr));
    return path;
  }),
  (path) =>
    Effect.promise(async () => {
      await run("umount", "-l", path);
      await Deno.remove(path, { recursive: true });
    }),
);

/** Fills a disk until no byte goes in any more, or but for so many. */
export const fill = (path: string, leftBytes = 0) => {
  using file = Deno.openSync(path, { create: true, append: true });
  try {
    while (true) file.writeSync(piece);
  } catch {
    // It is full.
  }
  if (leftBytes > 0) file.truncateSync(file.statSync().size - leftBytes);
};

/** Whether this machine lets a test make one. */
export const mayMount = async (): Promise<boolean> => {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const path = await Deno.makeTempDir();
  const { success } = await run("mount", "-t", "tmpfs", "tmpfs", path);
  if (success) await run("umount", path);
  return success;
};
