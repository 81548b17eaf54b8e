/**
 * Skills as resources, so that a client can read their instructions without running a command.
 */
import { Effect, Schema } from "effect";
import type {
  ListResourcesResult,
  ListResourceTemplatesResult,
  ReadResourceResult,
} from "@modelcontextprotocol/sdk/types";
import type { SkillsService } from "../services/Skills.ts";
import { invalidParams, rpcCode, RpcFailure } from "./errors.ts";
import type { MethodHandler } from "./Surface.ts";

/** Media type of a `SKILL.md`. */
export const skillMediaType = "text/markdown";

const uriOf = (name: string): string => `skill://${name}/SKILL.md`;

const templates: ListResourceTemplatesResult = {
  resourceTemplates: [{
    uriTemplate: "skill://{name}/SKILL.md",
    name: "skill",
    title: "Instructions of a skill",
    description: "The SKILL.md of one skill; resources/list names them.",
    mimeType: skillMediaType,
  }],
};

const decodeUri = Schema.decodeUnknownEffect(Schema.Struct({ uri: Schema.String }));

/** Makes the three methods over the skills of this server. */
export const resourceMethods = (skills: SkillsService): ReadonlyArray<readonly [string, MethodHandler]> => [
  ["resources/list", () =>
    Effect.map(skills.catalogue, (catalogue): ListResourcesResult => ({
      resources: catalogue.skills.map(({ name, description }) => ({
        uri: uriOf(name),
        name,
        title: `Skill ${name}`,
        description,
        mimeType: skillMediaType,
      })),
    }))],
  ["resources/templates/list", () => Effect.succeed(templates)],
  [
    "resources/read",
    Effect.fnUntraced(function* (params) {
      const { uri } = yield* Effect.mapError(decodeUri(params), () => invalidParams("resources/read takes a uri"));
      const notFound = new RpcFailure({ code: rpcCode.resourceNotFound, message: "Resource not found", data: { uri } });
      const { skills: all } = yield* skills.catalogue;
      // Only names of the catalogue are read, so no part of a URI ever stands in a path.
      const found = all.find(({ name }) => uriOf(name) === uri);
      if (found === undefined) return yield* notFound;
      const text = yield* Effect.catchTag(skills.read(found.name), "SkillNotFound", () => notFound);
      return { contents: [{ uri, mimeType: skillMediaType, text }] } satisfies ReadResourceResult;
    }),
  ],
];
