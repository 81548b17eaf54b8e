/**
 * The calls of hosted tools as items and events of a response.
 *
 * *Source*: the events of OpenAI's published types; a program that fails is a call that completed, with its traceback
 * in the logs.
 */
import { Option, Schema } from "effect";
import type { ToolCallFinished, ToolOutput } from "../../../domain/AgentEvent.ts";
import type { ToolCall } from "../../../domain/Message.ts";
import { decodePython, decodeShellCall, HostedOutcome, outcomeTold, pythonName, shellName } from "./hostedTools.ts";
import type { JsonObject } from "./wire.ts";

/** What the items need of the response that they are of. */
export interface ItemTeller<Event> {
  /** Makes the next event. */
  readonly event: (type: string, fields: JsonObject) => Event;
  /** The id of the item that is put at the end of the output now. */
  readonly newId: (prefix: string) => string;
  /** The place of that item. */
  readonly nextIndex: () => number;
  /** Puts a whole item at the end of the output. */
  readonly put: (item: JsonObject) => void;
}

type Commands = NonNullable<HostedOutcome["commands"]>;

/** A call that runs. */
interface OpenCall {
  readonly name: typeof pythonName | typeof shellName;
  readonly callId: string;
  readonly id: string;
  readonly outputIndex: number;
  readonly code: string;
  readonly commands: ReadonlyArray<string>;
  readonly lengthMax: number | null;
  /** Something was printed and told while it ran. */
  isHeard: boolean;
}

const decodeOutcome = Schema.decodeUnknownOption(HostedOutcome);

/** What a call came to; one that was refused tells why. */
export const outcomeOf = ({ result }: ToolCallFinished): HostedOutcome =>
  Option.getOrElse(decodeOutcome(result.structured), () => outcomeTold(result.text));

const outputsOf = ({ logs, images }: HostedOutcome): ReadonlyArray<JsonObject> => [
  ...(logs === "" ? [] : [{ type: "logs", logs }]),
  ...images.map(({ url }) => ({ type: "image", url })),
];

const shellOutput = ({ stdout, stderr, exit_code, timed_out }: Commands[number]): JsonObject => ({
  stdout,
  stderr,
  outcome: timed_out ? { type: "timeout" } : { type: "exit", exit_code },
});

/** Tells the hosted calls of one run. */
export class HostedItems<Event> {
  #open: OpenCall | undefined;

  constructor(readonly tell: ItemTeller<Event>) {}

  /** A call begins; nothing is told of tools that are not hosted. */
  opened(call: ToolCall, container: string): ReadonlyArray<Event> {
    if (call.name === pythonName) return this.#python(call, container);
    return call.name === shellName ? this.#shell(call, container) : [];
  }

  /** A call prints; of several commands nobody knows which does, so they are told when they have ended. */
  printed(output: ToolOutput): ReadonlyArray<Event> {
    const open = this.#open;
    if (open?.name !== shellName || open.commands.length !== 1 || output.text === "") return [];
    open.isHeard = true;
    return [this.tell.event("response.shell_call_output_content.delta", {
      item_id: open.id,
      output_index: open.outputIndex,
      command_index: 0,
      delta: { [output.stream]: output.text },
    })];
  }

  /** A call has ended. */
  closed(finished: ToolCallFinished, container: string): ReadonlyArray<Event> {
    const open = this.#open;
    if (open?.callId !== finished.call.id) return [];
    this.#open = undefined;
    const outcome = outcomeOf(finished);
    if (open.name === shellName) return this.#shellEnded(open, outcome);
    return this.#pythonEnded(open, container, finished.result.isError ? "failed" : "completed", outputsOf(outcome));
  }

  /** The run ends while a call still runs. */
  cut(container: string): ReadonlyArray<Event> {
    const open = this.#open;
    if (open === undefined) return [];
    this.#open = undefined;
    return open.name === shellName
      ? this.#shellDone(open, "incomplete", [])
      : this.#pythonEnded(open, container, "incomplete", []);
  }

