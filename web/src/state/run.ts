/**
 * A run as the page shows it: parts in the order they happened, each growing by itself.
 *
 * The same parts come from the events of a run that goes on and from a turn that is stored. Whatever can
 * change is a signal, so that a piece of text draws its own part again and nothing else.
 */
import { type Signal, signal } from "npm:@preact/signals@2.11.4";
import type { Asking, Chunk, Execution, FileOut, TurnOut, Usage, WireMessage } from "../wire.ts";

/** Part of the answer, or of what the model thought. */
export interface TextPart {
  readonly kind: "text" | "thought";
  readonly key: string;
  readonly text: Signal<string>;
}

/** What a command prints: pieces in the order they came, so that a screen can add without drawing again. */
export interface Output {
  pieces: Array<{ readonly stream: "stdout" | "stderr"; readonly text: string }>;
  characters: number;
  readonly version: Signal<number>;
}

/** How a call ended. */
export interface StepEnd {
  readonly exitCode: number | null;
  readonly isError: boolean;
  readonly flags: ReadonlyArray<string>;
  readonly result: string;
  readonly durationMs: number;
}

/** A call of a tool. */
export interface StepPart {
  readonly kind: "step";
  readonly key: string;
  readonly callId: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly output: Output;
  readonly end: Signal<StepEnd | undefined>;
  /** When it began on this page's clock; 0 for a step of an old conversation. */
  readonly startedMs: number;
}

export type Part = TextPart | StepPart;

/** A time in the model or in a tool. */
export interface Span {
  readonly kind: "model" | "tool";
  readonly fromMs: number;
  readonly toMs: number;
}

/** A question and what came of it. */
export interface RunView {
  readonly key: string;
  readonly text: string;
  readonly uploads: ReadonlyArray<string>;
  readonly parent: string | null;
  readonly startedMs: number;
  readonly id: Signal<string | undefined>;
  readonly turn: Signal<string | undefined>;
  readonly model: Signal<string>;
  readonly parts: Signal<ReadonlyArray<Part>>;
  readonly files: Signal<ReadonlyArray<FileOut>>;
  readonly spans: Signal<ReadonlyArray<Span>>;
  readonly status: Signal<"running" | "done" | "stopped" | "failed">;
  readonly error: Signal<string | undefined>;
  readonly reason: Signal<string | undefined>;
  /** What a person is asked; what follows this run decides it. */
  readonly asking: Signal<Asking | undefined>;
  readonly usage: Signal<Usage | undefined>;
  readonly costUsd: Signal<number | undefined>;
  readonly endedMs: Signal<number | undefined>;
}

let keys = 0;
const nextKey = (): string => `k${++keys}`;

/** Characters of output that are shown; the whole is in the result, or in a file. */
const outputCharactersMax = 400_000;

const newOutput = (): Output => ({ pieces: [], characters: 0, version: signal(0) });

const addOutput = (output: Output, stream: "stdout" | "stderr", text: string): void => {
  const room = outputCharactersMax - output.characters;
  if (text === "" || room <= 0) return;
  const shown = text.length > room ? text.slice(0, room) : text;
  output.characters += shown.length;
  output.pieces.push({ stream, text: shown });
  output.version.value++;
};

const clearOutput = (output: Output): void => {
  output.pieces = [];
  output.characters = 0;
};

/** What is asked, before anything is heard. */
export interface Asked {
  readonly text: string;
  readonly uploads: ReadonlyArray<string>;
  readonly model: string;
  readonly parent: string | null;
  readonly startedMs: number;
}

/** A run of which nothing is heard yet. */
export const newRun = ({ text, uploads, model, parent, startedMs }: Asked): RunView => ({
  key: nextKey(),
  text,
  uploads,
  parent,
  startedMs,
  id: signal(undefined),
  turn: signal(undefined),
  model: signal(model),
  parts: signal([]),
  files: signal([]),
  spans: signal([]),
  status: signal("running"),
  error: signal(undefined),
  reason: signal(undefined),
  asking: signal(undefined),
  usage: signal(undefined),
  costUsd: signal(undefined),
  endedMs: signal(undefined),
});

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const objectOf = (json: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : { arguments: json };
  } catch {
    return { arguments: json };
  }
};

const newStep = (callId: string, tool: string, argumentsJson: string, startedMs: number): StepPart => ({
  kind: "step",
  key: nextKey(),
  callId,
  tool,
  input: objectOf(argumentsJson),
  output: newOutput(),
  end: signal(undefined),
  startedMs,
});

const flagNames = ["timed_out", "truncated", "oom_killed", "restarted", "state_lost"];

const textOfResult = (result: unknown): string => {
  if (typeof result === "string") return result;
  if (!isObject(result)) return "";
  for (const name of ["result", "text", "docstring", "error"]) {
    const value = result[name];
    if (typeof value === "string" && value !== "") return value;
  }
  return "";
};

