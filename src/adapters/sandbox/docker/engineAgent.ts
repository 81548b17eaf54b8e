/**
 * The connections to the engine's socket.
 */
import { Agent } from "node:http";
import { inspect } from "node:util";

/**
 * Opens a connection for each call to the engine and shows itself as one word.
 *
 * *Details*: without keep-alive on purpose: Deno sends an aborted request again when its socket was
 * reused, so an interrupted create would make a second container. One word, because the engine's client
 * library renders the options of every call, however deep, for a debug line that nobody prints; through
 * an agent it reaches every socket and call under way, which held the event loop for seconds when many
 * sandboxes started at once.
 */
export class EngineAgent extends Agent {
  constructor() {
    super({ keepAlive: false });
  }
  [inspect.custom](): string {
    return "EngineAgent";
  }
}
