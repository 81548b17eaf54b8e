/**
 * `/v1/sandbox/previews`: links to web servers that run in a user's sandbox.
 */
import { Effect, Option, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import type { Owner } from "../../domain/Owner.ts";
import { type Preview, Previews, type PreviewsService } from "../../services/Previews.ts";
import { Bodies } from "../../web/body.ts";
import { Caller } from "../frame/Caller.ts";
import { InvalidRequest, PreviewNotFound } from "../frame/errors.ts";
import { firstWrong } from "../frame/firstWrong.ts";
import { json } from "../frame/respond.ts";

/** A port under a link. */
export const PreviewOut = Schema.Struct({
  object: Schema.Literal("sandbox.preview"),
  port: Schema.Int,
  url: Schema.String.annotate({ description: "Opens the preview for whoever has it, until expires_at." }),
  expires_at: Schema.Int.annotate({ description: "Unix seconds" }),
}).annotate({ identifier: "SandboxPreview" });

/** A user's links. */
export const PreviewList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(PreviewOut),
}).annotate({ identifier: "ListSandboxPreviewsResponse" });

const Port = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 }));

/** Which port. */
export const PreviewRequest = Schema.Struct({
  port: Port.annotate({ description: "A TCP port on which a program in the sandbox serves HTTP" }),
}).annotate({ identifier: "CreateSandboxPreviewRequest" });

/** Describes the body with an example, which the reference page shows. */
export const describePreview = (operation: Record<string, unknown>): Record<string, unknown> => ({
  ...operation,
  requestBody: {
    required: true,
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/CreateSandboxPreviewRequest" },
        example: { port: 8000 },
      },
    },
  },
});

/** A preview as the API shows it. */
const previewOut = ({ port, url, expiresAtMs }: Preview): typeof PreviewOut.Type => ({
  object: "sandbox.preview",
  port,
  url,
  expires_at: Math.floor(expiresAtMs / 1000),
});

interface UserQuery {
  readonly user?: string;
}

/** Bytes of a body that names a port, with room. */
const bodyBytesMax = 4 * 1024;

const decodeRequest = Schema.decodeUnknownEffect(Schema.fromJsonString(PreviewRequest), { onExcessProperty: "error" });
const decodePort = Schema.decodeUnknownEffect(Schema.fromJsonString(Port));

const notPort = ({ issue }: Schema.SchemaError) =>
  new InvalidRequest({
    param: firstWrong(issue).param ?? "port",
    why: "Expected an object with port, a whole number from 1 to 65535, and nothing else",
    code: "invalid_value",
  });

const nobodyNamed = () =>
  new InvalidRequest({
    param: "user",
    why: "Name a user: the sandbox of a request without one ends with the request",
    code: null,
  });

/** The links of an owner as the API shows them. */
export const previewsOf = (previews: PreviewsService, owner: Owner) =>
  Effect.map(previews.list(owner), (list) => list.map(previewOut));

/** Builds the handlers of the previews' endpoints. */
export const make = Effect.gen(function* () {
  const previews = yield* Previews;
  const bodies = yield* Bodies;

  const listOf = (owner: Owner) =>
    Effect.map(previewsOf(previews, owner), (data): typeof PreviewList.Type => ({ object: "list", data }));

  const list = Effect.fnUntraced(function* (query: UserQuery) {
    return yield* listOf((yield* Caller).ownerOf(query));
  });

  const create = Effect.fnUntraced(function* (query: UserQuery) {
    const request = yield* HttpServerRequest.HttpServerRequest;
    const owner = (yield* Caller).ownerOf(query);
    const text = yield* bodies.text(request, { bytesMax: bodyBytesMax, typed: true });
    const { port } = yield* Effect.mapError(decodeRequest(text), notPort);
    if (owner.ephemeral) return yield* nobodyNamed();
    return json(previewOut(yield* previews.open(owner, port)));
  });

  const end = Effect.fnUntraced(function* (port: string, query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    const asked = yield* Effect.option(decodePort(port));
    const ended = Option.isNone(asked) ? 0 : yield* previews.end(owner, asked.value);
    if (ended === 0) return yield* new PreviewNotFound({ port });
    return yield* listOf(owner);
  });

  const endAll = Effect.fnUntraced(function* (query: UserQuery) {
    const owner = (yield* Caller).ownerOf(query);
    yield* previews.end(owner);
    return yield* listOf(owner);
  });

  return { list, create, end, endAll };
});
