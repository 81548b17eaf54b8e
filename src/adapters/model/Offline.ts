/**
 * The embedded default model, `caisson-offline`: rules instead of a language model.
 *
 * It needs no key and no network, always answers the same request in the same way, and drives the
 * real tools, so that everything around a model can be tried before there is a key.
 */
import { Effect, type Layer, Option, Stream } from "effect";
import { headOf } from "../../domain/cutText.ts";
import type { Usage } from "../../domain/Usage.ts";
import {
  type Model,
  ModelError,
  type ModelEvent,
  type ModelInfo,
  type ModelRequest,
  RequestRefused,
} from "../../services/Model.ts";
import type { Provider } from "./Provider.ts";
import * as Router from "./Router.ts";
import { takenBy } from "./sampling.ts";
import { decide } from "./offline/turn.ts";

/** The public name of the model. */
export const offlineModel = "caisson-offline";

const info: ModelInfo = { id: offlineModel, provider: "offline", vision: false, takes: takenBy.offline };

/** The usual rule of thumb for English and code: a token is about four characters. */
const charsPerToken = 4;

/** Characters of one text event, so that a client sees the answer grow. */
const deltaChars = 24;

/** Text events of one turn: a longer answer comes in larger pieces. */
const deltasMax = 200;

/**
 * Estimates tokens as characters divided by four, rounded up.
 *
 * There is no tokenizer, because nothing here reads tokens: instructions, messages, calls and tool
 * declarations count as input, the turn's text and call as output.
 */
const estimateUsage = (request: ModelRequest, output: string): Usage => ({
  inputTokens: tokens(request.system.length + JSON.stringify([request.messages, request.tools]).length),
  cachedInputTokens: 0,
  outputTokens: tokens(output.length),
  reasoningTokens: 0,
});

const tokens = (chars: number): number => Math.ceil(chars / charsPerToken);

/** Cuts a text into pieces at word ends; the pieces joined are the text. */
const pieces = (text: string): ReadonlyArray<string> => {
  const size = Math.max(deltaChars, Math.ceil(text.length / deltasMax));
  const found: Array<string> = [];
  for (let from = 0; from < text.length;) {
    const most = Math.min(from + size, text.length);
    let end = most;
    while (end < text.length && end > from && !/\s/.test(text.charAt(end))) end--;
    // A piece takes the space after its last word; a word longer than a piece is cut, a character never.
    const next = end === from ? from + headOf(text.slice(from, most + 1), size).length : Math.min(end + 1, text.length);
    found.push(text.slice(from, next));
    from = next;
  }
  return found;
};

interface Cut {
  readonly text: string;
  readonly limited: boolean;
}

/** Applies the caller's stop texts and output limit, as a provider would. */
const cutText = (text: string, { parameters }: ModelRequest): Cut => {
  const ends = (parameters.stop ?? []).map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
  const stopped = text.slice(0, Math.min(text.length, ...ends));
  const most = (parameters.outputTokensMax ?? Infinity) * charsPerToken;
  return stopped.length > most ? { text: headOf(stopped, most), limited: true } : { text: stopped, limited: false };
};

const refused = (param: string, why: string) =>
  new ModelError({ provider: info.provider, model: info.id, reason: new RequestRefused({ param, why }), detail: why });

const turn = (request: ModelRequest): Effect.Effect<ReadonlyArray<ModelEvent>, ModelError> => {
  const format = request.parameters.responseFormat?._tag ?? "Text";
  if (format === "JsonSchema") {
    return Effect.fail(refused("response_format", "rules cannot fill a JSON schema; ask for text or a JSON object"));
  }
  const decided = decide(request);
  if ("why" in decided) return Effect.fail(refused("tool_choice", decided.why));
  const { call } = decided;
  const said = format === "JsonObject" && call === undefined ? JSON.stringify({ answer: decided.text }) : decided.text;
  const { text, limited } = cutText(said, request);
  const events: Array<ModelEvent> = pieces(text).map((piece) => ({ _tag: "TextDelta", text: piece }));
  if (call !== undefined && !limited) events.push({ _tag: "ToolCall", call });
  const usage = estimateUsage(request, `${text}${call?.argumentsJson ?? ""}`);
  events.push({
    _tag: "Finished",
    reason: limited ? "OutputLimit" : call === undefined ? "Stop" : "ToolCalls",
    usage,
  });
  return Effect.succeed(events);
};

/** The offline model as a provider of the router. */
export const provider: Provider = {
  name: info.provider,
  list: Effect.succeed([info]),
  find: (model) => Effect.succeed(model === offlineModel ? Option.some(info) : Option.none()),
  stream: (request) => Stream.unwrap(Effect.map(Effect.suspend(() => turn(request)), Stream.fromIterable)),
};

/** The Model port with the offline model alone. */
export const layer: Layer.Layer<Model> = Router.layer({
  providers: [provider],
  defaultModel: Effect.succeed(offlineModel),
});