const endOf = (result: unknown, isError: boolean, durationMs: number): StepEnd => {
  const fields = isObject(result) ? result : {};
  return {
    exitCode: typeof fields["exit_code"] === "number" ? fields["exit_code"] : null,
    isError: isError || (typeof fields["error"] === "string" && fields["error"] !== ""),
    flags: flagNames.filter((flag) => fields[flag] === true),
    result: textOfResult(result),
    durationMs,
  };
};

const replaceOutput = (output: Output, result: Readonly<Record<string, unknown>>): void => {
  clearOutput(output);
  addOutput(output, "stdout", typeof result["stdout"] === "string" ? result["stdout"] : "");
  addOutput(output, "stderr", typeof result["stderr"] === "string" ? result["stderr"] : "");
};

/** Characters that a result says were printed. */
const charactersIn = (result: Readonly<Record<string, unknown>>): number =>
  [result["stdout"], result["stderr"]].reduce<number>(
    (sum, text) => sum + (typeof text === "string" ? text.length : 0),
    0,
  );

/** Hears the frames of one run, in their order; frames that were heard before change nothing. */
export class RunReader {
  readonly run: RunView;
  readonly #steps = new Map<string, StepPart>();
  readonly #now: () => number;
  #lastMs = 0;
  #lastSeq = 0;

  constructor(run: RunView, now: () => number) {
    this.run = run;
    this.#now = now;
  }

