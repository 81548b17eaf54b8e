/**
 * Every name of telemetry, in one place because the conventions still move.
 *
 * *Source*: OpenTelemetry semantic conventions 1.41 for HTTP (stable), GenAI and MCP (development); what no convention
 * names begins with `caisson.`.
 */

/** What is counted or measured: its name, its unit in UCUM's words, and what it means. */
export interface Instrument {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** Upper bounds of a histogram's buckets. */
  readonly boundaries?: ReadonlyArray<number>;
}

/** The values that tell one series of an instrument from another. */
export type Labels = Readonly<Record<string, string>>;

/** Stands for every value outside of the closed set of a label. */
export const otherValue = "_OTHER";

/** Names of labels and attributes. */
export const key = {
  errorType: "error.type",
  method: "http.request.method",
  route: "http.route",
  status: "http.response.status_code",
  outcome: "caisson.outcome",
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  model: "gen_ai.request.model",
  tokenType: "gen_ai.token.type",
  agent: "gen_ai.agent.name",
  tool: "gen_ai.tool.name",
  finish: "caisson.run.finish_reason",
  sandbox: "caisson.sandbox.kind",
  limit: "caisson.limit.scope",
  verdict: "caisson.egress.verdict",
  direction: "network.io.direction",
  refusal: "caisson.preview.refusal",
  mcpMethod: "mcp.method.name",
  version: "service.version",
  signal: "caisson.signal",
} as const;

/** Seconds of requests; the last three are for runs, which take longer than the convention's ten. */
const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300];
/** Seconds of model turns, runs and tools: each bucket twice the one before. */
const operationSeconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 300];
/** Tokens of a turn: each bucket four times the one before. */
const tokenCounts = Array.from({ length: 14 }, (_, power) => 4 ** power);

/** Names of what spans carry beside those of {@link key}. */
export const attribute = {
  callId: "gen_ai.tool.call.id",
  callArguments: "gen_ai.tool.call.arguments",
  callResult: "gen_ai.tool.call.result",
  toolType: "gen_ai.tool.type",
  conversation: "gen_ai.conversation.id",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  instructions: "gen_ai.system_instructions",
  maxTokens: "gen_ai.request.max_tokens",
  temperature: "gen_ai.request.temperature",
  streams: "gen_ai.request.stream",
  finishReasons: "gen_ai.response.finish_reasons",
  inputTokens: "gen_ai.usage.input_tokens",
  cachedInputTokens: "gen_ai.usage.cache_read.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  turns: "caisson.run.turns",
  costUsd: "caisson.run.cost_usd",
  exitCode: "process.exit.code",
  timedOut: "caisson.command.timed_out",
  oomKilled: "caisson.command.oom_killed",
  outputBytes: "caisson.command.output.bytes",
  database: "db.system.name",
  user: "user.hash",
} as const;

