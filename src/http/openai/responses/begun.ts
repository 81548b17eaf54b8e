/**
 * A response in progress: what the request asked for, with every key that OpenAI's has.
 */
import { withoutSecrets } from "../containers/network.ts";
import type { JsonObject, ResponseRequest } from "./wire.ts";

/** A function as a response repeats it: with every key that clients look for. */
const toolOut = (tool: JsonObject): JsonObject =>
  tool["type"] === "function" ? { description: null, parameters: null, strict: true, ...tool } : withoutSecrets(tool);

/** The id of the conversation that a request names. */
export const conversationOf = ({ conversation }: ResponseRequest): string | undefined =>
  typeof conversation === "string" ? conversation : conversation?.id;

/** The response in progress, with every key that OpenAI's has. */
export const begunOf = (body: ResponseRequest, id: string, model: string, nowMs: number): JsonObject => ({
  id,
  object: "response",
  created_at: Math.floor(nowMs / 1000),
  status: "in_progress",
  background: body.background ?? false,
  completed_at: null,
  error: null,
  frequency_penalty: 0,
  incomplete_details: null,
  instructions: body.instructions ?? null,
  max_output_tokens: (body.max_output_tokens ?? -1) > 0 ? body.max_output_tokens ?? null : null,
  max_tool_calls: body.max_tool_calls ?? null,
  model,
  output: [],
  parallel_tool_calls: body.parallel_tool_calls ?? true,
  presence_penalty: 0,
  previous_response_id: body.previous_response_id ?? null,
  prompt_cache_key: body.prompt_cache_key ?? null,
  prompt_cache_retention: null,
  reasoning: { effort: body.reasoning?.effort ?? null, summary: body.reasoning?.summary ?? null },
  safety_identifier: body.safety_identifier ?? null,
  service_tier: "default",
  store: body.store ?? true,
  temperature: body.temperature ?? 1,
  text: { format: body.text?.format ?? { type: "text" }, verbosity: body.text?.verbosity ?? "medium" },
  tool_choice: body.tool_choice ?? "auto",
  tools: (body.tools ?? []).map(toolOut),
  top_logprobs: 0,
  top_p: body.top_p ?? 1,
  truncation: body.truncation ?? "disabled",
  usage: null,
  user: body.user ?? null,
  metadata: body.metadata ?? {},
  access_programs: null,
  ...(conversationOf(body) !== undefined && { conversation: { id: conversationOf(body) ?? null } }),
});
