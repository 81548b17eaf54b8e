/**
 * The names of tools on their way back: a provider calls a tool by the name it was shown, the client that
 * declared the tool knows it by its own.
 */
import { Stream } from "effect";
import type { ModelEvent, ModelRequest } from "../../services/Model.ts";
import { type HistoryRules, legalName } from "./legalHistory.ts";

/**
 * Gives the calls of a turn the names under which their tools were declared.
 *
 * *Details*: costs nothing where every name is legal as it is. Of tools that are shown under one name, the one
 * whose own it is has it, else the first.
 */
export const withOwnNames =
  (tools: ModelRequest["tools"], rules: HistoryRules) =>
  <E, R>(turn: Stream.Stream<ModelEvent, E, R>): Stream.Stream<ModelEvent, E, R> => {
    const declared = new Set(tools.map(({ name }) => name));
    const owners = new Map<string, string>();
    for (const { name } of tools) {
      const shown = legalName(name, rules);
      if (!declared.has(shown) && !owners.has(shown)) owners.set(shown, name);
    }
    if (owners.size === 0) return turn;
    return Stream.map(turn, (event) => {
      const name = event._tag === "ToolCall" ? owners.get(event.call.name) : undefined;
      return event._tag === "ToolCall" && name !== undefined ? { ...event, call: { ...event.call, name } } : event;
    });
  };