/** Everything that is measured. */
export const instruments = {
  requestDuration: {
    kind: "histogram",
    name: "http.server.request.duration",
    unit: "s",
    description: "Time from a request's arrival to the last byte of its answer.",
    boundaries: requestSeconds,
  },
  activeRequests: {
    kind: "gauge",
    name: "http.server.active_requests",
    unit: "{request}",
    description: "Requests that are being answered.",
  },
  firstByte: {
    kind: "histogram",
    name: "caisson.http.time_to_first_byte",
    unit: "s",
    description: "Time from a request's arrival to the head of its answer.",
    boundaries: requestSeconds,
  },
  errors: {
    kind: "counter",
    name: "caisson.errors",
    unit: "{error}",
    description: "Requests that failed, before or after their first byte.",
  },
  turnDuration: {
    kind: "histogram",
    name: "gen_ai.client.operation.duration",
    unit: "s",
    description: "Duration of a model turn.",
    boundaries: operationSeconds,
  },
  firstChunk: {
    kind: "histogram",
    name: "gen_ai.client.operation.time_to_first_chunk",
    unit: "s",
    description: "Time to the first chunk of a model turn.",
    boundaries: operationSeconds,
  },
  tokens: {
    kind: "histogram",
    name: "gen_ai.client.token.usage",
    unit: "{token}",
    description: "Tokens of a model turn.",
    boundaries: tokenCounts,
  },
  cost: {
    kind: "counter",
    name: "caisson.cost",
    unit: "USD",
    description: "Cost of the model turns whose price is known.",
  },
  runDuration: {
    kind: "histogram",
    name: "gen_ai.invoke_agent.duration",
    unit: "s",
    description: "Duration of a run.",
    boundaries: operationSeconds,
  },
  activeRuns: { kind: "gauge", name: "caisson.runs.active", unit: "{run}", description: "Runs that go on." },
  toolDuration: {
    kind: "histogram",
    name: "gen_ai.execute_tool.duration",
    unit: "s",
    description: "Duration of a tool call.",
    boundaries: operationSeconds,
  },
  sandboxOpen: {
    kind: "histogram",
    name: "caisson.sandbox.open.duration",
    unit: "s",
    description: "Time until a sandbox is there to be used.",
    boundaries: operationSeconds,
  },
  commandDuration: {
    kind: "histogram",
    name: "caisson.sandbox.command.duration",
    unit: "s",
    description: "Duration of a command or cell in a sandbox.",
    boundaries: operationSeconds,
  },
  openSandboxes: {
    kind: "gauge",
    name: "caisson.sandboxes.open",
    unit: "{sandbox}",
    description: "Sandboxes that are open.",
  },
  egressConnections: {
    kind: "counter",
    name: "caisson.egress.connections",
    unit: "{connection}",
    description: "Connections of sandboxes, and of what the server reads for them, to the world, by verdict.",
  },
  egressBytes: {
    kind: "counter",
    name: "caisson.egress.io",
    unit: "By",
    description: "Bytes between sandboxes, or what the server reads for them, and the world.",
  },
  egressOpen: {
    kind: "gauge",
    name: "caisson.egress.connections.open",
    unit: "{connection}",
    description: "Connections of sandboxes to the world that are open.",
  },
  previewConnections: {
    kind: "gauge",
    name: "caisson.preview.connections.open",
    unit: "{connection}",
    description: "Connections of visitors of previews that are open.",
  },
  previewStreams: {
    kind: "gauge",
    name: "caisson.preview.streams.open",
    unit: "{stream}",
    description: "Streams to programs that are open for visitors of previews.",
  },
  previewBytes: {
    kind: "counter",
    name: "caisson.preview.io",
    unit: "By",
    description: "Bytes between visitors of previews and this process.",
  },
  previewRefused: {
    kind: "counter",
    name: "caisson.preview.refused",
    unit: "{connection}",
    description: "Connections of visitors of previews that no program answered, by the word that they were told.",
  },
  rejected: {
    kind: "counter",
    name: "caisson.limits.rejected",
    unit: "{request}",
    description: "Requests that a limit refused.",
  },
  mcpDuration: {
    kind: "histogram",
    name: "mcp.server.operation.duration",
    unit: "s",
    description: "Duration of a request of the MCP protocol.",
    boundaries: requestSeconds,
  },
  mcpSessions: {
    kind: "gauge",
    name: "caisson.mcp.sessions.active",
    unit: "{session}",
    description: "MCP sessions that are open.",
  },
  loopLag: {
    kind: "gauge",
    name: "caisson.event_loop.lag",
    unit: "s",
    description: "By how much the event loop came late at worst in the last minute.",
  },
  memory: {
    kind: "gauge",
    name: "process.memory.usage",
    unit: "By",
    description: "Resident memory of this process.",
  },
  overflow: {
    kind: "counter",
    name: "caisson.telemetry.series.overflow",
    unit: "{update}",
    description: "Updates whose labels were replaced by _OTHER because there are series enough.",
  },
  dropped: {
    kind: "counter",
    name: "caisson.telemetry.dropped",
    unit: "{item}",
    description: "Spans and log lines that a collector did not take.",
  },
  build: { kind: "gauge", name: "caisson.build_info", unit: "", description: "Always 1; the version is its label." },
} as const satisfies Record<string, Instrument>;

/** Providers as the conventions name them, by the first word of ours; a server of one's own is none of them. */
const providers: Readonly<Record<string, string>> = {
  gemini: "gcp.gemini",
  openai: "openai",
  anthropic: "anthropic",
};

/** The convention's name of one of our providers. */
export const providerName = (provider: string): string => providers[provider] ?? otherValue;

/** Methods that a label may name. */
const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** A request's method as a label. */
export const methodName = (method: string): string => methods.has(method) ? method : otherValue;

/** Labels with the type of an error, "" where there was none: every series of an instrument has the same labels. */
export const withError = (labels: Labels, type: string | undefined): Labels => ({
  ...labels,
  [key.errorType]: type ?? "",
});
