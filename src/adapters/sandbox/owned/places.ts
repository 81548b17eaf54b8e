/**
 * How many sandboxes there may be: in all, and for one principal.
 */
import { NoCapacity, SandboxError } from "../../../services/Sandbox.ts";

/** The most sandboxes at once, those being started and stopped included. */
export interface PlaceLimits {
  readonly countMax: number;
  /** For one principal. */
  readonly countPerPrincipalMax: number;
}

/** Places taken and left. */
export class Places {
  private readonly ofPrincipals = new Map<string, number>();
  private taken = 0;

  constructor(private readonly limits: PlaceLimits) {}

  get count(): number {
    return this.taken;
  }

  /** Takes a place, or says which limit stands in the way: the principal's own before that of the server. */
  take(principal: string): "taken" | "principal is full" | "server is full" {
    const own = this.countOf(principal);
    if (own >= this.limits.countPerPrincipalMax) return "principal is full";
    if (this.taken >= this.limits.countMax) return "server is full";
    this.taken++;
    this.ofPrincipals.set(principal, own + 1);
    return "taken";
  }

  leave(principal: string): void {
    this.taken--;
    const left = this.countOf(principal) - 1;
    if (left <= 0) this.ofPrincipals.delete(principal);
    else this.ofPrincipals.set(principal, left);
  }

  /** The error of a principal for whom nobody can make room. */
  refusal(principal: string, full: "principal is full" | "server is full"): SandboxError {
    const { countMax, countPerPrincipalMax } = this.limits;
    return new SandboxError({
      reason: full === "principal is full"
        ? new NoCapacity({ scope: "principal", limit: countPerPrincipalMax })
        : new NoCapacity({ scope: "server", limit: countMax }),
      detail: `${this.taken} sandboxes in all, ${this.countOf(principal)} of this principal, none idle`,
    });
  }

  private countOf(principal: string): number {
    return this.ofPrincipals.get(principal) ?? 0;
  }
}
