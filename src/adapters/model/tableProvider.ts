/**
 * The public names of the routing table as a provider over the providers behind them.
 */
import { Effect, Option, Stream } from "effect";
import type { ModelInfo, ModelParameters } from "../../services/Model.ts";
import type { ModelTable, TableEntry } from "./modelTable.ts";
import type { Provider } from "./Provider.ts";
import { ThinkTags } from "./thinkTags.ts";

/** A name of the table and the provider that runs it. */
export interface TableRoute {
  readonly id: string;
  readonly entry: TableEntry;
  readonly provider: Provider;
}

/** The name under which a route's upstream knows the model. */
const upstreamName = ({ id, entry }: TableRoute): string => entry.model ?? id;

const infoOf = Effect.fnUntraced(function* (route: TableRoute): Effect.fn.Return<ModelInfo> {
  const { id, entry, provider } = route;
  const known = Option.getOrUndefined(yield* provider.find(upstreamName(route)));
  const contextTokens = entry.contextTokens ?? known?.contextTokens;
  return {
    id,
    provider: provider.name,
    vision: entry.vision ?? known?.vision ?? true,
    ...(contextTokens === undefined ? {} : { contextTokens }),
    ...(known?.takes === undefined ? {} : { takes: known.takes }),
    ...(entry.price === undefined ? {} : {
      price: { ...entry.price, cachedInput: entry.price.cachedInput ?? entry.price.input },
    }),
  };
});

const withDefaults = (entry: TableEntry, parameters: ModelParameters): ModelParameters => ({
  ...entry.defaults,
  ...parameters,
});

/** Makes a provider of the table's names; errors and lists show the public names only. */
export const make = (routes: ReadonlyArray<TableRoute>): Provider => {
  const byId = new Map(routes.map((route) => [route.id, route]));
  return {
    name: "table",
    list: Effect.forEach(routes, infoOf, { concurrency: "unbounded" }),
    find: (model) => {
      const route = byId.get(model);
      return route === undefined ? Effect.succeed(Option.none()) : Effect.asSome(infoOf(route));
    },
    stream: (request) => {
      const route = byId.get(request.model);
      if (route === undefined) {
        return Stream.die(new Error(`asked for ${request.model}, which the table does not have`));
      }
      const turn = route.provider.stream({
        ...request,
        model: upstreamName(route),
        parameters: withDefaults(route.entry, request.parameters),
      });
      return route.entry.thinkTags !== true ? turn : Stream.mapAccumArray(
        turn,
        () => new ThinkTags(),
        (tags, events) => [tags, events.flatMap((event) => tags.step(event))],
      );
    },
  };
};

/** The fallbacks of a table, by public name. */
export const fallbacksOf = (table: ModelTable): ReadonlyMap<string, ReadonlyArray<string>> =>
  new Map(
    Object.entries(table).flatMap(([id, { fallbacks }]) =>
      fallbacks === undefined || fallbacks.length === 0 ? [] : [[id, fallbacks] as const]
    ),
  );
