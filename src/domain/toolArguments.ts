/**
 * The arguments of a tool call as models write them, read as the tool's schema takes them.
 *
 * Many models write numbers and booleans as text (`"timeout": "5"`), null where they mean nothing, and nothing at all
 * where every argument is optional. What a call is stored and answered with stays what the model sent.
 */
import { Effect, Schema } from "effect";
import { jsonSchemaOf } from "./agentTools.ts";
import type { ToolCall } from "./Message.ts";

/** A number as JSON writes it. */
const numberText = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
/** Characters of a number; a longer text is none that anybody meant. */
const numberCharsMax = 40;

const booleanTexts: Readonly<Record<string, boolean>> = { true: true, false: false };

/** What a text of exactly a number or boolean is meant as where a schema says so; anything else as it is. */
const meantAs = (type: unknown, value: unknown): unknown => {
  if (typeof value !== "string") return value;
  if (type === "boolean") return Object.hasOwn(booleanTexts, value) ? booleanTexts[value] : value;
  const isNumber = (type === "number" || type === "integer") && value.length <= numberCharsMax &&
    numberText.test(value);
  return isNumber ? Number(value) : value;
};

const decodeProperties = Schema.decodeUnknownSync(
  Schema.Struct({
    properties: Schema.optionalKey(
      Schema.Record(Schema.String, Schema.Struct({ type: Schema.optionalKey(Schema.Unknown) })),
    ),
  }),
);

/** Makes what reads the arguments of a tool as they are meant, to be checked by its schema. */
export const argumentsMeant = (
  schema: Schema.Top,
): (given: Readonly<Record<string, unknown>>) => Record<string, unknown> => {
  const { properties = {} } = decodeProperties(jsonSchemaOf(schema));
  return (given) =>
    Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== null).map((
        [name, value],
      ) => [name, Object.hasOwn(properties, name) ? meantAs(properties[name]?.type, value) : value]),
    );
};

/** Any object, from the text of a call's arguments. */
export const ArgumentsObject = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown));

const parseArguments = Schema.decodeUnknownEffect(ArgumentsObject);

/**
 * A call whose arguments came as an object. Their text is written when somebody asks for it, which whoever carries the
 * call out does not: of a file of megabytes it takes longer than the writing.
 */
export class ObjectCall implements ToolCall {
  #json: string | undefined;

  constructor(readonly id: string, readonly name: string, readonly given: Readonly<Record<string, unknown>>) {}

  get argumentsJson(): string {
    this.#json ??= JSON.stringify(this.given);
    return this.#json;
  }
}

/** The arguments of a call. *Fails with* `SchemaError` when they are no JSON object; none at all are an empty one. */
export const argumentsOf = (
  call: ToolCall,
): Effect.Effect<Readonly<Record<string, unknown>>, Schema.SchemaError> =>
  call instanceof ObjectCall
    ? Effect.succeed(call.given)
    : parseArguments(call.argumentsJson.trim() === "" ? "{}" : call.argumentsJson);

/**
 * Makes what decodes the arguments of a call by the schema of its tool.
 *
 * *Fails with* `SchemaError` when they are no JSON object, or not what the schema takes.
 */
export const argumentsDecoder = <A, E>(schema: Schema.Codec<A, E>) => {
  const decode = Schema.decodeUnknownEffect(schema);
  const meant = argumentsMeant(schema);
  return (call: ToolCall) => Effect.flatMap(argumentsOf(call), (given) => decode(meant(given)));
};
