/**
 * Configuration: one table, read once at start, handed on as plain data.
 *
 * `docs/configuration.md` is generated from {@link settingsTable}. Nothing else in the library reads
 * the environment.
 */
import { Config, Context, Effect, Layer, Option, Redacted, Result, Schema } from "effect";
import {
  choice,
  flag,
  integer,
  number,
  optionalText,
  optionalUrl,
  type Row,
  secret,
  text,
  toolServers,
} from "./config/rows.ts";

export type { Row } from "./config/rows.ts";

// Table ------------------------------------------------------------------------------------------

/** Every setting, by the name the code uses for it; grouped as the documentation shows them. */
export const settingsTable = {
  // Doors
  apiHost: text("AGENT_API_HOST", {
    default: "127.0.0.1",
    why: "Address the agent API listens on. Beyond loopback it needs credentials.",
  }),
  apiPort: integer("AGENT_API_PORT", {
    default: 8000,
    least: 0,
    most: 65535,
    unit: "port",
    why: "Port of the agent API; 0 takes a free one.",
  }),
  mcpHost: text("CAISSON_MCP_HOST", {
    default: "127.0.0.1",
    why: "Address the MCP server listens on. Beyond loopback it needs credentials.",
  }),
  mcpPort: integer("CAISSON_MCP_PORT", {
    default: 8989,
    least: 0,
    most: 65535,
    unit: "port",
    why: "Port of the MCP server; 0 takes a free one.",
  }),
  mcpServerUrl: optionalUrl("MCP_SERVER_URL", {
    why: "MCP server whose tools the agent uses; unset, the tools run in the API's own process.",
  }),
  mcpApiKey: secret("CAISSON_MCP_API_KEY", {
    why: "Key that the agent API shows to the MCP server of MCP_SERVER_URL.",
  }),
  mcpServers: toolServers("CAISSON_MCP_SERVERS", {
    why: "Further MCP servers whose tools the model is offered as name__tool.",
  }),
  mcpUser: text("CAISSON_MCP_USER", {
    default: "local",
    why: "User whose sandbox the MCP server works in when it runs over stdio.",
  }),
  mcpAllowedHosts: text("CAISSON_MCP_ALLOWED_HOSTS", {
    default: "",
    why: "Names besides loopback under which the MCP server may be addressed, separated by commas.",
  }),
  mcpAllowedOrigins: text("CAISSON_MCP_ALLOWED_ORIGINS", {
    default: "",
    why: "Web origins besides loopback that may call the MCP server, separated by commas.",
  }),
  mcpSessionIdleSeconds: number("CAISSON_MCP_SESSION_IDLE_SECONDS", {
    default: 1800,
    least: 1,
    most: 86400,
    unit: "seconds",
    why: "Idle time after which an MCP session is closed; an open stream counts as use.",
  }),
  mcpSessionsPerOwnerMax: integer("CAISSON_MCP_SESSIONS_PER_OWNER_MAX", {
    default: 64,
    least: 1,
    most: 10000,
    unit: "sessions",
    why: "MCP sessions at once of one user; more are answered 429.",
  }),
  mcpSessionsMax: integer("CAISSON_MCP_SESSIONS_MAX", {
    default: 2000,
    least: 1,
    most: 100000,
    unit: "sessions",
    why: "MCP sessions at once in all; more are answered 503.",
  }),
  bodyBytesMax: integer("CAISSON_BODY_BYTES_MAX", {
    default: 32 * 1024 * 1024,
    least: 1024,
    most: 1024 ** 3,
    unit: "bytes",
    why: "Largest request body; a larger one is answered 413.",
  }),
  corsOrigins: text("CAISSON_CORS_ORIGINS", {
    default: "",
    why: "Origins, comma-separated, whose pages may call the agent API from a browser, such as https://ui.example.",
  }),
  keepAliveSeconds: number("CAISSON_KEEP_ALIVE_SECONDS", {
    default: 15,
    least: 1,
    most: 600,
    unit: "seconds",
    why: "Silence after which a stream sends a comment, so that proxies do not cut it.",
  }),
  shutdownGraceSeconds: number("CAISSON_SHUTDOWN_GRACE_SECONDS", {
    default: 10,
    least: 0,
    most: 600,
    unit: "seconds",
    why: "Time that running requests get to finish at shutdown before they are cancelled.",
  }),
  onDisconnect: choice("CAISSON_ON_DISCONNECT", {
    choices: ["cancel", "finish"],
    default: "cancel",
    why: "Whether a run whose client went away is cancelled or finished into the session.",
  }),

  // Identity
  apiKeys: secret("CAISSON_API_KEYS", {
    why: "API keys as name:key,name:key. Unset, only loopback is served, to everyone as anonymous.",
  }),
  apiKeysFile: optionalText("CAISSON_API_KEYS_FILE", {
    why: "File of hashed API keys, kept by deno task keys; changes to it count within a second.",
  }),
  trustedProxyKeys: text("CAISSON_TRUSTED_PROXY_KEYS", {
    default: "",
    why: "Names of API keys, comma-separated, whose bearer may name its user in a signed X-OpenWebUI-User-Jwt header.",
  }),
  forwardedUserJwtSecret: secret("CAISSON_FORWARDED_USER_JWT_SECRET", {
    why: "Secret of that header: Open WebUI's FORWARD_USER_INFO_HEADER_JWT_SECRET.",
  }),
  jwtSecret: secret("CAISSON_JWT_SECRET", {
    why: "HS256 secret of at least 32 bytes; a JWT signed with it is a credential.",
  }),
  jwksUrl: optionalUrl("CAISSON_JWKS_URL", {
    why: "Public keys of an identity provider; a JWT signed with one of them is a credential.",
  }),
  jwtIssuer: optionalText("CAISSON_JWT_ISSUER", { why: "Issuer a JWT must name; required with a secret or a JWKS." }),
  jwtAudience: optionalText("CAISSON_JWT_AUDIENCE", {
    why: "Audience a JWT must name; required with a secret or a JWKS.",
  }),
  insecure: flag("CAISSON_INSECURE_ALLOW_ANONYMOUS", {
    default: false,
    why: "Serves anyone beyond loopback without credentials. Whoever reaches the port can run code.",
  }),

  // Limits
  requestsPerMinute: integer("CAISSON_REQUESTS_PER_MINUTE", {
    default: 0,
    least: 0,
    most: 1_000_000,
    unit: "requests",
    why: "Requests of one principal in a minute before they are answered 429; 0 for no limit.",
  }),
  tokensPerMinute: integer("CAISSON_TOKENS_PER_MINUTE", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "tokens",
    why: "Model tokens of one principal in a minute before its requests are answered 429; 0 for no limit.",
  }),
  runsPerUserMax: integer("CAISSON_RUNS_PER_USER_MAX", {
    default: 0,
    least: 0,
    most: 100_000,
    unit: "runs",
    why: "Runs of one user at once before more are answered 429; 0 for no limit.",
  }),
  runsPerPrincipalMax: integer("CAISSON_RUNS_PER_PRINCIPAL_MAX", {
    default: 0,
    least: 0,
    most: 100_000,
    unit: "runs",
    why: "Runs of one principal at once before more are answered 429; 0 for no limit.",
  }),
  messagesMax: integer("CAISSON_MESSAGES_MAX", {
    default: 10_000,
    least: 1,
    most: 1_000_000,
    unit: "messages",
    why: "Messages in one request; more are answered 400.",
  }),

  // Agent
  agentName: text("AGENT_NAME", { default: "code_executor_agent", why: "Name of the agent in its prompt." }),
  systemPromptFile: optionalText("CAISSON_SYSTEM_PROMPT_FILE", {
    why: "Text file that replaces who the agent is and how it works; tools, sandbox and skills are still told.",
  }),
  systemPromptAppendFile: optionalText("CAISSON_SYSTEM_PROMPT_APPEND_FILE", {
    why: "Text file whose content stands at the end of the system prompt.",
  }),
  turnsMax: integer("CAISSON_TURNS_MAX", {
    default: 32,
    least: 1,
    most: 1000,
    unit: "model turns",
    why: "Model turns in one run before it is cut with finish_reason length.",
  }),
  runSecondsMax: number("CAISSON_RUN_SECONDS_MAX", {
    default: 900,
    least: 1,
    most: 86400,
    unit: "seconds",
    why: "Wall time of one run before it is cut with finish_reason length.",
  }),
  runOutputBytesMax: integer("CAISSON_RUN_OUTPUT_BYTES_MAX", {
    default: 8 * 1024 * 1024,
    least: 1024,
    most: 1024 ** 3,
    unit: "bytes",
    why: "Answer text and tool results of one run before it is cut with finish_reason length.",
  }),
  toolView: choice("CAISSON_TOOL_VIEW", {
    choices: ["text", "tool_calls", "reasoning", "details", "none"],
    default: "text",
    why: "How tool activity is shown when a request does not choose.",
  }),

  // Models
  defaultModel: optionalText("DEFAULT_MODEL", {
    why: "Model of a request that names none. Unset: gemini-flash-latest with a Gemini key, else caisson-offline.",
  }),
  geminiApiKey: secret("GOOGLE_API_KEY", {
    aliases: ["GEMINI_API_KEY"],
    why: "Key for Gemini models; without it they answer 404.",
  }),
  geminiBaseUrl: optionalUrl("GOOGLE_GEMINI_BASE_URL", { why: "Another Gemini endpoint." }),
  geminiApiVersion: text("GOOGLE_GENAI_API_VERSION", {
    default: "v1beta",
    why: "Version in Gemini's URLs; v1beta has every feature that is used here.",
  }),
  geminiVertex: flag("GOOGLE_GENAI_USE_VERTEXAI", {
    default: false,
    why: "Reaches Gemini through Vertex AI, with an API key of its express mode.",
  }),
  openaiApiKey: secret("OPENAI_API_KEY", { why: "Key for the OpenAI-compatible provider." }),
  openaiBaseUrl: optionalUrl("OPENAI_BASE_URL", { why: "Base URL of the OpenAI-compatible provider, with its /v1." }),
  anthropicApiKey: secret("ANTHROPIC_API_KEY", { why: "Key for Claude models; without it they answer 404." }),
  anthropicBaseUrl: optionalUrl("ANTHROPIC_BASE_URL", { why: "Another endpoint of the Anthropic Messages API." }),
  models: optionalText("CAISSON_MODELS", {
    why:
      "Public model names and what serves them, as JSON or as the path of a JSON file; docs/models.md has the format.",
  }),
  modelAttemptsMax: integer("CAISSON_MODEL_ATTEMPTS_MAX", {
    default: 3,
    least: 1,
    most: 10,
    unit: "requests",
    why: "Requests for one model turn while it fails in passing, before its first event; 1 never tries again.",
  }),
  runTokensMax: integer("CAISSON_RUN_TOKENS_MAX", {
    default: 0,
    least: 0,
    most: 1_000_000_000_000,
    unit: "tokens",
    why: "Tokens of one run, before a further model turn cuts it with finish_reason length; 0 for no limit.",
  }),
  userTokensPerDay: integer("CAISSON_USER_TOKENS_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000_000,
    unit: "tokens",
    why: "Tokens of one user in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  principalTokensPerDay: integer("CAISSON_PRINCIPAL_TOKENS_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000_000,
    unit: "tokens",
    why: "Tokens of one principal in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  runUsdMax: number("CAISSON_RUN_USD_MAX", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "US dollars",
    why: "Cost of one run, where models have a price, before a further model turn cuts it; 0 for no limit.",
  }),
  userUsdPerDay: number("CAISSON_USER_USD_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "US dollars",
    why: "Cost of one user in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  principalUsdPerDay: number("CAISSON_PRINCIPAL_USD_PER_DAY", {
    default: 0,
    least: 0,
    most: 1_000_000_000,
    unit: "US dollars",
    why: "Cost of one principal in a UTC day before requests are answered 429 and runs are cut; 0 for no limit.",
  }),
  modelConnectSeconds: number("CAISSON_MODEL_CONNECT_SECONDS", {
    default: 30,
    least: 0.1,
    most: 600,
    unit: "seconds",
    why: "Wait for a provider's response headers.",
  }),
  modelFirstEventSeconds: number("CAISSON_MODEL_FIRST_EVENT_SECONDS", {
    default: 120,
    least: 0.1,
    most: 3600,
    unit: "seconds",
    why: "Wait for a provider's first event.",
  }),
  modelSilenceSeconds: number("CAISSON_MODEL_SILENCE_SECONDS", {
    default: 60,
    least: 0.1,
    most: 3600,
    unit: "seconds",
    why: "Wait for a provider between events.",
  }),

  // Sandbox
  sandbox: choice("CAISSON_SANDBOX", {
    choices: ["auto", "docker", "embedded"],
    default: "auto",
    why: "Which sandbox runs code; auto takes Docker when an engine answers, the embedded one otherwise.",
  }),
  dockerHost: optionalText("DOCKER_HOST", {
    why: "Socket of the container engine as unix:///path; unset, the usual paths of Docker are tried.",
  }),
  executorImage: text("MCP_EXECUTOR_IMAGE", {
    default: "mcp-code-executor:latest",
    why: "Sandbox image, by tag or digest; the default is built on first use.",
  }),
  imageBase: optionalText("CAISSON_IMAGE_BASE", {
    why: "Base of the default sandbox image; unset, caisson/base:bookworm when the engine has it, else Debian's own.",
  }),
  toolsPath: text("MCP_TOOLS_PATH", { default: "./tools", why: "Python modules mounted read-only at /tools." }),
  skillsPath: text("MCP_SKILLS_PATH", { default: "./skills", why: "Agent Skills mounted read-only at /skills." }),
  sandboxMemoryMb: integer("CAISSON_SANDBOX_MEMORY_MB", {
    default: 1024,
    least: 64,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Memory of one sandbox; a program that wants more is killed and told so.",
  }),
  sandboxCpus: number("CAISSON_SANDBOX_CPUS", {
    default: 1,
    least: 0.1,
    most: 512,
    unit: "CPUs",
    why: "CPU share of one sandbox.",
  }),
  sandboxPidsMax: integer("CAISSON_SANDBOX_PIDS_MAX", {
    default: 256,
    least: 16,
    most: 65536,
    unit: "processes",
    why: "Processes and threads in one sandbox; a fork bomb ends there.",
  }),
  sandboxOpenFilesMax: integer("CAISSON_SANDBOX_OPEN_FILES_MAX", {
    default: 1024,
    least: 64,
    most: 1048576,
    unit: "files",
    why: "Open files of one process in a sandbox.",
  }),
  sandboxFileMb: integer("CAISSON_SANDBOX_FILE_MB", {
    default: 512,
    least: 1,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Largest single file a sandbox may write.",
  }),
  sandboxWorkspaceMb: integer("CAISSON_SANDBOX_WORKSPACE_MB", {
    default: 1024,
    least: 8,
    most: 1024 * 1024,
    unit: "MiB",
    why: "Size of a workspace.",
  }),
  sandboxOutputBytesMax: integer("CAISSON_SANDBOX_OUTPUT_BYTES_MAX", {
    default: 64 * 1024,
    least: 1024,
    most: 16 * 1024 * 1024,
    unit: "bytes",
    why: "Bytes of stdout and of stderr that a result keeps, head and tail.",
  }),
  sandboxNetwork: choice("CAISSON_SANDBOX_NETWORK", {
    choices: ["none", "bridge"],
    default: "none",
    why: "Network of a sandbox; bridge gives each its own network with a way out.",
  }),
  sandboxIdleSeconds: number("CAISSON_SANDBOX_IDLE_SECONDS", {
    default: 600,
    least: 1,
    most: 86400,
    unit: "seconds",
    why: "Time after its last use at which a sandbox is stopped; the workspace stays.",
  }),
  sandboxPoolSize: integer("CAISSON_SANDBOX_POOL_SIZE", {
    default: 0,
    least: 0,
    most: 64,
    unit: "containers",
    why: "Started containers held ready for new users.",
  }),
  sandboxesMax: integer("CAISSON_SANDBOXES_MAX", {
    default: 100,
    least: 1,
    most: 10000,
    unit: "sandboxes",
    why: "Sandboxes at once in all; more are answered 503.",
  }),
  sandboxesPerPrincipalMax: integer("CAISSON_SANDBOXES_PER_PRINCIPAL_MAX", {
    default: 50,
    least: 1,
    most: 10000,
    unit: "sandboxes",
    why: "Sandboxes at once for one principal; more are answered 503.",
  }),
  dockerRuntime: optionalText("CAISSON_DOCKER_RUNTIME", {
    why: "OCI runtime of the containers, such as runsc or kata; unset, the engine's default.",
  }),
  artifactMbMax: integer("MCP_ARTIFACT_SIZE_LIMIT_MB", {
    default: 50,
    least: 1,
    most: 10240,
    unit: "MiB",
    why: "Largest file that can be fetched from or uploaded to a workspace.",
  }),

  publicUrl: optionalUrl("CAISSON_PUBLIC_URL", {
    why: "How clients reach the agent API, for links to files; unset, the address that a request was sent to.",
  }),
  linkSecret: secret("CAISSON_LINK_SECRET", {
    why: "Secret that signs links to files; unset, a new one at every start, which ends the links of the last.",
  }),
  linkSeconds: integer("CAISSON_LINK_SECONDS", {
    default: 86_400,
    least: 1,
    most: 31_536_000,
    unit: "seconds",
    why: "Time for which a link to a file opens it without a key.",
  }),

  // Sessions
  sessions: choice("CAISSON_SESSIONS", {
    choices: ["memory", "sqlite", "redis"],
    default: "sqlite",
    why:
      "Where sessions are kept: in this process, in one file under the data directory, or in Redis for several instances.",
  }),
  redisUrl: secret("CAISSON_REDIS_URL", {
    why:
      "Redis as redis://host:port or rediss://…; required by CAISSON_SESSIONS=redis, and shares limits between instances.",
  }),
  sessionTimeoutSeconds: number("SESSION_TIMEOUT_SECONDS", {
    default: 3600,
    least: 1,
    most: 31536000,
    unit: "seconds",
    why: "Idle time after which a session expires.",
  }),
  onSessionEnd: choice("CAISSON_ON_SESSION_END", {
    choices: ["keep", "reset"],
    default: "keep",
    why:
      "What becomes of a user's workspace when the user deletes their last session: kept for the next one, or destroyed " +
      "with the sandbox. A session that merely expires never takes the workspace with it.",
  }),
  dataPath: text("CAISSON_DATA_PATH", {
    default: "./.caisson",
    why: "Directory for what must survive a restart.",
  }),

  // Logs
  logLevel: choice("LOG_LEVEL", {
    choices: ["TRACE", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "NONE"],
    default: "INFO",
    why: "Least severe line that is logged.",
  }),
} as const satisfies Record<string, Row<unknown>>;