  /** Takes one frame. */
  hear(chunk: Chunk): void {
    const delta = chunk.choices[0]?.delta;
    if (delta?.reasoning_content) this.#grow("thought", delta.reasoning_content);
    // What is asked ends the run; the words that follow tell it again, to those who read nothing else.
    if (delta?.content && this.run.asking.value === undefined) this.#grow("text", delta.content);
    const event = chunk.caisson;
    if (event === undefined || event.seq <= this.#lastSeq) return;
    this.#lastSeq = event.seq;
    switch (event.type) {
      case "run.started":
        this.run.id.value = event.run;
        this.run.turn.value = event.turn;
        this.run.model.value = event.model;
        break;
      case "tool.started": {
        this.#span("model", event.at_ms);
        const step = newStep(event.call.id, event.call.name, event.call.arguments, this.#now());
        this.#steps.set(event.call.id, step);
        this.run.parts.value = [...this.run.parts.value, step];
        break;
      }
      case "tool.output": {
        const step = this.#steps.get(event.call_id);
        if (step !== undefined) addOutput(step.output, event.stream, event.text);
        break;
      }
      case "tool.finished": {
        this.#span("tool", event.at_ms);
        const step = this.#steps.get(event.call_id);
        if (step === undefined) break;
        const { result } = event;
        // What was cut or left out while it ran comes whole with the result; without live output all of it does.
        if (isObject(result) && (result["truncated"] === true || step.output.characters < charactersIn(result))) {
          replaceOutput(step.output, result);
        }
        step.end.value = endOf(result, event.is_error, event.duration_ms);
        break;
      }
      case "approval.requested":
        this.run.asking.value = { id: event.id, expires_at: event.expires_at, calls: event.calls };
        break;
      case "files.changed":
        this.run.files.value = merged(this.run.files.value, event.files);
        break;
      case "run.finished":
        this.#span("model", event.at_ms);
        this.run.usage.value = event.usage;
        this.run.costUsd.value = event.cost_usd ?? undefined;
        this.run.reason.value = event.reason;
        break;
    }
  }

  #grow(kind: "text" | "thought", text: string): void {
    const last = this.run.parts.value.at(-1);
    if (last?.kind === kind) last.text.value += text;
    else this.run.parts.value = [...this.run.parts.value, { kind, key: nextKey(), text: signal(text) }];
  }

  #span(kind: Span["kind"], toMs: number): void {
    this.run.spans.value = [...this.run.spans.value, { kind, fromMs: this.#lastMs, toMs }];
    this.#lastMs = toMs;
  }
}

/** Files with those that changed again replaced, and those that are gone left out. */
export const merged = (
  known: ReadonlyArray<FileOut>,
  changed: ReadonlyArray<FileOut>,
): ReadonlyArray<FileOut> => {
  const byPath = new Map(known.map((file) => [file.path, file]));
  for (const file of changed) {
    if (file.change === "deleted") byPath.delete(file.path);
    else byPath.set(file.path, file);
  }
  return [...byPath.values()];
};

// Stored turns -----------------------------------------------------------------------------------

const textOf = (content: WireMessage["content"]): string =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("");

const statusOf = (turn: TurnOut): "done" | "stopped" | "failed" =>
  turn.status === "cancelled" ? "stopped" : turn.status === "failed" ? "failed" : "done";

const finishStep = (step: StepPart, content: string, ran: Execution | undefined): void => {
  const fields = objectOf(content);
  const isData = "stdout" in fields || "exit_code" in fields;
  if (ran !== undefined && (ran.stdout !== null || ran.stderr !== null)) {
    replaceOutput(step.output, { stdout: ran.stdout, stderr: ran.stderr });
  } else if (isData) replaceOutput(step.output, fields);
  const end = endOf(isData ? fields : content, ran?.is_error ?? false, ran?.duration_ms ?? 0);
  step.end.value = ran === undefined
    ? end
    : { ...end, exitCode: ran.exit_code, flags: ran.flags, result: isData ? end.result : content };
};

/** Files that were last changed while a turn went on, where the server does not tell which it made. */
const changedDuring = (turn: TurnOut, files: ReadonlyArray<FileOut>): ReadonlyArray<FileOut> =>
  turn.messages.some(({ role }) => role === "tool")
    ? files.filter(({ path, created_at: changedAt }) =>
      turn.created_at <= changedAt && changedAt <= turn.finished_at && !path.startsWith("/workspace/uploads/")
    )
    : [];

/** What the user said in a turn. */
export const saidIn = (turn: TurnOut): string =>
  textOf(turn.messages.find(({ role }) => role === "user")?.content ?? "");

/** The files of a turn as they are now, where it is known what is there. */
const filesOf = (turn: TurnOut, files: ReadonlyArray<FileOut> | undefined): ReadonlyArray<FileOut> => {
  const { files: made } = turn;
  if (made === undefined || made === null) return changedDuring(turn, files ?? []);
  if (files === undefined) return made;
  const now = new Map(files.map((file) => [file.path, file]));
  return made.map((file) => now.has(file.path) ? { ...file, ...now.get(file.path) } : { ...file, isGone: true });
};

/** The calls that waited before a turn and that were carried out in it, as its first steps. */
const carriedOut = (
  turn: TurnOut,
  asking: Asking | undefined,
  executions: ReadonlyMap<string, Execution>,
): ReadonlyArray<StepPart> =>
  (asking?.calls ?? []).flatMap(({ id, name, arguments: json }) =>
    executions.get(id)?.turn === turn.id ? [newStep(id, name, json, 0)] : []
  );

/**
 * A stored turn as a run that has ended; `files` are all of the workspace, undefined where some are not known, and
 * `asked` is what the turn before it asked of a person.
 */
export const storedRun = (
  turn: TurnOut,
  executions: ReadonlyMap<string, Execution>,
  files: ReadonlyArray<FileOut> | undefined,
  asked?: Asking,
): RunView => {
  const startedMs = turn.started_at_ms ?? turn.created_at * 1000;
  const said = turn.messages.find(({ role }) => role === "user");
  const uploads = (said?.attachments ?? []).map(({ path }) => path);
  const run = newRun({ text: saidIn(turn), uploads, model: turn.model, parent: turn.parent, startedMs });
  const first = carriedOut(turn, asked, executions);
  const parts: Array<Part> = [...first];
  const spans: Array<Span> = [];
  const steps = new Map(first.map((step) => [step.callId, step]));
  const waits = new Set(turn.approval?.calls.map(({ id }) => id));
  for (const message of turn.messages) {
    if (message.role === "assistant") {
      const thought = message.reasoning_content ?? "";
      if (thought !== "") parts.push({ kind: "thought", key: nextKey(), text: signal(thought) });
      const text = textOf(message.content);
      if (text !== "") parts.push({ kind: "text", key: nextKey(), text: signal(text) });
      for (const { id, function: called } of message.tool_calls ?? []) {
        if (waits.has(id)) continue;
        const step = newStep(id, called.name, called.arguments, 0);
        steps.set(id, step);
        parts.push(step);
      }
    } else if (message.role === "tool") {
      const step = steps.get(message.tool_call_id ?? "");
      const ran = executions.get(message.tool_call_id ?? "");
      if (step === undefined) continue;
      finishStep(step, textOf(message.content), ran);
      if (ran === undefined) continue;
      const fromMs = Math.max(0, ran.started_at_ms - startedMs);
      spans.push({ kind: "tool", fromMs, toMs: fromMs + ran.duration_ms });
    }
  }
  run.turn.value = turn.id;
  run.asking.value = turn.approval;
  run.parts.value = parts;
  run.spans.value = spans;
  run.files.value = filesOf(turn, files);
  run.status.value = statusOf(turn);
  run.usage.value = turn.usage;
  run.costUsd.value = turn.cost_usd ?? undefined;
  run.endedMs.value = turn.finished_at_ms ?? turn.finished_at * 1000;
  return run;
};

/** Tokens of a run, both ways. */
export const tokensOf = (usage: Usage | undefined): number =>
  usage === undefined ? 0 : usage.total_tokens ?? usage.prompt_tokens + usage.completion_tokens;
