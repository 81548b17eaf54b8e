/**
 * A model whose calls carry ids that this server issues.
 */
import { Stream } from "effect";
import type { ModelEvent, ModelService } from "../services/Model.ts";

/**
 * Replaces the id of every call that a model makes.
 *
 * The history keeps the new ids, so a provider reads the same id at a call and at its result.
 */
export const withIssuedIds = (model: ModelService, issue: () => string): ModelService => {
  const issued = (event: ModelEvent): ModelEvent =>
    event._tag === "ToolCall" ? { ...event, call: { ...event.call, id: issue() } } : event;
  return { ...model, stream: (request) => Stream.map(model.stream(request), issued) };
};