type Value<R> = R extends Row<infer A> ? A : never;

/** Every setting as plain data. */
export type SettingsService = { readonly [K in keyof typeof settingsTable]: Value<(typeof settingsTable)[K]> };

// Reading ----------------------------------------------------------------------------------------

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

const readText = (key: string) => Config.option(Config.String(key));

/** Reads a secret whose name another setting gives; none when it is unset, empty or may not be read. */
export const readSecret = (key: string): Effect.Effect<Option.Option<Redacted.Redacted>> =>
  readText(key).pipe(
    Effect.orElseSucceed(() => Option.none<string>()),
    Effect.map((found) =>
      Option.filter(found, (value) => value.trim() !== "").pipe(Option.map((value) => Redacted.make(value.trim())))
    ),
  );

const readRow = Effect.fnUntraced(function* <A>(entry: Row<A>): Effect.fn.Return<Result.Result<A, string>> {
  for (const key of [entry.key, ...entry.aliases]) {
    const found = yield* readText(key).pipe(Effect.orElseSucceed(() => Option.none<string>()));
    // An empty variable is how shells and compose files say "not set".
    if (Option.isNone(found) || found.value.trim() === "") continue;
    const parsed = entry.parse(found.value.trim());
    if (Option.isSome(parsed)) return Result.succeed(parsed.value);
    const shown = entry.secret ? "<redacted>" : JSON.stringify(found.value);
    return Result.fail(`${key} is ${shown}, expected ${entry.expected}`);
  }
  return Result.succeed(entry.fallback);
});

