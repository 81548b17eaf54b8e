/**
 * The hosted tools that a request names, `code_interpreter` and `shell`: read, and offered to the model as functions
 * that our own tools carry out in a container.
 */
import { Clock, Effect, Option, Schema } from "effect";
import { HttpServerRequest } from "effect/http";
import { executeBash, executePython } from "../../../domain/agentTools.ts";
import { mediaTypeOf } from "../../../domain/Artifact.ts";
import type { ToolCall } from "../../../domain/Message.ts";
import type { Owner } from "../../../domain/Owner.ts";
import type { ToolDeclaration, ToolResult } from "../../../domain/Tool.ts";
import { argumentsMeant, ArgumentsObject } from "../../../domain/toolArguments.ts";
import { clientPath, type ContainersService, type KnownContainer } from "../../../runs/Containers.ts";
import type { ToolboxError, ToolCallOptions, ToolKit, Tools } from "../../../services/Toolbox.ts";
import type { ArtifactLinksService } from "../../caisson/ArtifactLinks.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { dataUrlOf, fitting } from "./shownImages.ts";
import { JsonObject } from "./wire.ts";

/** The names under which a model knows them; users are told to say "the python tool". */
export const pythonName = "python";
export const shellName = "shell";

const given = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

/** A container of the request's own, and what it is asked for. */
const Wish = Schema.Struct({
  file_ids: given(Schema.Array(Schema.String)),
  memory_limit: given(Schema.String),
  network_policy: given(JsonObject),
  skills: given(Schema.Array(JsonObject)),
});
const Interpreter = Schema.Struct({
  type: Schema.Literal("code_interpreter"),
  container: Schema.Union([Schema.String, Schema.Struct({ type: Schema.Literal("auto"), ...Wish.fields })]),
});
const Shell = Schema.Struct({
  type: Schema.Literal("shell"),
  environment: given(Schema.Union([
    Schema.Struct({ type: Schema.Literal("container_auto"), ...Wish.fields }),
    Schema.Struct({ type: Schema.Literal("container_reference"), container_id: Schema.String }),
  ])),
});
const decodeInterpreter = Schema.decodeUnknownOption(Interpreter);
const decodeShell = Schema.decodeUnknownOption(Shell);

/** A container that is wished for: one that is there, or one of the request's own. */
export type ContainerChoice =
  | { readonly _tag: "ById"; readonly id: string; readonly param: string }
  | { readonly _tag: "Auto"; readonly wish: typeof Wish.Type; readonly param: string };

/** The hosted tools of a request. */
export interface HostedTools {
  readonly names: ReadonlyArray<typeof pythonName | typeof shellName>;
  readonly container: ContainerChoice;
}

/** Whether a tool is one of those that are read here. */
export const isHosted = (tool: Readonly<Record<string, unknown>>): boolean =>
  tool["type"] === "code_interpreter" || tool["type"] === "shell";

const isLocal = ({ environment }: JsonObject): boolean =>
  typeof environment === "object" && environment !== null && Reflect.get(environment, "type") === "local";

const choiceOf = (tool: JsonObject, param: string): ContainerChoice | undefined => {
  const interpreter = decodeInterpreter(tool);
  if (Option.isSome(interpreter)) {
    const { container } = interpreter.value;
    return typeof container === "string"
      ? { _tag: "ById", id: container, param: `${param}.container` }
      : { _tag: "Auto", wish: container, param: `${param}.container` };
  }
  const shell = decodeShell(tool);
  if (Option.isNone(shell)) return undefined;
  const environment = shell.value.environment ?? { type: "container_auto" as const };
  return environment.type === "container_reference"
    ? { _tag: "ById", id: environment.container_id, param: `${param}.environment.container_id` }
    : { _tag: "Auto", wish: environment, param: `${param}.environment` };
};

const wishes = ["file_ids", "memory_limit", "network_policy", "skills"] as const;

type Auto = Extract<ContainerChoice, { readonly _tag: "Auto" }>;

/** What two tools wish of the container that they share; the first wish of the second that another stands against. */
const together = (first: Auto, second: Auto): Auto | (typeof wishes)[number] => {
  const given = (wish: Auto["wish"]) => wishes.filter((name) => wish[name] !== undefined && wish[name] !== null);
  const said = given(first.wish);
  const further = given(second.wish);
  const against = further.find((name) =>
    said.includes(name) && JSON.stringify(first.wish[name]) !== JSON.stringify(second.wish[name])
  );
  if (against !== undefined || further.length === 0) return against ?? first;
  if (said.length === 0) return second;
  return { ...first, wish: { ...second.wish, ...Object.fromEntries(said.map((name) => [name, first.wish[name]])) } };
};

