/**
 * The agent's own tools and those of further servers as one toolbox.
 */
import { Effect, Layer } from "effect";
import { Settings } from "../../config.ts";
import { Toolbox } from "../../services/Toolbox.ts";

/**
 * Adds the tools of `CAISSON_MCP_SERVERS` to a toolbox; without any it is the toolbox itself.
 *
 * *Details*: the prompt and the health are the inner toolbox's. An own tool wins over a further one of the
 * same name, which the prefix makes unlikely.
 */
export const layer = <E, R>(inner: Layer.Layer<Toolbox, E, R>): Layer.Layer<Toolbox, E, R | Settings> =>
  Layer.effect(
    Toolbox,
    Effect.gen(function* () {
      const toolbox = yield* Toolbox;
      const { mcpServers } = yield* Settings;
      if (Object.keys(mcpServers).length === 0) return toolbox;
      // The MCP client is only loaded where there is a server to speak to.
      const { make } = yield* Effect.promise(() => import("./FurtherServers.ts"));
      const further = yield* make(mcpServers);
      return Toolbox.of({
        ...toolbox,
        open: Effect.fnUntraced(function* (owner) {
          const [own, others] = yield* Effect.all([toolbox.open(owner), further(owner)], { concurrency: 2 });
          const names = new Set(own.declarations.map(({ name }) => name));
          return {
            declarations: [...own.declarations, ...others.declarations.filter(({ name }) => !names.has(name))],
            call: (call, options = {}) =>
              (names.has(call.name) ? undefined : others.call(call, options)) ?? own.call(call, options),
          };
        }),
      });
    }),
  ).pipe(Layer.provide(inner));
