/**
 * The tools that a request names: as the model is offered them, and back to the client's form.
 *
 * A model knows functions with flat names; a custom tool is a function of one text, a namespace a prefix.
 */
import { Effect, Option, Result, Schema } from "effect";
import type { ToolDeclaration } from "../../../domain/Tool.ts";
import type { ToolChoice } from "../../../services/Model.ts";
import { InvalidRequest } from "../../frame/errors.ts";
import { firstWrong } from "../../frame/firstWrong.ts";
import { quoted } from "../../../web/errors/Row.ts";
import { type HostedTools, isHosted, pythonName, shellName } from "./hostedTools.ts";
import { JsonObject, type ResponseRequest } from "./wire.ts";

/** One tool of the client's. */
export interface ClientTool {
  readonly kind: "function" | "custom";
  readonly name: string;
  readonly namespace: string | undefined;
  readonly declaration: ToolDeclaration;
}

const given = Schema.optionalKey(Schema.NullOr(Schema.String));
const FunctionTool = Schema.Struct({
  type: Schema.Literal("function"),
  name: Schema.String,
  description: given,
  parameters: Schema.optionalKey(Schema.NullOr(JsonObject)),
  strict: Schema.optionalKey(Schema.Unknown),
});
const CustomTool = Schema.Struct({
  type: Schema.Literal("custom"),
  name: Schema.String,
  description: given,
  format: Schema.optionalKey(Schema.NullOr(JsonObject)),
});
const NamespaceTool = Schema.Struct({
  type: Schema.Literal("namespace"),
  name: Schema.String,
  tools: Schema.Array(JsonObject),
});
const decodeFunction = Schema.decodeUnknownOption(FunctionTool);
const decodeCustom = Schema.decodeUnknownOption(CustomTool);
const decodeNamespace = Schema.decodeUnknownOption(NamespaceTool);

/** What tells what is wrong with a tool, by its type. */
const checks: Readonly<Record<string, (tool: unknown) => Result.Result<unknown, Schema.SchemaError>>> = {
  function: Schema.decodeUnknownResult(FunctionTool),
  custom: Schema.decodeUnknownResult(CustomTool),
  namespace: Schema.decodeUnknownResult(NamespaceTool),
};

/** The refusal of a tool that cannot be offered. */
const unreadable = (tool: JsonObject, place: string): InvalidRequest => {
  const { type } = tool;
  if (typeof type !== "string") {
    return new InvalidRequest({
      param: `${place}.type`,
      why: type === undefined
        ? `Missing required parameter: '${place}.type'.`
        : `Expected '${place}.type' to be a string`,
      code: type === undefined ? "missing_required_parameter" : "invalid_value",
    });
  }
  if (!Object.hasOwn(checks, type)) {
    const why = `Tools of type '${quoted(type)}' are not supported by this server`;
    return new InvalidRequest({ param: `${place}.type`, why, code: "unsupported_value" });
  }
  const checked = checks[type]?.(tool);
  const wrong = checked !== undefined && Result.isFailure(checked) ? firstWrong(checked.failure.issue) : undefined;
  const param = wrong === undefined || wrong.param === null ? place : `${place}.${wrong.param}`;
  return new InvalidRequest({
    param,
    why: `Invalid tool of type '${type}'${wrong === undefined ? "" : `: '${param}': ${wrong.why}`}`,
    code: "invalid_value",
  });
};

/** OpenAI's bound of tools, those of namespaces counted; a model chooses badly among more. */
const toolsMax = 128;

/** Hosted tools that clients always send and that mean nothing where they are not served. */
const ignored: ReadonlySet<string> = new Set(["web_search", "web_search_preview", "tool_search"]);

/** Whether a tool is accepted and left out. */
export const isPassedOver = (tool: Readonly<Record<string, unknown>>): boolean =>
  typeof tool["type"] === "string" && ignored.has(tool["type"]);

/** A namespace whose members are called by their own names. */
const bareNamespace = "functions";

/** The name under which a model knows a tool. */
export const flatName = (name: string, namespace: string | null | undefined): string =>
  namespace === undefined || namespace === null || namespace === bareNamespace ? name : `${namespace}__${name}`;

const customText = (format: JsonObject | null | undefined): string => {
  const grammar = format?.["type"] === "grammar" ? format["definition"] : undefined;
  const kind = format?.["syntax"] === "regex" ? "regular expression" : "Lark grammar";
  return typeof grammar === "string" ? `\n\nThe input is text of this ${kind}:\n${grammar}` : "";
};

const readTool = (tool: JsonObject, namespace: string | undefined): ReadonlyArray<ClientTool> | undefined => {
  const declared = decodeFunction(tool);
  if (Option.isSome(declared)) {
    const { name, description, parameters, strict } = declared.value;
    const declaration = {
      name: flatName(name, namespace),
      description: description ?? "",
      parameters: { ...(parameters ?? { type: "object", properties: {} }) },
      ...(strict === true && { strict }),
    };
    return [{ kind: "function", name, namespace, declaration }];
  }
  const custom = decodeCustom(tool);
  if (Option.isSome(custom)) {
    const { name, description, format } = custom.value;
    const declaration = {
      name: flatName(name, namespace),
      description: `${description ?? ""}${customText(format)}`,
      parameters: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
    };
    return [{ kind: "custom", name, namespace, declaration }];
  }
  const group = namespace === undefined ? decodeNamespace(tool) : Option.none();
  return Option.isNone(group)
    ? undefined
    : group.value.tools.flatMap((member) => readTool(member, group.value.name) ?? []);
};