/**
 * The settings of this process as a service.
 *
 * *Example* (decode settings from an object):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { ConfigProvider, Effect, Layer } from "effect";
 * import { Settings } from "@caisson/caisson";
 *
 * const provider = ConfigProvider.layer(ConfigProvider.fromUnknown({ AGENT_API_PORT: "9000", LOG_LEVEL: "ERROR" }));
 * const program = Effect.gen(function* () {
 *   return yield* Settings;
 * });
 * const settings = await Effect.runPromise(Effect.provide(program, Layer.provide(Settings.layer, provider)));
 * assert.equal(settings.apiPort, 9000);
 * assert.equal(settings.logLevel, "ERROR");
 * ```
 */
export class Settings extends Context.Service<Settings, SettingsService>()("caisson/config/Settings") {
  /** Reads every setting through the current `ConfigProvider`. *Fails with* `ConfigurationRefused`, naming every wrong key. */
  static readonly layer: Layer.Layer<Settings, ConfigurationRefused> = Layer.effect(
    Settings,
    Effect.gen(function* () {
      const problems: Array<string> = [];
      const values: Record<string, unknown> = {};
      for (const [name, entry] of Object.entries<Row<unknown>>(settingsTable)) {
        const result = yield* readRow(entry);
        if (Result.isSuccess(result)) values[name] = result.success;
        else problems.push(result.failure);
      }
      if (problems.length > 0) return yield* new ConfigurationRefused({ problems });
      return Settings.of(values as SettingsService);
    }),
  );

  /**
   * The defaults with some settings changed, for tests and for programs that configure in code.
   *
   * *Example* (configure in code):
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import { Effect } from "effect";
   * import { Settings } from "@caisson/caisson";
   *
   * const program = Effect.gen(function* () {
   *   const { apiPort, turnsMax } = yield* Settings;
   *   return { apiPort, turnsMax };
   * });
   * const found = await Effect.runPromise(Effect.provide(program, Settings.layerWith({ turnsMax: 5 })));
   * assert.deepEqual(found, { apiPort: 8000, turnsMax: 5 });
   * ```
   */
  static readonly layerWith = (changes: Partial<SettingsService> = {}): Layer.Layer<Settings> =>
    Layer.succeed(Settings, Settings.of({ ...defaults, ...changes }));
}

/**
 * The settings of an empty environment.
 *
 * *Example* (look up a default):
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import { defaults } from "@caisson/caisson";
 *
 * assert.equal(defaults.sandbox, "auto");
 * assert.equal(defaults.sessionTimeoutSeconds, 3600);
 * ```
 */
export const defaults: SettingsService = Object.fromEntries(
  Object.entries(settingsTable).map(([name, entry]) => [name, entry.fallback]),
) as SettingsService;
