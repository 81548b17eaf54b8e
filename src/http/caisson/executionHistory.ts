/**
 * What a session's runs executed, read from its stored turns.
 *
 * Nothing is kept twice: a call stands in the assistant's message, its result and time in the tool's.
 */
import { executeBash, executePython } from "../../domain/agentTools.ts";
import { Option, Schema } from "effect";
import { toolCallsOf, type ToolMessage } from "../../domain/Message.ts";
import { heldCalls, type Turn } from "../../domain/Session.ts";

/** One call of a tool of ours and what it came to. */
export interface ExecutionRecord {
  readonly turn: string;
  readonly callId: string;
  readonly tool: string;
  /** The command of `execute_bash`; none for other tools. */
  readonly command: Option.Option<string>;
  /** The code of `execute_python`; none for other tools. */
  readonly code: Option.Option<string>;
  readonly argumentsJson: string;
  readonly result: string;
  readonly isError: boolean;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** How the command or the cell ended; none for other tools and for what was refused or cut. */
  readonly outcome: Option.Option<CommandResult | CellResult>;
}

/** The result object of `execute_bash` as it is stored. */
export type CommandResult = typeof executeBash.output.Type;

/** The result object of `execute_python` as it is stored. */
export type CellResult = typeof executePython.output.Type;

const decodeCell = Schema.decodeUnknownOption(Schema.fromJsonString(executePython.output));
const decodeCode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ code: Schema.String })));
const decodeResult = Schema.decodeUnknownOption(Schema.fromJsonString(executeBash.output));
const decodeCommand = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ command: Schema.String })));

/**
 * The calls of turns in the order they ran; a call that its client answered or nobody did is left out.
 *
 * *Details*: a call that waited for a person ran in the turn that decided about it.
 */
export const executionsOf = (turns: ReadonlyArray<Turn>): ReadonlyArray<ExecutionRecord> => {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  return turns.flatMap((turn) => {
    const asking = turn.decides === undefined ? undefined : byId.get(turn.decides);
    const waited = asking === undefined ? [] : heldCalls(asking).map(({ call }) => call);
    const results = new Map<string, ToolMessage>();
    for (const message of turn.messages) if (message.role === "tool") results.set(message.callId, message);
    return [...waited, ...turn.messages.flatMap(toolCallsOf)].flatMap((call): ReadonlyArray<ExecutionRecord> => {
      const result = results.get(call.id);
      if (result?.execution === undefined) return [];
      const isCommand = call.name === executeBash.name;
      const isCell = call.name === executePython.name;
      return [{
        turn: turn.id,
        callId: call.id,
        tool: call.name,
        command: isCommand ? Option.map(decodeCommand(call.argumentsJson), ({ command }) => command) : Option.none(),
        code: isCell ? Option.map(decodeCode(call.argumentsJson), ({ code }) => code) : Option.none(),
        argumentsJson: call.argumentsJson,
        result: result.content,
        isError: result.isError,
        ...result.execution,
        outcome: isCommand ? decodeResult(result.content) : isCell ? decodeCell(result.content) : Option.none(),
      }];
    });
  });
};
