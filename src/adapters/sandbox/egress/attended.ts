/**
 * A sandbox with a way out: its programs' connections go to the Egress port, and what they came to while a command
 * ran stands in its outcome, refusals as a note for the model.
 *
 * Clients hide it: pip says that there is no such package, git that it could not connect.
 */
import { Effect, type Scope } from "effect";
import { type EgressRecord, type EgressSummary, EgressTally } from "../../../domain/EgressRecord.ts";
import type { Owner } from "../../../domain/Owner.ts";
import { type DecidedConnection, Egress, type EgressOffer } from "../../../services/Egress.ts";
import type { SupervisorLink } from "../supervisor/SupervisorLink.ts";

/** The loopback port in the sandbox: beyond those that kernels give out, and that servers are known to take. */
const proxyPort = 61_128;
/** Hosts that one note names; what else was refused is counted. */
const namedMax = 8;
/** Kinds of connections that one outcome records, and a sandbox in its life. */
const recordsOfCommandMax = 32;
const recordsOfSandboxMax = 128;

/** What the supervisor must be started with; nothing where nothing may be reached. */
export const egressVariables = (offer: EgressOffer | undefined): Readonly<Record<string, string>> =>
  offer === undefined ? {} : {
    CAISSON_EGRESS_PORT: String(proxyPort),
    ...(Object.keys(offer.variables).length > 0 && {
      CAISSON_EGRESS_VARIABLES: Object.entries(offer.variables).map((pair) => pair.join("=")).join("\n"),
    }),
    ...(offer.certificates !== "" && { CAISSON_EGRESS_CA: offer.certificates }),
  };

/** What was refused while one command ran. */
class Refusals {
  private readonly counts = new Map<string, number>();
  private unnamed = 0;

  add({ host, port, verdict, why }: DecidedConnection): void {
    const text = `${verdict} ${host}:${port}, ${why}`;
    const count = this.counts.get(text);
    if (count === undefined && this.counts.size >= namedMax) this.unnamed += 1;
    else this.counts.set(text, (count ?? 0) + 1);
  }

  get note(): string | undefined {
    if (this.counts.size === 0) return undefined;
    const named = [...this.counts].map(([text, count]) => count === 1 ? text : `${text} (${count}×)`);
    return `Egress: ${named.join("; ")}${this.unnamed === 0 ? "" : `; and ${this.unnamed} more`}.`;
  }
}

/** What programs asked of the network from some moment on, with what connections that still go on have carried. */
class Seen {
  private readonly over: EgressTally;
  private readonly live = new Set<DecidedConnection>();

  constructor(private readonly recordsMax: number) {
    this.over = new EgressTally(recordsMax);
  }

  begin(connection: DecidedConnection): void {
    this.live.add(connection);
  }

  /** Takes what a connection came to; one that was decided before that moment is nothing of these. */
  end(connection: DecidedConnection): void {
    if (this.live.delete(connection)) this.over.add(recordOf(connection));
  }

  get summary(): EgressSummary | undefined {
    const tally = new EgressTally(this.recordsMax);
    const { over } = this;
    if (over.summary !== undefined) tally.addAll(over.summary);
    for (const connection of this.live) tally.add(recordOf(connection));
    return tally.summary;
  }
}

const recordOf = ({ host, port, verdict, why, upBytes, downBytes }: DecidedConnection): EgressRecord => ({
  host,
  port,
  verdict,
  connections: 1,
  upBytes,
  downBytes,
  ...(why !== undefined && { why }),
});

/** What is gathered while one command or cell runs. */
class Watch {
  readonly refusals = new Refusals();
  readonly seen = new Seen(recordsOfCommandMax);
}

interface Noted {
  readonly note?: string;
  readonly egress?: EgressSummary;
}

const noted = <A extends Noted>(outcome: A, { refusals: { note }, seen: { summary } }: Watch): A => {
  if (summary === undefined) return outcome;
  const told = note === undefined ? outcome.note : outcome.note === undefined ? note : `${outcome.note} ${note}`;
  return { ...outcome, egress: summary, ...(told !== undefined && { note: told }) };
};

/**
 * Attends to an owner's sandbox until the scope closes.
 *
 * *Details*: a connection stands in the outcome of every command and cell that ran when it was decided: which of them
 * asked cannot be told from here. What it carried is counted until they end. A job's connections after the call that
 * started it stand only in what the whole sandbox asked.
 */
export const attended = Effect.fnUntraced(function* (
  link: SupervisorLink,
  owner: Owner,
): Effect.fn.Return<SupervisorLink, never, Scope.Scope> {
  const egress = yield* Egress;
  if (egress.offer === undefined) return link;
  const ofSandbox = new Seen(recordsOfSandboxMax);
  // What a person granted was for this sandbox: the next one asks anew.
  if (egress.access !== undefined) yield* Effect.addFinalizer(() => egress.access?.forget(owner) ?? Effect.void);
  const running = new Set<Watch>();
  yield* link.attend((stream) => {
    let decided: DecidedConnection | undefined;
    const onDecided = (connection: DecidedConnection) => {
      decided = connection;
      ofSandbox.begin(connection);
      for (const { refusals, seen } of running) {
        seen.begin(connection);
        if (connection.verdict !== "allowed") refusals.add(connection);
      }
    };
    const settle = Effect.sync(() => {
      if (decided === undefined) return;
      ofSandbox.end(decided);
      for (const { seen } of running) seen.end(decided);
    });
    return Effect.ensuring(Effect.asVoid(egress.serve(owner, stream, onDecided)), settle);
  });
  const watched = <A extends Noted, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const watch = new Watch();
        running.add(watch);
        return watch;
      }),
      (watch) => Effect.map(effect, (outcome) => noted(outcome, watch)),
      (watch) => Effect.sync(() => running.delete(watch)),
    );
  return {
    ...link,
    egressed: () => ofSandbox.summary,
    execute: (request) => watched(link.execute(request)),
    executeUntil: (request, stop) => watched(link.executeUntil(request, stop)),
    executeWithInput: (request, input) => watched(link.executeWithInput(request, input)),
    runCell: (request) => watched(link.runCell(request)),
  };
});
