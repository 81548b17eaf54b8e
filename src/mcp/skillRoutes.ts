/**
 * `GET /skills` and `GET /skills/{name}`: the catalogue and one skill's text, for people and scripts.
 */
import { Effect, Schema } from "effect";
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http";
import type { SkillsService } from "../services/Skills.ts";
import { answerOf, type Refusal } from "./errors.ts";
import { skillMediaType } from "./resourceMethods.ts";

/** Answers refusals as `/mcp` does. */
export const orRefusal = <R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Refusal, R>) =>
  Effect.catch(effect, (refusal) => {
    const { status, headers, body } = answerOf(refusal);
    return Effect.succeed(HttpServerResponse.jsonUnsafe(body, { status, headers }));
  });

const params = HttpRouter.schemaPathParams(Schema.Struct({ name: Schema.String }));

/** Makes both handlers; `admit` refuses strangers. */
export const skillRoutes = (
  skills: SkillsService,
  admit: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<unknown, Refusal>,
) => ({
  catalogue: (request: HttpServerRequest.HttpServerRequest) =>
    orRefusal(
      admit(request).pipe(
        Effect.andThen(skills.catalogue),
        Effect.map(({ skills: all }) =>
          HttpServerResponse.jsonUnsafe({
            skills: all.map(({ name, description, location }) => ({ name, description, location })),
          })
        ),
      ),
    ),
  one: (request: HttpServerRequest.HttpServerRequest) =>
    orRefusal(
      admit(request).pipe(
        Effect.andThen(Effect.orDie(params)),
        Effect.flatMap(({ name }) => skills.read(name)),
        Effect.map((text) => HttpServerResponse.text(text, { contentType: `${skillMediaType}; charset=utf-8` })),
        Effect.catchTag("SkillNotFound", ({ available }) =>
          Effect.succeed(
            HttpServerResponse.jsonUnsafe({ error: "There is no such skill", available }, { status: 404 }),
          )),
      ),
    ),
});