/** The tools that are named and can be read; for a response that was admitted before, those are all. */
export const clientTools = (tools: ReadonlyArray<JsonObject>): ReadonlyArray<ClientTool> =>
  tools.flatMap((tool) => readTool(tool, undefined) ?? []);

/**
 * Reads the tools of a request, each in its place.
 *
 * *Fails with* `InvalidRequest`: a tool of a type that is not served, two of one name, too many.
 */
export const readTools = Effect.fnUntraced(function* (
  tools: ReadonlyArray<JsonObject>,
  hosted: HostedTools | undefined,
  places: ReadonlyArray<string>,
): Effect.fn.Return<ReadonlyArray<ClientTool>, InvalidRequest> {
  for (const [index, tool] of tools.entries()) {
    if (isHosted(tool)) continue;
    if (isPassedOver(tool) || readTool(tool, undefined) !== undefined) continue;
    return yield* unreadable(tool, places[index] ?? "tools");
  }
  const found = clientTools(tools);
  if (found.length > toolsMax) {
    return yield* new InvalidRequest({
      param: "tools",
      why: `Expected at most ${toolsMax} tools, got ${found.length}`,
      code: "array_above_max_length",
    });
  }
  const names = new Set<string>(hosted?.names);
  for (const { declaration: { name } } of found) {
    if (names.has(name)) {
      return yield* new InvalidRequest({
        param: "tools",
        why: `The tool name '${quoted(name)}' is given twice`,
        code: "invalid_value",
      });
    }
    names.add(name);
  }
  return found;
});

/** Which tools are offered, and what is said of calling them. */
export interface Offer {
  readonly tools: ReadonlyArray<ClientTool>;
  readonly hosted: HostedTools | undefined;
  readonly choice: ToolChoice | undefined;
}

const decodeNamed = Schema.decodeUnknownOption(
  Schema.Struct({ type: Schema.Literals(["function", "custom"]), name: Schema.String }),
);
const decodeAllowed = Schema.decodeUnknownOption(Schema.Struct({
  type: Schema.Literal("allowed_tools"),
  mode: Schema.Literals(["auto", "required"]),
  tools: Schema.Array(JsonObject),
}));

const modes = { none: { _tag: "None" }, auto: { _tag: "Auto" }, required: { _tag: "Required" } } as const;

/** The name under which a model knows the tool that a choice names by its type. */
const hostedNames: Readonly<Record<string, HostedTools["names"][number]>> = {
  code_interpreter: pythonName,
  shell: shellName,
};

/** Keeps the tools that a request allows. */
const allow = (
  allowed: ReadonlyArray<JsonObject>,
  tools: ReadonlyArray<ClientTool>,
  hosted: HostedTools | undefined,
): { readonly unknown: unknown } | Pick<Offer, "tools" | "hosted"> => {
  const kept: Array<ClientTool> = [];
  const names: Array<HostedTools["names"][number]> = [];
  for (const entry of allowed) {
    const known = hostedNames[String(entry["type"])];
    if (known !== undefined) {
      if (hosted?.names.includes(known) !== true) return { unknown: entry["type"] };
      names.push(known);
      continue;
    }
    const named = tools.filter(({ name }) => name === entry["name"]);
    if (named.length === 0) return { unknown: entry["name"] };
    kept.push(...named);
  }
  return { tools: kept, hosted: hosted === undefined || names.length === 0 ? undefined : { ...hosted, names } };
};

/** Reads `tool_choice`. *Fails with* `InvalidRequest` when it names a tool that is not in the request. */
export const readChoice = Effect.fnUntraced(function* (
  choice: ResponseRequest["tool_choice"],
  tools: ReadonlyArray<ClientTool>,
  hosted: HostedTools | undefined,
): Effect.fn.Return<Offer, InvalidRequest> {
  if (choice === undefined || choice === null) return { tools, hosted, choice: undefined };
  if (typeof choice === "string") return { tools, hosted, choice: modes[choice] };
  const missing = (param: string, name: unknown) =>
    typeof name === "string"
      ? new InvalidRequest({
        param,
        why: `Tool choice '${quoted(name)}' not found in 'tools' parameter.`,
        code: "invalid_value",
      })
      : new InvalidRequest({
        param,
        why: `Expected '${param}' to name tools: of functions 'type' and 'name', of others their 'type'`,
        code: "invalid_value",
      });
  const allowed = decodeAllowed(choice);
  if (Option.isSome(allowed)) {
    const left = allow(allowed.value.tools, tools, hosted);
    if ("unknown" in left) return yield* missing("tool_choice.tools", left.unknown);
    return { ...left, choice: modes[allowed.value.mode] };
  }
  const known = hostedNames[String(choice["type"])];
  if (known !== undefined && hosted?.names.includes(known) === true) {
    return { tools, hosted, choice: { _tag: "Named", name: known } };
  }
  const named = decodeNamed(choice);
  const tool = Option.isSome(named)
    ? tools.find(({ name, kind }) => name === named.value.name && kind === named.value.type)
    : undefined;
  const byName = choice["type"] === "function" || choice["type"] === "custom";
  if (tool === undefined) return yield* missing("tool_choice", byName ? choice["name"] : choice["type"]);
  return { tools, hosted, choice: { _tag: "Named", name: tool.declaration.name } };
});
