/**
 * Models: the providers, their keys and how long each is waited for.
 */
import { flag, integer, number, optionalText, optionalUrl, type Row, secret, text } from "./rows.ts";

/** The rows of this area, by the name the code uses. */
export const modelsRows = {
  defaultModel: optionalText("DEFAULT_MODEL", {
    why:
      "Model of a request that names none. Unset: Gemini's alias with its key, else what the configured provider offers.",
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
  httpProxy: optionalUrl("HTTP_PROXY", { aliases: ["http_proxy"], why: "Proxy to providers at http addresses." }),
  httpsProxy: optionalUrl("HTTPS_PROXY", { aliases: ["https_proxy"], why: "Proxy to providers at https addresses." }),
  noProxy: optionalText("NO_PROXY", { aliases: ["no_proxy"], why: "Hosts that are reached without a proxy." }),
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
} as const satisfies Record<string, Row<unknown>>;
