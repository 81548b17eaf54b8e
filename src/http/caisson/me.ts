/**
 * `GET /v1/me`: for whom the caller speaks, and what this server offers it.
 */
import { Effect, Option, Schema } from "effect";
import { Settings } from "../../config.ts";
import { Model } from "../../services/Model.ts";
import { Previews } from "../../services/Previews.ts";
import { Sandbox } from "../../services/Sandbox.ts";
import { Caller } from "../frame/Caller.ts";

/** Who calls. */
export const MeOut = Schema.Struct({
  object: Schema.Literal("me"),
  principal: Schema.String,
  kind: Schema.String.annotate({ description: "How the principal is known: anonymous, a key, a token." }),
  user: Schema.String.annotate({ description: "The user within the principal; empty where none was named." }),
  default_model: Schema.NullOr(Schema.String).annotate({ description: "Null while no provider offers a model." }),
  features: Schema.Array(Schema.String).annotate({ description: "What not every server offers." }),
}).annotate({ identifier: "Me" });

/** Builds the handler of the endpoint. */
export const make = Effect.gen(function* () {
  const models = yield* Model;
  const { stop } = yield* Sandbox;
  const previews = yield* Previews;
  const { rewindFiles } = yield* Settings;
  const features = [
    "archive",
    "delete",
    ...(rewindFiles === "off" ? [] : ["diff"]),
    ...(previews.off === undefined ? ["previews"] : []),
    ...(stop === undefined ? [] : ["sandbox_stop"]),
  ];
  return Effect.fnUntraced(function* (query: { readonly user?: string }) {
    const caller = yield* Caller;
    const { principal } = caller.identity;
    const owner = caller.ownerOf(query);
    return {
      object: "me",
      principal: principal.name,
      kind: principal.kind,
      user: owner.ephemeral ? "" : owner.user,
      default_model: Option.getOrNull(yield* Effect.option(models.defaultModel)),
      features,
    } satisfies typeof MeOut.Type;
  });
});
