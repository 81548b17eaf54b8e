/**
 * `GET /v1/models` and `GET /v1/models/{id}`: what can be chosen as `model`.
 *
 * Chat UIs can choose only a model, so the default model is also listed once per view.
 */
import { Effect, Option, Schema } from "effect";
import { Settings } from "../../config.ts";
import { View } from "../../services/Converter.ts";
import { Model, type ModelInfo } from "../../services/Model.ts";
import { splitModel } from "./chat/views.ts";

/** A model that can be chosen. */
export const ModelOut = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  created: Schema.Int,
  owned_by: Schema.String,
}).annotate({ identifier: "Model" });

/** The models that can be chosen. */
export const ModelList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ModelOut),
  not_listed: Schema.optionalKey(Schema.Array(Schema.String)).annotate({
    description:
      "Providers that did not say now which models they have: theirs may be missing, and can be asked by name.",
  }),
}).annotate({ identifier: "ListModelsResponse" });

/** Which names are listed. */
export const ModelsQuery = {
  views: Schema.optionalKey(Schema.Literals(["true", "false"])).annotate({
    description: "`false` leaves out the names that choose a view.",
  }),
};

/** Seconds since the epoch; models have no date here, and clients want a number. */
const created = 1_767_225_600;

const shown = (id: string, info: ModelInfo): typeof ModelOut.Type => ({
  id,
  object: "model",
  created,
  owned_by: info.provider,
});

/** Builds the handlers of the models' endpoints. */
export const make = Effect.gen(function* () {
  const model = yield* Model;
  const { toolView } = yield* Settings;

  const list = Effect.fnUntraced(function* ({ views = "true" }: { readonly views?: "true" | "false" }) {
    const infos = yield* model.list;
    const silent = yield* model.unlisted ?? Effect.succeed([]);
    const chosen = yield* Effect.option(model.defaultModel);
    return {
      object: "list" as const,
      data: infos.flatMap((info) => [
        shown(info.id, info),
        ...(views === "true" && Option.contains(chosen, info.id)
          ? View.literals.filter((view) => view !== toolView && view !== "events").map((view) =>
            shown(`${info.id}:${view}`, info)
          )
          : []),
      ]),
      ...(silent.length > 0 && { not_listed: silent }),
    };
  });

  const find = (id: string) => Effect.map(model.find(splitModel(id).model), (info) => shown(id, info));

  return { list, find };
});
