/**
 * The Skills port: the Agent Skills that a deployment offers to its agent.
 *
 * The catalogue goes into the system prompt; a skill's text is read by the agent in its sandbox, and
 * served to MCP clients from here.
 */
import { Context, Effect, Schema } from "effect";
import type { SkillCatalogue } from "../domain/Skill.ts";

/** There is no such skill. */
export class SkillNotFound extends Schema.TaggedError<SkillNotFound>()("SkillNotFound", {
  skill: Schema.String,
  available: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return `There is no skill named '${this.skill}'. Available: ${this.available.join(", ") || "none"}`;
  }
}

/** What a store of skills offers. */
export interface SkillsService {
  /** The skills as they are now, sorted by name; a folder that cannot be read is a problem in it, not an error. */
  readonly catalogue: Effect.Effect<SkillCatalogue>;
  /** The whole `SKILL.md` of a skill. *Fails with* `SkillNotFound`. */
  readonly read: (name: string) => Effect.Effect<string, SkillNotFound>;
}

/**
 * The Skills port; a program that provides none has none.
 *
 * *Example* (teach the agent from somewhere else than a folder):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { Effect, Layer } from "effect";
 * import { Skills } from "@caisson/caisson";
 *
 * const greeting = { name: "greeting", description: "How to greet.", location: "/skills/greeting/SKILL.md" };
 * const mine = Layer.succeed(Skills.Skills, {
 *   catalogue: Effect.succeed({ skills: [greeting], problems: [] }),
 *   read: (name) =>
 *     name === greeting.name
 *       ? Effect.succeed("Say hello.")
 *       : Effect.fail(new Skills.SkillNotFound({ skill: name, available: [greeting.name] })),
 * });
 * const program = Effect.gen(function* () {
 *   const skills = yield* Skills.Skills;
 *   return yield* Effect.flip(skills.read("dancing"));
 * });
 * const error = await Effect.runPromise(Effect.provide(program, mine));
 * assert.equal(error.message, "There is no skill named 'dancing'. Available: greeting");
 * ```
 */
export const Skills = Context.Reference<SkillsService>("caisson/services/Skills", {
  defaultValue: () => ({
    catalogue: Effect.succeed({ skills: [], problems: [] }),
    read: (skill) => Effect.fail(new SkillNotFound({ skill, available: [] })),
  }),
});