/**
 * Reads the hosted tools among those of a request, each in its place; undefined where there are none.
 *
 * *Fails with* `InvalidRequest` for one that is malformed, for two of one kind, and for two containers.
 */
export const readHosted = Effect.fnUntraced(function* (
  tools: ReadonlyArray<JsonObject>,
  places: ReadonlyArray<string>,
): Effect.fn.Return<HostedTools | undefined, InvalidRequest> {
  const names: Array<HostedTools["names"][number]> = [];
  let chosen: ContainerChoice | undefined;
  for (const [index, tool] of tools.entries()) {
    if (!isHosted(tool)) continue;
    const param = places[index] ?? "tools";
    const name = tool["type"] === "shell" ? shellName : pythonName;
    const refuse = (why: string, at = param) => new InvalidRequest({ param: at, why, code: "invalid_value" });
    if (names.includes(name)) return yield* refuse(`The tool '${tool["type"]}' is given twice`);
    const choice = choiceOf(tool, param);
    if (choice === undefined) {
      if (isLocal(tool)) {
        return yield* refuse("A shell of type 'local' is not supported by this server", `${param}.environment.type`);
      }
      return yield* name === pythonName
        ? refuse("Expected 'container' to be a container's id or an object of type 'auto'", `${param}.container`)
        : refuse(
          "Expected 'environment' to be of type 'container_auto' or 'container_reference'",
          `${param}.environment`,
        );
    }
    if (chosen?._tag === "ById" && choice._tag === "ById" && chosen.id !== choice.id) {
      return yield* refuse("The tools of a response work in one container: name the same for each", choice.param);
    }
    const shared = chosen?._tag === "Auto" && choice._tag === "Auto" ? together(chosen, choice) : undefined;
    if (typeof shared === "string") {
      const why = "The tools of a response work in one container: wish the same for each";
      return yield* refuse(why, `${choice.param}.${shared}`);
    }
    chosen = shared ?? (chosen === undefined || choice._tag === "ById" ? choice : chosen);
    names.push(name);
  }
  return chosen === undefined ? undefined : { names, container: chosen };
});

// Calls ------------------------------------------------------------------------------------------

const PythonArguments = Schema.Struct({ code: Schema.String });
const ShellArguments = Schema.Struct({
  commands: Schema.Array(Schema.String),
  timeout_ms: Schema.optionalKey(Schema.Finite),
  max_output_length: Schema.optionalKey(Schema.Finite),
});
const decodeShellArguments = Schema.decodeUnknownOption(ShellArguments);
const shellMeant = argumentsMeant(ShellArguments);
const decodeObject = Schema.decodeUnknownOption(ArgumentsObject);
/** The code that a call of the model is to run. */
export const decodePython = Schema.decodeUnknownOption(Schema.fromJsonString(PythonArguments));
/** The commands that a call of the model is to run. */
export const decodeShellCall = (argumentsJson: string) =>
  Option.flatMap(decodeObject(argumentsJson), (given) => decodeShellArguments(shellMeant(given)));

const declarations: Readonly<Record<HostedTools["names"][number], ToolDeclaration>> = {
  [pythonName]: {
    name: pythonName,
    description:
      "Run Python in a container. Variables, imports and loaded data stay for later calls; files are in /mnt/data. " +
      "The last expression is shown like in a notebook, figures left open are saved as files and shown.",
    parameters: {
      type: "object",
      properties: { code: { type: "string", description: "Python code" } },
      required: ["code"],
    },
  },
  [shellName]: {
    name: shellName,
    description: "Run bash commands in a container, one after the other; files are in /mnt/data.",
    parameters: {
      type: "object",
      properties: {
        commands: { type: "array", items: { type: "string" }, description: "Commands to run with bash, in order" },
        timeout_ms: { type: "integer", description: "Milliseconds after which each is killed" },
        max_output_length: { type: "integer", description: "Characters of each output that are wanted" },
      },
      required: ["commands"],
    },
  },
};

/** Names of the network that the prompt lists; a longer list would crowd out the rest. */
const namesShownMax = 20;

/** What the model must know of a container's skills. */
const skillLines = ({ skills = [] }: KnownContainer): ReadonlyArray<string> =>
  skills.length === 0 ? [] : [
    "Skills: when a task fits one, first read its file and follow it; paths in it are relative to its folder.",
    ...skills.map(({ name, description, location }) => `- ${name}: ${description} (${clientPath(location)})`),
  ];

