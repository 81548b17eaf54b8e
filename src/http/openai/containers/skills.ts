/**
 * `skills` of a container: read and unpacked before there is a container, and as they are answered.
 */
import { Effect, Option, Schema } from "effect";
import type { WishedSkill } from "../../../runs/containerSkills.ts";
import { readSkillBundle } from "../../../runs/skillBundle.ts";
import type { SkillsService } from "../../../services/Skills.ts";
import { quoted } from "../../../web/errors/Row.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import type { JsonObject } from "../responses/wire.ts";

/** Skills that one request may name, and files and bytes of all that it sends along, unpacked. */
const skillsMax = 20;
const filesMax = 500;
const bytesMax = 25 * 1024 * 1024;

/** Characters of a description, as the standard of skills has it. */
const descriptionMax = 1_024;

const Reference = Schema.Struct({
  type: Schema.Literal("skill_reference"),
  skill_id: Schema.String,
  version: Schema.optionalKey(Schema.NullOr(Schema.String)),
});
const Inline = Schema.Struct({
  type: Schema.Literal("inline"),
  name: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$/)),
  description: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(descriptionMax)),
  source: Schema.Struct({
    type: Schema.Literal("base64"),
    media_type: Schema.Literal("application/zip"),
    data: Schema.String,
  }),
});
const decodeReference = Schema.decodeUnknownOption(Reference);
const decodeInline = Schema.decodeUnknownOption(Inline);

type Json = JsonObject[string];

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Fields of a skill that is sent along, in the order in which they are looked at. */
const inlineFields: ReadonlyArray<readonly [field: string, schema: Schema.Schema<unknown>, expected: string]> = [
  ["name", Inline.fields.name, "1 to 64 letters, digits, spaces, '_', '.' and '-', a letter or digit first"],
  ["description", Inline.fields.description, `1 to ${descriptionMax} characters`],
  ["source.type", Inline.fields.source.fields.type, "'base64'"],
  ["source.media_type", Inline.fields.source.fields.media_type, "'application/zip'"],
  ["source.data", Inline.fields.source.fields.data, "a ZIP archive in base64"],
];

/** The first field that is not as it should be. */
const wrongField = (skill: JsonObject): readonly [field: string, expected: string] => {
  const { source } = skill;
  for (const [field, schema, expected] of inlineFields) {
    const at = field.startsWith("source.") ? (isObject(source) ? source[field.slice(7)] : undefined) : skill[field];
    if (!Schema.is(schema)(at)) return [field, expected];
  }
  return ["source", "an archive"];
};

/** Where the operator's skills are in every sandbox, by their names. */
const reference = Effect.fnUntraced(function* (
  { skill_id: id, version }: typeof Reference.Type,
  param: string,
  skills: SkillsService,
): Effect.fn.Return<WishedSkill, InvalidRequest> {
  if (version !== undefined && version !== null && version !== "latest") {
    const why = "Skills have no versions here: expected 'latest', or none";
    return yield* new InvalidRequest({ param: `${param}.version`, why, code: "invalid_value" });
  }
  const found = (yield* skills.catalogue).skills.find(({ name }) => name === id);
  if (found === undefined) {
    const why = `Skill with id '${quoted(id)}' not found: expected the name of a skill of this server`;
    return yield* new InvalidRequest({ param: `${param}.skill_id`, why, code: "skill_not_found" });
  }
  const { name, description, location } = found;
  return { name, description, from: { location } };
});

/** What is left of the bounds of a request. */
interface Left {
  files: number;
  bytes: number;
}

const inline = Effect.fnUntraced(function* (
  { name, description, source: { data } }: typeof Inline.Type,
  param: string,
  left: Left,
): Effect.fn.Return<WishedSkill, InvalidRequest> {
  const refuse = (why: string) => new InvalidRequest({ param: `${param}.source.data`, why, code: "invalid_value" });
  // A packed skill is hardly larger than an unpacked one: more is refused before it is decoded.
  if (data.length / 4 * 3 > 2 * bytesMax) return yield* refuse(`Expected at most ${2 * bytesMax} bytes`);
  const archive = yield* Effect.try({
    try: () => Uint8Array.fromBase64(data),
    catch: () => refuse("Expected base64 data"),
  });
  const bundle = yield* Effect.mapError(
    readSkillBundle(archive, { filesMax: left.files, bytesMax: left.bytes }),
    ({ why }) => refuse(`The archive of the skill '${name}' is refused. ${why}`),
  );
  left.files -= bundle.files.length;
  left.bytes -= bundle.files.reduce((sum, { content }) => sum + content.length, 0);
  return { name, description: description.replace(/\s+/g, " "), from: bundle };
});

/**
 * Reads the skills that a container is to have.
 *
 * *Details*: those that are sent along are unpacked in memory, within bounds that hold for all of a request; a
 * reference names a skill of the operator's.
 *
 * *Fails with* `InvalidRequest`, naming the field, for what is malformed, unknown or beyond the bounds.
 */
export const readSkills = Effect.fnUntraced(function* (
  written: ReadonlyArray<JsonObject> | null | undefined,
  place: string,
  skills: SkillsService,
): Effect.fn.Return<ReadonlyArray<WishedSkill>, InvalidRequest> {
  const at = place === "" ? "skills" : `${place}.skills`;
  const refuse = (param: string, why: string) => new InvalidRequest({ param, why, code: "invalid_value" });
  if ((written?.length ?? 0) > skillsMax) return yield* refuse(at, `At most ${skillsMax} skills are accepted`);
  const left: Left = { files: filesMax, bytes: bytesMax };
  const wished: Array<WishedSkill> = [];
  for (const [index, skill] of (written ?? []).entries()) {
    const param = `${at}[${index}]`;
    const named = decodeReference(skill);
    const sent = decodeInline(skill);
    if (Option.isSome(named)) wished.push(yield* reference(named.value, param, skills));
    else if (Option.isSome(sent)) wished.push(yield* inline(sent.value, param, left));
    else if (skill["type"] === "skill_reference") {
      return yield* refuse(`${param}.skill_id`, "Expected the name of a skill of this server");
    } else if (skill["type"] === "inline") {
      const [field, expected] = wrongField(skill);
      return yield* refuse(`${param}.${field}`, `Expected ${expected}`);
    } else return yield* refuse(`${param}.type`, "Expected 'inline' or 'skill_reference'");
    if (wished.findIndex(({ name }) => name === wished.at(-1)?.name) < index) {
      return yield* refuse(param, `The skill '${wished.at(-1)?.name}' is given twice`);
    }
  }
  return wished;
});

/** Skills as a response repeats them, and stores keep them: without their archives. */
export const withoutArchives = (skills: ReadonlyArray<Json>): ReadonlyArray<Json> =>
  skills.map((skill) => {
    const source = isObject(skill) ? skill["source"] : undefined;
    return isObject(skill) && isObject(source) ? { ...skill, source: { ...source, data: "" } } : skill;
  });