  #python(call: ToolCall, container: string): ReadonlyArray<Event> {
    const { event } = this.tell;
    const code = Option.match(decodePython(call.argumentsJson), {
      onNone: () => call.argumentsJson,
      onSome: ({ code }) => code,
    });
    const outputIndex = this.tell.nextIndex();
    const id = this.tell.newId("ci");
    const at = { item_id: id, output_index: outputIndex };
    const rest = { commands: [], lengthMax: null, isHeard: false };
    this.#open = { name: pythonName, callId: call.id, id, outputIndex, code, ...rest };
    const item = { id, type: "code_interpreter_call", status: "in_progress", code: "", container_id: container };
    return [
      event("response.output_item.added", { output_index: outputIndex, item: { ...item, outputs: [] } }),
      event("response.code_interpreter_call.in_progress", at),
      event("response.code_interpreter_call_code.delta", { ...at, delta: code }),
      event("response.code_interpreter_call_code.done", { ...at, code }),
      event("response.code_interpreter_call.interpreting", at),
    ];
  }

  #pythonEnded(
    { id, outputIndex, code }: OpenCall,
    container: string,
    status: string,
    outputs: ReadonlyArray<JsonObject>,
  ): ReadonlyArray<Event> {
    const { event } = this.tell;
    const item = { id, type: "code_interpreter_call", status, code, container_id: container, outputs };
    this.tell.put(item);
    return [
      ...(status === "incomplete"
        ? []
        : [event("response.code_interpreter_call.completed", { item_id: id, output_index: outputIndex })]),
      event("response.output_item.done", { output_index: outputIndex, item }),
    ];
  }

  #shell(call: ToolCall, container: string): ReadonlyArray<Event> {
    const { event } = this.tell;
    const asked = Option.getOrUndefined(decodeShellCall(call.argumentsJson));
    const { timeout_ms = null, max_output_length = null } = asked ?? {};
    const commands = asked?.commands ?? [call.argumentsJson];
    const callIndex = this.tell.nextIndex();
    const item = (status: string, said: ReadonlyArray<string>): JsonObject => ({
      id: callItem,
      type: "shell_call",
      status,
      call_id: call.id,
      action: { commands: said, timeout_ms, max_output_length },
      environment: { type: "container_reference", container_id: container },
    });
    const callItem = this.tell.newId("sh");
    const added = event("response.output_item.added", { output_index: callIndex, item: item("in_progress", []) });
    const told = commands.flatMap((command, index) => {
      const at = { command_index: index, output_index: callIndex };
      return [
        event("response.shell_call_command.added", { ...at, command: "" }),
        event("response.shell_call_command.delta", { ...at, delta: command }),
        event("response.shell_call_command.done", { ...at, command }),
      ];
    });
    const whole = item("completed", commands);
    const done = event("response.output_item.done", { output_index: callIndex, item: whole });
    this.tell.put(whole);
    const outputIndex = this.tell.nextIndex();
    const id = this.tell.newId("sho");
    const lengthMax = max_output_length;
    this.#open = { name: shellName, callId: call.id, id, outputIndex, code: "", commands, lengthMax, isHeard: false };
    const output = { id, type: "shell_call_output", status: "in_progress", call_id: call.id };
    return [
      added,
      ...told,
      done,
      event("response.output_item.added", {
        output_index: outputIndex,
        item: { ...output, max_output_length: lengthMax, output: [] },
      }),
    ];
  }

  #shellEnded(open: OpenCall, { commands, logs }: HostedOutcome): ReadonlyArray<Event> {
    const { event } = this.tell;
    const ended = commands ?? [{ stdout: "", stderr: logs, exit_code: 1, timed_out: false }];
    const outputs = ended.map(shellOutput);
    const told = outputs.flatMap((output, index) => {
      const at = { item_id: open.id, output_index: open.outputIndex, command_index: index };
      const { stdout, stderr } = ended[index] ?? { stdout: "", stderr: "" };
      const delta = { ...(stdout !== "" && { stdout }), ...(stderr !== "" && { stderr }) };
      return [
        ...(open.isHeard ? [] : [event("response.shell_call_output_content.delta", { ...at, delta })]),
        event("response.shell_call_output_content.done", { ...at, output: [output] }),
      ];
    });
    return [...told, ...this.#shellDone(open, "completed", outputs)];
  }

  #shellDone(open: OpenCall, status: string, output: ReadonlyArray<JsonObject>): ReadonlyArray<Event> {
    const item = {
      id: open.id,
      type: "shell_call_output",
      status,
      call_id: open.callId,
      max_output_length: open.lengthMax,
      output,
    };
    this.tell.put(item);
    return [this.tell.event("response.output_item.done", { output_index: open.outputIndex, item })];
  }
}
