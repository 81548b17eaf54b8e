/**
 * The frames of a WebSocket of `/v1/responses`: what a client asks, and how an error is told.
 */
import { Effect, Option, Schema } from "effect";
import type { JsonError } from "../../../../web/BodyError.ts";
import { parseJson } from "../../../../web/body.ts";
import { quoted } from "../../../../web/errors/Row.ts";
import { type HttpError, InvalidRequest } from "../../../frame/errors.ts";
import { type ReplyOptions, toReply } from "../../../frame/reply.ts";
import { responsesFieldNames } from "../fieldNames.ts";
import type { JsonObject } from "../wire.ts";

/** The only thing that a client asks here. */
const create = "response.create";

/** A lane of OpenAI's: whoever sends several conversations over one socket tells them apart by it. */
const decodeLane = Schema.decodeUnknownOption(Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_.-]{1,256}$/)));
const isObject = Schema.is(Schema.Record(Schema.String, Schema.Unknown));

/** What one frame asks. */
export interface Frame {
  /** The body as `POST /v1/responses` takes it. */
  readonly body: Readonly<Record<string, unknown>>;
  /** False: what is sent is only remembered, so that a later response goes on from it. */
  readonly generates: boolean;
}

const invalid = (param: string | null, why: string, code = "invalid_value") => new InvalidRequest({ param, why, code });

const refusal = (frame: Readonly<Record<string, unknown>>): InvalidRequest | undefined => {
  const { type, stream_id: lane, generate, background } = frame;
  if (type !== create) {
    return typeof type === "string"
      ? invalid("type", `Invalid value: '${quoted(type)}'. Supported values are: '${create}'.`)
      : invalid("type", "Missing required parameter: 'type'.", "missing_required_parameter");
  }
  if (lane !== undefined && Option.isNone(decodeLane(lane))) {
    return invalid("stream_id", "Expected 1 to 256 letters, digits, '_', '.' or '-'");
  }
  if (generate !== undefined && typeof generate !== "boolean") {
    return invalid("generate", "Expected 'generate' to be a boolean");
  }
  return background === true
    ? invalid("background", "Background mode is not supported over WebSocket.", "unsupported_parameter")
    : undefined;
};

/** Reads one frame, the name of its lane apart, because errors of the rest are told under it. */
export const readFrame = Effect.fnUntraced(function* (data: string | Uint8Array) {
  if (typeof data !== "string") {
    return { lane: undefined, frame: Effect.fail(invalid(null, "Expected a text frame", "invalid_type")) };
  }
  const parsed = yield* Effect.result(parseJson(data));
  if (parsed._tag === "Failure") return { lane: undefined, frame: Effect.fail(parsed.failure) };
  const value = parsed.success;
  if (!isObject(value) || Array.isArray(value)) {
    return { lane: undefined, frame: Effect.fail(invalid(null, "Expected a JSON object", "invalid_type")) };
  }
  const refused = refusal(value);
  const { type: _type, stream_id: lane, generate = true, stream: _stream, stream_options: _options, ...body } = value;
  const frame: Effect.Effect<Frame, InvalidRequest | JsonError> = refused === undefined
    ? Effect.succeed({ body, generates: generate === true })
    : Effect.fail(refused);
  return { lane: Option.getOrUndefined(decodeLane(lane)), frame };
});

/** An error of a request that has no response. */
export const errorFrame = (error: HttpError, options: ReplyOptions = {}): JsonObject => {
  const { status, envelope, headers } = toReply(error, { names: responsesFieldNames, ...options });
  return { type: "error", status, error: { ...envelope.error, headers } };
};