/** What the model must know of a container. */
const promptOf = (container: KnownContainer): string => {
  const { network } = container;
  const { allowedDomains = [], secretNames = [] } = network ?? {};
  const rest = allowedDomains.length > namesShownMax ? ` and ${allowedDomains.length - namesShownMax} more` : "";
  const lines = [
    "Code runs in a sealed container; files that should last and files for the user are in /mnt/data.",
    "When a file is for the user, link it in the answer as [name](sandbox:/mnt/data/name).",
    allowedDomains.length === 0
      ? "Nothing can be reached over the network."
      : "Over the network, by HTTPS through the " +
        `proxy of the environment, only these names can be reached: ${
          allowedDomains.slice(0, namesShownMax).join(", ")
        }${rest}. When something else is refused, tell the user which name.`,
  ];
  if (secretNames.length > 0) {
    lines.push(
      `The values of ${
        secretNames.map((name) => `$${name}`).join(", ")
      } are placeholders, replaced by secrets in the ` +
        "headers of requests to the hosts they belong to.",
    );
  }
  return [...lines, ...skillLines(container)].join("\n");
};

const CommandOutcomes = Schema.Array(Schema.Struct({
  stdout: Schema.String,
  stderr: Schema.String,
  exit_code: Schema.Int,
  timed_out: Schema.Boolean,
}));

/** What a call came to, as the response tells it; it stands in the result's structure. */
export const HostedOutcome = Schema.Struct({
  logs: Schema.String,
  images: Schema.Array(Schema.Struct({ url: Schema.String, file_id: Schema.String, filename: Schema.String })),
  files: Schema.Array(Schema.Struct({ id: Schema.String, path: Schema.String, filename: Schema.String })),
  commands: Schema.optionalKey(CommandOutcomes),
});
export type HostedOutcome = typeof HostedOutcome.Type;

const decodePythonResult = Schema.decodeUnknownOption(executePython.output);
const decodeBashResult = Schema.decodeUnknownOption(executeBash.output);

const failed = (text: string): ToolResult => ({ text: `Error: ${text}`, isError: true });

/** What a cell printed and showed, as one text. */
const logsOf = (
  { stdout, stderr, displays = [], result, error, note }: (typeof executePython.output)["Type"],
): string =>
  [stdout, stderr, ...displays, result, error, note].filter((text) => text !== undefined && text !== "")
    .map((text) => String(text).replace(/\n$/, "")).join("\n");

const decodeCellText = Schema.decodeUnknownOption(Schema.fromJsonString(executePython.output));
const decodeCommandsText = Schema.decodeUnknownOption(Schema.fromJsonString(CommandOutcomes));

/** What a call came to as its model was told it: all that is known of one that was carried out for another response. */
export const outcomeTold = (text: string): HostedOutcome => {
  const none = { images: [], files: [] };
  const commands = decodeCommandsText(text);
  if (Option.isSome(commands)) return { ...none, logs: "", commands: commands.value };
  return { ...none, logs: Option.match(decodeCellText(text), { onNone: () => text, onSome: logsOf }) };
};

/** The calls of our tools that a call of the model is carried out by; none where its arguments cannot be read. */
const comesTo = ({ id, name, argumentsJson }: ToolCall): ReadonlyArray<ToolCall> =>
  name === pythonName
    ? Option.match(decodePython(argumentsJson), {
      onNone: () => [],
      onSome: ({ code }) => [{ id, name: executePython.name, argumentsJson: JSON.stringify({ code }) }],
    })
    : Option.match(decodeShellCall(argumentsJson), {
      onNone: () => [],
      onSome: ({ commands }) =>
        commands.map((command) => ({ id, name: executeBash.name, argumentsJson: JSON.stringify({ command }) })),
    });

const runPython = Effect.fnUntraced(function* (call: ToolCall, tools: Tools, options: ToolCallOptions) {
  const asked = decodePython(call.argumentsJson);
  if (Option.isNone(asked)) return failed(`Invalid arguments for ${pythonName}: expected an object with 'code'`);
  const argumentsJson = JSON.stringify({ code: asked.value.code });
  // Variables stay in the container, whichever response asks: its kernel is the default one.
  const { onOutput } = options;
  return yield* tools.call(
    { id: call.id, name: executePython.name, argumentsJson },
    onOutput === undefined ? {} : { onOutput },
  );
});

