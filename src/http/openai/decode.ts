/**
 * From the bytes of a request to a decoded Chat Completions request.
 */
import { Effect, Schema, SchemaIssue } from "effect";
import { HttpServerError, type HttpServerRequest } from "effect/http";
import { BodyTooLarge, UnsupportedMediaType } from "../../web/BodyError.ts";
import { InvalidRequest } from "../frame/errors.ts";
import { refusedParameter } from "./chat/parameters.ts";
import { ChatRequest } from "./chat/wire.ts";
import { headOf } from "../../domain/cutText.ts";

const parse = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown));
const isObject = Schema.is(Schema.Record(Schema.String, Schema.Unknown));
const decode = Schema.decodeUnknownEffect(ChatRequest);
const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1();

/** Places that hold one of several objects, the field that tells them apart, and its values. */
const alternatives: ReadonlyArray<readonly [RegExp, string, ReadonlyArray<string>]> = [
  [/^messages\.\d+$/, "role", ["system", "developer", "user", "assistant", "tool"]],
  [/^messages\.\d+\.content\.\d+$/, "type", ["text", "image_url", "input_audio", "file"]],
  [/^response_format$/, "type", ["text", "json_object", "json_schema"]],
];

/** Names the field that is wrong: for an object of no known kind, the field that says its kind. */
const told = (path: ReadonlyArray<string>, why: string): { readonly param: string; readonly why: string } => {
  const param = path.join(".");
  const alternative = alternatives.find(([place]) => place.test(param));
  if (alternative === undefined) return { param, why };
  const [, field, values] = alternative;
  return { param: `${param}.${field}`, why: `Expected one of ${values.map((value) => `'${value}'`).join(", ")}` };
};

/** Levels of nesting; a schema of a tool has a dozen, and providers' encoders recurse. */
const depthMax = 256;

const isTooDeep = (body: unknown): boolean => {
  let level = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) return true;
    level = level.flatMap((value) => typeof value === "object" && value !== null ? Object.values(value) : []);
  }
  return false;
};

/** Characters of a decoder's message that are told. */
const whyMax = 300;

/**
 * Reads the text of a JSON body.
 *
 * *Fails with* `UnsupportedMediaType`, `BodyTooLarge`, or `InvalidRequest` when the client stopped sending.
 */
export const readBody = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  bytesMax: number,
): Effect.fn.Return<string, UnsupportedMediaType | BodyTooLarge | InvalidRequest> {
  const contentType = request.headers["content-type"];
  if (contentType !== undefined && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(contentType.trim())) {
    return yield* new UnsupportedMediaType({ contentType });
  }
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return yield* new BodyTooLarge({ bytesMax });
  return yield* Effect.mapError(
    request.text,
    (error) =>
      HttpServerError.isHttpServerError(error) && error.reason._tag === "RequestParseError" &&
        error.reason.reason === "BodyTooLarge"
        ? new BodyTooLarge({ bytesMax })
        : new InvalidRequest({ param: null, why: "The request body could not be read", code: null }),
  );
});

/**
 * Decodes a Chat Completions request.
 *
 * *Fails with* `InvalidRequest`: the text is not JSON, or a field is missing, wrong or not supported;
 * `param` is the path of the first such field.
 */
export const decodeRequest = Effect.fnUntraced(function* (text: string): Effect.fn.Return<ChatRequest, InvalidRequest> {
  const body = yield* Effect.mapError(
    parse(text),
    () =>
      new InvalidRequest({
        param: null,
        why: "We could not parse the JSON body of your request",
        code: "invalid_json",
      }),
  );
  if (!isObject(body) || Array.isArray(body)) {
    return yield* new InvalidRequest({
      param: null,
      why: "Expected the body to be a JSON object",
      code: "invalid_type",
    });
  }
  if (isTooDeep(body)) {
    return yield* new InvalidRequest({
      param: null,
      why: `Expected JSON nested at most ${depthMax} levels deep`,
      code: "invalid_value",
    });
  }
  const refused = refusedParameter(body);
  if (refused !== undefined) return yield* refused;
  return yield* Effect.mapError(decode(body), ({ issue }) => {
    const [first] = issuesOf(issue).issues;
    const { param, why } = told((first?.path ?? []).map(String), first?.message ?? "Invalid request");
    return new InvalidRequest({
      param: param === "" ? null : param,
      why: `Invalid ${param === "" ? "request" : `'${param}'`}: ${headOf(why, whyMax)}`,
      code: "invalid_value",
    });
  });
});
