/**
 * What is said when settings cannot be used.
 */
import { Schema } from "effect";

/**
 * The configuration has values that cannot be used; each problem names its key and what was expected.
 *
 * *Example* (show every wrong setting at once):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConfigProvider, Effect, Layer } from "effect";
 * import { Settings } from "@caisson/caisson";
 *
 * const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ AGENT_API_PORT: "http", LOG_LEVEL: "LOUD" }));
 * const error = await Effect.runPromise(
 *   Effect.flip(Effect.scoped(Layer.build(Layer.provide(Settings.layer, provider)))),
 * );
 * assert.equal(error.problems.length, 2);
 * assert.equal(error.problems[0], 'AGENT_API_PORT is "http", expected a whole number (port) from 0 to 65535');
 * ```
 */
export class ConfigurationRefused extends Schema.TaggedError<ConfigurationRefused>()("ConfigurationRefused", {
  problems: Schema.Array(Schema.String),
}) {
  override get message(): string {
    return `configuration refused: ${this.problems.join("; ")}`;
  }
}
