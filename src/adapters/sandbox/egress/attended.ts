/**
 * A sandbox with a way out: its programs' connections go to the Egress port, and what was refused while a command
 * ran stands in its outcome.
 *
 * Clients hide it: pip says that there is no such package, git that it could not connect.
 */
import { Effect, type Scope } from "effect";
import type { Owner } from "../../../domain/Owner.ts";
import { Egress, type EgressConnection, type EgressOffer } from "../../../services/Egress.ts";
import type { SupervisorLink } from "../supervisor/SupervisorLink.ts";

/** The loopback port in the sandbox: beyond those that kernels give out, and that servers are known to take. */
const proxyPort = 61_128;
/** Hosts that one note names; what else was refused is counted. */
const namedMax = 8;

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

  add({ host, port, verdict, why }: EgressConnection): void {
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

interface Noted {
  readonly note?: string;
}

const withNote = <A extends Noted>(outcome: A, note: string | undefined): A =>
  note === undefined ? outcome : { ...outcome, note: outcome.note === undefined ? note : `${outcome.note} ${note}` };

/**
 * Attends to an owner's sandbox until the scope closes.
 *
 * *Details*: a refusal stands in the outcome of every command and cell that ran at that moment: which of them asked
 * cannot be told from here.
 */
export const attended = Effect.fnUntraced(function* (
  link: SupervisorLink,
  owner: Owner,
): Effect.fn.Return<SupervisorLink, never, Scope.Scope> {
  const egress = yield* Egress;
  if (egress.offer === undefined) return link;
  const running = new Set<Refusals>();
  yield* link.attend((stream) =>
    Effect.asVoid(egress.serve(owner, stream, (connection) => {
      for (const refusals of running) refusals.add(connection);
    }))
  );
  const noted = <A extends Noted, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const refusals = new Refusals();
        running.add(refusals);
        return refusals;
      }),
      (refusals) => Effect.map(effect, (outcome) => withNote(outcome, refusals.note)),
      (refusals) => Effect.sync(() => running.delete(refusals)),
    );
  return {
    ...link,
    execute: (request) => noted(link.execute(request)),
    executeUntil: (request, stop) => noted(link.executeUntil(request, stop)),
    executeWithInput: (request, input) => noted(link.executeWithInput(request, input)),
    runCell: (request) => noted(link.runCell(request)),
  };
});