const secondsMax = 600;

/** One command's outcome; what was refused or cannot be read is told as its error output. */
const commandOf = (result: ToolResult): NonNullable<HostedOutcome["commands"]>[number] =>
  Option.match(decodeBashResult(result.structured), {
    onNone: () => ({ stdout: "", stderr: result.text, exit_code: 1, timed_out: false }),
    onSome: ({ stdout, stderr, exit_code, timed_out = false }) => ({ stdout, stderr, exit_code, timed_out }),
  });

const runShell = Effect.fnUntraced(function* (
  call: ToolCall,
  tools: Tools,
  { onOutput }: ToolCallOptions,
): Effect.fn.Return<ToolResult, ToolboxError> {
  const asked = decodeShellCall(call.argumentsJson);
  if (Option.isNone(asked)) return failed(`Invalid arguments for ${shellName}: expected an object with 'commands'`);
  const { commands, timeout_ms: timeoutMs } = asked.value;
  const timeout = typeof timeoutMs === "number"
    ? { timeout: Math.min(secondsMax, Math.max(1, Math.ceil(timeoutMs / 1000))) }
    : {};
  const outcomes: Array<NonNullable<HostedOutcome["commands"]>[number]> = [];
  for (const command of commands) {
    const argumentsJson = JSON.stringify({ command, ...timeout });
    const result = yield* tools.call(
      { id: call.id, name: executeBash.name, argumentsJson },
      onOutput === undefined ? {} : { onOutput },
    );
    outcomes.push(commandOf(result));
  }
  return { text: JSON.stringify(outcomes), isError: false, structured: { commands: outcomes } };
});

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** Files that one call tells: those of an answer stand among the newest. */
const toldMax = 200;

/** What a kit is made of besides its tools. */
export interface KitParts {
  readonly containers: ContainersService;
  readonly links: ArtifactLinksService;
  /** Whose the container is. */
  readonly keeper: Owner;
}

/** Makes the kit of a request's hosted tools, which work in a container. */
export const makeKit = Effect.fnUntraced(function* (
  hosted: HostedTools,
  container: KnownContainer,
  { containers, links, keeper }: KitParts,
) {
  const base = links.baseOf(yield* HttpServerRequest.HttpServerRequest);
  /** The first call of a run tells the files that were there before as well: an answer may name them. */
  let isFirst = true;

  /** The files that a call made, and what it printed, as the response tells them. */
  const told = Effect.fnUntraced(function* (result: ToolResult, sinceMs: number) {
    const handle = yield* containers.open(container);
    const files = (yield* containers.files(container, handle, isFirst ? 0 : sinceMs)).slice(0, toldMax);
    isFirst = false;
    const cell = decodePythonResult(result.structured);
    const shown = new Set(Option.isSome(cell) ? cell.value.images : []);
    const shownFiles = files.filter(({ path }) => shown.has(path));
    const inline = fitting(shownFiles);
    const images = yield* Effect.forEach(
      shownFiles,
      Effect.fnUntraced(function* (file) {
        const data = inline.has(file.id) ? yield* dataUrlOf(handle, file) : Option.none();
        const url = Option.isSome(data)
          ? data.value
          : (yield* links.describe(base, container.owner, file, mediaTypeOf(file.path))).url;
        return { url, file_id: file.id, filename: nameOf(file.path) };
      }),
    );
    const { commands } = result.structured ?? {};
    return {
      logs: Option.isSome(cell) ? logsOf(cell.value) : result.isError ? result.text : "",
      images,
      files: files.map(({ id, clientPath, path }) => ({ id, path: clientPath, filename: nameOf(path) })),
      ...(commands !== undefined && { commands }),
    };
  });

  const kit: ToolKit = {
    owner: container.owner,
    container: container.id,
    held: containers.hold(keeper, container),
    declarations: hosted.names.map((name) => declarations[name]),
    prompt: promptOf(container),
    comesTo,
    call: (call, tools, options) =>
      Effect.scoped(Effect.gen(function* () {
        if (!hosted.names.some((name) => name === call.name)) {
          return failed(`There is no tool named '${call.name}'. The tools are ${hosted.names.join(", ")}`);
        }
        const sinceMs = yield* Clock.currentTimeMillis;
        const result = yield* call.name === pythonName
          ? runPython(call, tools, options)
          : runShell(call, tools, options);
        return { ...result, structured: yield* told(result, sinceMs) };
      })),
  };
  return kit;
});
