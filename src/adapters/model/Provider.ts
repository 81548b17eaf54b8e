/**
 * What one model provider is to this server.
 *
 * A provider speaks one wire format to one upstream. Choosing among providers, public names,
 * retries and fallbacks is the router's.
 */
import type { Effect, Option, Stream } from "effect";
import type { ModelError, ModelEvent, ModelInfo, ModelNotFound, ModelRequest } from "../../services/Model.ts";

/** One upstream that runs models, ready to be used: whatever key it needs, it has. */
export interface Provider {
  /** The name in `ModelInfo.provider`, in `ModelError.provider`, in origins and in logs. */
  readonly name: string;
  /**
   * The models worth showing in a list, by public name. It falls back to what it knows when the upstream
   * cannot be asked.
   */
  readonly list: Effect.Effect<ReadonlyArray<ModelInfo>>;
  /** Whether the upstream cannot be asked for its models now; absent where there is none to be asked. */
  readonly isUnlisted?: Effect.Effect<boolean>;
  /** Describes a model of this provider, listed or not; none when the name is not one of its own. */
  readonly find: (model: string) => Effect.Effect<Option.Option<ModelInfo>>;
  /**
   * Runs one model turn; `request.model` is a name for which {@link Provider.find} answered.
   *
   * *Details*: exactly one `Finished` comes last. Closing the stream early cancels the upstream
   * request before the close returns. Nothing is retried here.
   *
   * *Fails with* `ModelNotFound` when the upstream says that it has no such model.
   */
  readonly stream: (request: ModelRequest) => Stream.Stream<ModelEvent, ModelError | ModelNotFound>;
}

/** A provider that cannot be used because its configuration is missing. */
export interface AbsentProvider {
  readonly name: string;
  /** Whether a model name is clearly one of this provider's. */
  readonly claims: (model: string) => boolean;
  /** The sentence that says what to set, such as "GOOGLE_API_KEY is not set". */
  readonly why: string;
}

/** Names of models as providers have them; nothing that could lead a URL elsewhere, and of bounded length. */
const modelName = /^[\w.:/-]{1,200}$/;

/** Whether a name that nobody lists may be asked of a provider. */
export const isModelName = (name: string): boolean => modelName.test(name) && !name.includes("..");
