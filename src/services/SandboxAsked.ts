/**
 * The moment from which a start only waits for the machine.
 */
import { Context, Effect } from "effect";

/**
 * Carried out once while the Sandbox port is made, when what it asks of the machine is on its way: a process loads the
 * rest of itself meanwhile.
 */
export class SandboxAsked extends Context.Reference<Effect.Effect<void>>("caisson/SandboxAsked", {
  defaultValue: () => Effect.void,
}) {}
