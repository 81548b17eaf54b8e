/**
 * Who may open one more MCP session: a small machine over counts, without a clock and without effects.
 *
 * A caller chooses the users it names, so users alone bound nothing: a principal has a share of the server,
 * and when there is no place left, the one that holds most gives up the session it has not used for longest.
 */
import { TooManySessions } from "./errors.ts";

/** Whose session it is: the claim that opened it, and the principal behind the claim. */
export interface Holder {
  readonly claim: string;
  readonly principal: string;
}

/** A session that has a place. */
export interface Occupant extends Holder {
  /** Nothing of it is open and nothing of it runs, so that ending it takes nothing from anybody. */
  readonly isIdle: () => boolean;
  readonly lastUsedMs: number;
}

/** What becomes of the wish for one more session. */
export type Verdict<O> =
  | { readonly _tag: "Open" }
  /** There is a place once this session is gone. */
  | { readonly _tag: "Replace"; readonly idlest: O }
  | { readonly _tag: "Refuse"; readonly error: TooManySessions };

/** How many sessions there may be. */
export interface PlacesLimits {
  readonly mcpSessionsPerOwnerMax: number;
  readonly mcpSessionsMax: number;
}

/** The part of all sessions that one principal may hold: whatever it does, others find room. */
const principalShare = 3 / 4;

/** The places of one server. */
export interface Places<O extends Occupant> {
  /** Decides on one more session, without taking its place. */
  readonly decide: (holder: Holder) => Verdict<O>;
  readonly enter: (occupant: O) => void;
  /** Frees a place; doing so twice frees it once. */
  readonly leave: (occupant: O) => void;
}

const count = (counts: Map<string, number>, key: string, by: 1 | -1): void => {
  const now = (counts.get(key) ?? 0) + by;
  if (now > 0) counts.set(key, now);
  else counts.delete(key);
};

/** Makes the places of a server: all free. */
export const makePlaces = <O extends Occupant>(limits: PlacesLimits): Places<O> => {
  const occupants = new Set<O>();
  const byClaim = new Map<string, number>();
  const byPrincipal = new Map<string, number>();
  const principalMax = Math.max(1, Math.floor(limits.mcpSessionsMax * principalShare));

  /** Looked for only at a bound, so a walk over all sessions is cheap enough. */
  const idlestOf = (principal: string): O | undefined => {
    let idlest: O | undefined;
    for (const occupant of occupants) {
      if (occupant.principal !== principal || !occupant.isIdle()) continue;
      if (idlest === undefined || occupant.lastUsedMs < idlest.lastUsedMs) idlest = occupant;
    }
    return idlest;
  };

  const largest = (): string | undefined => {
    let found: string | undefined;
    for (const [principal, held] of byPrincipal) {
      if (held > (byPrincipal.get(found ?? "") ?? 0)) found = principal;
    }
    return found;
  };

  const refuse = (scope: TooManySessions["scope"], limit: number): Verdict<O> => ({
    _tag: "Refuse",
    error: new TooManySessions({ scope, limit }),
  });
  const replace = (idlest: O | undefined, scope: TooManySessions["scope"], limit: number): Verdict<O> =>
    idlest === undefined ? refuse(scope, limit) : { _tag: "Replace", idlest };

  return {
    decide: ({ claim, principal }) => {
      if ((byClaim.get(claim) ?? 0) >= limits.mcpSessionsPerOwnerMax) {
        return refuse("owner", limits.mcpSessionsPerOwnerMax);
      }
      const held = byPrincipal.get(principal) ?? 0;
      if (held >= principalMax) return replace(idlestOf(principal), "principal", principalMax);
      if (occupants.size < limits.mcpSessionsMax) return { _tag: "Open" };
      const giver = largest();
      // Who holds no more than the one that asks owes it nothing.
      const owes = giver !== undefined && (byPrincipal.get(giver) ?? 0) > held;
      return replace(idlestOf(owes ? giver : principal), "server", limits.mcpSessionsMax);
    },
    enter: (occupant) => {
      occupants.add(occupant);
      count(byClaim, occupant.claim, 1);
      count(byPrincipal, occupant.principal, 1);
    },
    leave: (occupant) => {
      if (!occupants.delete(occupant)) return;
      count(byClaim, occupant.claim, -1);
      count(byPrincipal, occupant.principal, -1);
    },
  };
};
