/**
 * From the bytes of a request to a decoded Chat Completions request.
 */
import { Effect, Schema } from "effect";
import { parseJson } from "../../web/body.ts";
import type { JsonError } from "../../web/BodyError.ts";
import { InvalidRequest } from "../frame/errors.ts";
import { type FirstWrong, firstWrong } from "../frame/firstWrong.ts";
import { chatPastBound, contradictionIn } from "./bounds.ts";
import { leftOut } from "./chat/leftOut.ts";
import { isPlain } from "./chat/plainChat.ts";
import { refusedParameter } from "./chat/parameters.ts";
import { ChatRequest } from "./chat/wire.ts";

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const decode = Schema.decodeUnknownEffect(ChatRequest);

/** Places that hold one of several objects, the field that tells them apart, and its values. */
const alternatives: ReadonlyArray<readonly [RegExp, string, ReadonlyArray<string>]> = [
  [/^messages\.\d+$/, "role", ["system", "developer", "user", "assistant", "tool"]],
  [/^messages\.\d+\.content\.\d+$/, "type", ["text", "image_url", "input_audio", "file"]],
  [/^response_format$/, "type", ["text", "json_object", "json_schema"]],
];

/** Names the field that is wrong: for an object of no known kind, the field that says its kind. */
const told = ({ param, why }: FirstWrong): FirstWrong => {
  const alternative = param === null ? undefined : alternatives.find(([place]) => place.test(param));
  if (alternative === undefined) return { param, why };
  const [, field, values] = alternative;
  return { param: `${param}.${field}`, why: `Expected one of ${values.map((value) => `'${value}'`).join(", ")}` };
};

/** A request, and the places of it that are left out. */
export interface DecodedChat {
  readonly body: ChatRequest;
  readonly leftOut: ReadonlyArray<string>;
}

/**
 * Decodes a Chat Completions request.
 *
 * *Details*: what there may be too many of is counted before anything is decoded.
 *
 * *Fails with* `MalformedJson`, `JsonTooComplex`, and with `InvalidRequest` when a field is missing, wrong or not
 * supported; `param` is the path of the first such field.
 */
export const decodeRequest = Effect.fnUntraced(
  function* (text: string): Effect.fn.Return<DecodedChat, InvalidRequest | JsonError> {
    const body = yield* parseJson(text);
    if (!isObject(body)) {
      return yield* new InvalidRequest({
        param: null,
        why: "Expected the body to be a JSON object",
        code: "invalid_type",
      });
    }
    if (isPlain(body)) return { body, leftOut: [] };
    const tooMany = chatPastBound(body);
    if (tooMany !== undefined) return yield* tooMany;
    const refused = refusedParameter(body);
    if (refused !== undefined) return yield* refused;
    const contradiction = contradictionIn(body);
    if (contradiction !== undefined) return yield* contradiction;
    const decoded = yield* Effect.mapError(decode(body), ({ issue }) => {
      const { param, why } = told(firstWrong(issue));
      const what = param === null ? "request" : `'${param}'`;
      return new InvalidRequest({ param, why: `Invalid ${what}: ${why}`, code: "invalid_value" });
    });
    return { body: decoded, leftOut: leftOut(body) };
  },
);
