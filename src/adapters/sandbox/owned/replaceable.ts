/**
 * A handle that outlives its sandbox: one that died between two uses is replaced at the next.
 */
import { Effect, Scope, Stream } from "effect";
import { ownerKey } from "../../../domain/ids.ts";
import type { Owner } from "../../../domain/Owner.ts";
import type { SandboxError, SandboxHandle } from "../../../services/Sandbox.ts";
import type { SupervisorLink } from "../supervisor/SupervisorLink.ts";
import type { HoldJobs } from "./heldJobs.ts";
import type { Deaths } from "./deaths.ts";
import type { Seen } from "./looking.ts";
import type { Closable, PerOwner } from "./PerOwner.ts";

/** An owner's running sandbox as the port's operations see it. */
export interface LinkedSandbox extends Closable {
  readonly id: string;
  readonly link: SupervisorLink;
  readonly seen: Seen;
}

/** The sandbox of one handle: *live*, or *dead* until the next use replaces it. */
class Current {
  constructor(private sandbox: LinkedSandbox, private readonly reopen: Effect.Effect<LinkedSandbox, SandboxError>) {}

  get id(): string {
    return this.sandbox.id;
  }

  /** The link of a live sandbox, a new one's when the last has died. */
  readonly link: Effect.Effect<SupervisorLink, SandboxError> = Effect.suspend(() =>
    this.sandbox.link.isClosed() ? Effect.map(this.reopen, (next) => this.replace(next)) : Effect.succeed(
      this.sandbox.link,
    )
  );

  private replace(next: LinkedSandbox): SupervisorLink {
    this.sandbox = next;
    return next.link;
  }
}

/**
 * Opens an owner's sandbox as a handle of the port, for the current scope.
 *
 * *Details*: the outcome of the first command after a death says that the sandbox was started anew.
 *
 * *Fails with* `SandboxError`, as `PerOwner.open` does; so does each operation that finds it dead.
 */
export const openReplaceable = Effect.fnUntraced(function* (
  owners: PerOwner<LinkedSandbox>,
  deaths: Deaths,
  hold: HoldJobs,
  owner: Owner,
): Effect.fn.Return<SandboxHandle, SandboxError, Scope.Scope> {
  const scope = yield* Effect.scope;
  const key = ownerKey(owner);
  const current = new Current(yield* owners.open(owner), Scope.provide(owners.open(owner), scope));
  const { link } = current;
  return {
    get id() {
      return current.id;
    },
    execute: (request) =>
      Effect.map(Effect.flatMap(link, (live) => live.execute(request)), (outcome) => deaths.tell(key, outcome)),
    runCell: (request) => Effect.flatMap(link, (live) => live.runCell(request)),
    writeFile: (path, content) => Effect.flatMap(link, (live) => live.writeFile(path, content)),
    readText: (path, options) => Effect.flatMap(link, (live) => live.readText(path, options)),
    readBytes: (path, range) => Stream.unwrap(Effect.map(link, (live) => live.readBytes(path, range))),
    readDocstring: (path, name) => Effect.flatMap(link, (live) => live.readDocstring(path, name)),
    changedFiles: (sinceMs, limit) => Effect.flatMap(link, (live) => live.changedFiles(sinceMs, limit)),
    tree: {
      list: (entriesMax) => Effect.flatMap(link, (live) => live.tree.list(entriesMax)),
      room: Effect.flatMap(link, (live) => live.tree.room),
      assemble: (path, parts) => Effect.flatMap(link, (live) => live.tree.assemble(path, parts)),
      putBack: (step) => Effect.flatMap(link, (live) => live.tree.putBack(step)),
    },
    jobs: {
      start: (request) => Effect.flatMap(link, (live) => hold(owner, live.jobs).start(request)),
      list: Effect.flatMap(link, (live) => live.jobs.list),
      read: (id, request) => Effect.flatMap(link, (live) => live.jobs.read(id, request)),
      kill: (id) => Effect.flatMap(link, (live) => live.jobs.kill(id)),
    },
    dial: (port) => Effect.flatMap(link, (live) => live.dial(port)),
  };
});
