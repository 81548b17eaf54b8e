/**
 * What further servers offer, asked for now and then, and kept while a server is away.
 */
import { Cache, Duration, Effect, Exit } from "effect";
import type { ToolDeclaration } from "../../domain/Tool.ts";

/** How long a tool list is used before it is asked for again. */
const toolsFresh = Duration.minutes(10);
/** How long a server that could not be reached is left alone. */
const unreachableRest = Duration.seconds(30);
/** Servers whose lists are kept; a deployment names a few. */
const serversMax = 256;

type ToolList = ReadonlyArray<ToolDeclaration>;

/**
 * Makes the lists over a way to ask one server; what it yields tells a server's tools by its name.
 *
 * *Details*: a server that is away keeps the tools it was last known to have, because a list that comes and goes
 * would change every prompt and cost the provider's cache of it; calling one of them says that the server is
 * away. One that was never reached has none.
 */
export const makeToolLists = Effect.fnUntraced(function* <E>(ask: (name: string) => Effect.Effect<ToolList, E>) {
  const lastKnown = new Map<string, ToolList>();
  const lists = yield* Cache.makeWith(ask, {
    capacity: serversMax,
    timeToLive: (exit) => Exit.isSuccess(exit) ? toolsFresh : unreachableRest,
  });
  return (name: string): Effect.Effect<ToolList> =>
    Cache.get(lists, name).pipe(
      Effect.tap((found) => Effect.sync(() => lastKnown.set(name, found))),
      Effect.catch((error) => {
        const known = lastKnown.get(name);
        const what = known === undefined ? "is left out" : "is away; its tools are offered as they were";
        return Effect.as(Effect.logWarning(`further MCP server ${what}`, name, error), known ?? []);
      }),
    );
});
