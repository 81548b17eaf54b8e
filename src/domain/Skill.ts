/**
 * Agent Skills as this server knows them: a catalogue entry, and what was wrong with a folder.
 *
 * The format is the public Agent Skills standard: a folder with a `SKILL.md` whose YAML frontmatter
 * names and describes it.
 */
import { Schema } from "effect";

/** A skill as the catalogue shows it; its full text stays on disk until the agent reads it. */
export const Skill = Schema.Struct({
  name: Schema.String,
  /** What it does and when to use it, on one line. */
  description: Schema.String,
  /** Where the agent reads the instructions, such as `/skills/plotting/SKILL.md`. */
  location: Schema.String,
  license: Schema.optionalKey(Schema.String),
  compatibility: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  allowedTools: Schema.optionalKey(Schema.Array(Schema.String)),
});
export type Skill = typeof Skill.Type;

/** Something wrong with a skill: `refused` skills are not offered, the others are despite the warning. */
export const SkillProblem = Schema.Struct({
  /** The folder, as it is called on disk. */
  folder: Schema.String,
  /** The file the problem is in, relative to the skills folder. */
  file: Schema.String,
  /** 1-based. */
  line: Schema.Int,
  message: Schema.String,
  refused: Schema.Boolean,
});
export type SkillProblem = typeof SkillProblem.Type;

/** Every skill found, by name, and everything found wrong. */
export interface SkillCatalogue {
  readonly skills: ReadonlyArray<Skill>;
  readonly problems: ReadonlyArray<SkillProblem>;
}
