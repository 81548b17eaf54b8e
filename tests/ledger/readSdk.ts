/**
 * Reads from the types of OpenAI's own SDK what its API has: the operations, and every field of their requests.
 *
 * Writes `tests/ledger/openai.json`. Run it by `deno task ledger:sdk` when the tests pin a newer SDK; everything else
 * works from the table, without the SDK and without a network.
 */
import ts from "npm:typescript@5.9.3";
import type { Field, Operation } from "./surface.ts";

/** The SDK's resources whose operations are told, in the order of the page. */
const resources: ReadonlyArray<readonly [file: string, name: string]> = [
  ["chat/completions/completions", "chat.completions"],
  ["chat/completions/messages", "chat.completions.messages"],
  ["responses/responses", "responses"],
  ["responses/input-items", "responses.inputItems"],
  ["responses/input-tokens", "responses.inputTokens"],
  ["conversations/conversations", "conversations"],
  ["conversations/items", "conversations.items"],
  ["containers/containers", "containers"],
  ["containers/files/files", "containers.files"],
  ["containers/files/content", "containers.files.content"],
  ["files", "files"],
  ["uploads/uploads", "uploads"],
  ["uploads/parts", "uploads.parts"],
  ["models", "models"],
];

const decoder = new TextDecoder();

/** Where the cache of packages has the SDK. */
const findPackage = async (version: string): Promise<string> => {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache }: { npmCache: string } = JSON.parse(decoder.decode(stdout));
  for await (const { name } of Deno.readDir(npmCache)) {
    const folder = `${npmCache}/${name}/openai/${version}`;
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`the SDK ${version} is not there: run the compatibility suite once`);
};

/** What a method of the SDK calls, as its code says it. */
interface Call {
  readonly method: Operation["method"];
  readonly path: string;
  readonly isMultipart: boolean;
}

const methods = { get: "GET", getAPIList: "GET", post: "POST", delete: "DELETE" } as const;

/** The calls of a resource, by the name of the method. */
const callsOf = (code: string): ReadonlyMap<string, Call> => {
  const found = new Map<string, Call>();
  for (const [, name = "", body = ""] of code.matchAll(/^ {4}(\w+)\([^)]*\) \{\n([\s\S]*?)^ {4}\}/gm)) {
    const call = /_client\s*\.(getAPIList|get|post|delete)\((?:path )?['`]([^'`]+)['`]/.exec(body);
    if (call === null) continue;
    const verb = Object.entries(methods).find(([verb]) => verb === call[1])?.[1];
    if (verb === undefined) continue;
    const path = (call[2] ?? "").replaceAll(/\$\{(\w+)\}/g, (_, id: string) => `{${id.replace(/_?[iI][dD]$/, "")}}`);
    found.set(name, { method: verb, path, isMultipart: /[mM]ultipartFormRequestOptions/.test(body) });
  }
  return found;
};

/** A field, and those below it. */
interface Node {
  readonly field: Field;
  readonly type: ts.Type;
  readonly below: Array<Node>;
}

/** Reads fields out of types. */
class Reader {
  /** Where a type was told first; its fields are not told again. */
  readonly #told = new Map<ts.Type, string>();

  constructor(readonly checker: ts.TypeChecker, readonly at: ts.Node) {}

  #parts(type: ts.Type): ReadonlyArray<ts.Type> {
    const bare = this.checker.getNonNullableType(type);
    return bare.isUnion() ? bare.types : [bare];
  }

  /** What a list holds; undefined for what is no list. */
  #itemsOf(type: ts.Type): ReadonlyArray<ts.Type> | undefined {
    const item = this.checker.isArrayType(type)
      ? this.checker.getIndexTypeOfType(type, ts.IndexKind.Number)
      : undefined;
    return item === undefined ? undefined : this.#parts(item);
  }

  #isObject(type: ts.Type): boolean {
    return (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0 && !this.#isOpenText(type) &&
      !this.checker.isArrayType(type);
  }

  /** `string & {}`: any text, with some suggested. */
  #isOpenText(type: ts.Type): boolean {
    return (type.flags & ts.TypeFlags.String) !== 0 ||
      (type.isIntersection() && type.types.some(({ flags }) => (flags & ts.TypeFlags.String) !== 0));
  }

  /** Something that is sent as a file: a form's field that is none of JSON's. */
  #isFile(type: ts.Type): boolean {
    return this.#parts(type).some((part) => part.getProperty("arrayBuffer") !== undefined);
  }

  /** The field and the literal by which an object of a union is known. */
  #kindOf(type: ts.Type): readonly [name: "type" | "role", value: string] | undefined {
    for (const name of ["type", "role"] as const) {
      const property = type.getProperty(name);
      if (property === undefined) continue;
      const [value] = this.#parts(this.checker.getTypeOfSymbolAtLocation(property, this.at));
      if (value?.isStringLiteral()) return [name, value.value];
    }
    return undefined;
  }

  #properties(type: ts.Type): ReadonlyArray<readonly [ts.Symbol, ts.Type]> {
    return this.checker.getPropertiesOfType(type).flatMap((property) => {
      const of = this.checker.getTypeOfSymbolAtLocation(property, this.at);
      const nothing = ts.TypeFlags.Undefined | ts.TypeFlags.Never;
      return this.#parts(of).every(({ flags }) => (flags & nothing) !== 0) ? [] : [[property, of] as const];
    });
  }

  /** The smallest value of a type. */
  sample(type: ts.Type, name = ""): Field["sample"] {
    if (this.#isFile(type)) return "(file)";
    const parts = this.#parts(type);
    const literal = parts.find((part) => part.isStringLiteral());
    if (literal?.isStringLiteral()) return literal.value;
    if (parts.some(({ flags }) => (flags & ts.TypeFlags.BooleanLike) !== 0)) return true;
    if (parts.some(({ flags }) => (flags & ts.TypeFlags.NumberLike) !== 0)) return 1;
    if (parts.some((part) => this.#isOpenText(part))) return name || "text";
    const [part] = parts;
    if (part === undefined) return null;
    const [item] = this.#itemsOf(part) ?? [];
    if (item !== undefined) return [this.sample(item, name)];
    const values = this.checker.getIndexTypeOfType(part, ts.IndexKind.String);
    if (values !== undefined && (values.flags & ts.TypeFlags.Unknown) === 0) {
      return { key: this.sample(values, "value") };
    }
    const required = this.#properties(part)
      .filter(([property]) => (property.flags & ts.SymbolFlags.Optional) === 0)
      .map(([property, of]) => [property.name, this.sample(of, property.name)]);
    return Object.fromEntries(required);
  }

  /** The values of a type that has only some. */
  #values(type: ts.Type): Pick<Field, "values"> {
    const parts = this.#parts(type).flatMap((part) => this.#itemsOf(part) ?? [part]);
    const literals = parts.flatMap((part) => part.isStringLiteral() ? [part.value] : []);
    return parts.some((part) => this.#isOpenText(part)) || literals.length < 2 ? {} : { values: literals };
  }

  /** Fields right below a place. */
  #below(type: ts.Type, { path, in: place }: Field, operation: string): ReadonlyArray<Node> {
    if (this.#isFile(type)) return [];
    const parts = this.#parts(type);
    const items = parts.flatMap((part) => this.#itemsOf(part) ?? []);
    const objects = [...parts, ...items].filter((part) => this.#isObject(part) && this.#properties(part).length > 0);
    const kinds = objects.map((object) => this.#kindOf(object));
    const isTold = objects.length > 1 && kinds.every((kind) => kind !== undefined);
    const isList = items.length > 0;
    const nodes = new Map<string, Node>();
    for (const [index, object] of objects.entries()) {
      const kind = kinds[index];
      const here = isTold ? `${path}[${kind?.[1]}]` : isList ? `${path}[]` : path;
      const before = this.#told.get(object);
      if (before === undefined) this.#told.set(object, `${operation}: ${here}`);
      const own = before !== undefined ? [] : this.#properties(object)
        .filter(([{ name }]) => !(isTold && name === kind?.[0]))
        .map(([property, of]) => this.#node(property, of, `${here}.${property.name}`, place));
      if (!isTold) {
        for (const node of own) nodes.set(node.field.path, nodes.get(node.field.path) ?? node);
        continue;
      }
      const known = nodes.get(here);
      if (known !== undefined) {
        const paths = new Set(known.below.map(({ field }) => field.path));
        known.below.push(...own.filter(({ field }) => !paths.has(field.path)));
        continue;
      }
      const smallest = this.sample(object);
      const named = kind === undefined || typeof smallest !== "object" ? smallest : { [kind[0]]: kind[1], ...smallest };
      const field = {
        path: here,
        in: place,
        sample: isList ? [named] : named,
        ...(before !== undefined && { as: before }),
      };
      nodes.set(here, { field, type: this.checker.getNeverType(), below: own });
    }
    return [...nodes.values()];
  }

  /** The kinds of frames that a client sends over a WebSocket. */
  kinds(source: ts.SourceFile | undefined): ReadonlyArray<string> {
    const frames = source?.statements.find((each) =>
      ts.isTypeAliasDeclaration(each) && each.name.text === "ResponsesClientEvent"
    );
    if (frames === undefined) throw new Error("the SDK no longer says what a client sends over a WebSocket");
    return this.#parts(this.checker.getTypeAtLocation(frames)).flatMap((part) => this.#kindOf(part)?.[1] ?? []);
  }

  #node(property: ts.Symbol, type: ts.Type, path: string, place: Field["in"]): Node {
    return {
      field: { path, in: place, sample: this.sample(type, property.name), ...this.#values(type) },
      type,
      below: [],
    };
  }

  /** Every field of the parameters of an operation, level by level, so that a type is told where it is nearest. */
  fields(parameters: ts.Type, operation: string, call: Call): ReadonlyArray<Field> {
    const [object] = this.#parts(parameters);
    if (object === undefined) return [];
    const roots = this.#properties(object).flatMap(([property, type]) => {
      const told = ts.displayPartsToString(property.getDocumentationComment(this.checker));
      if (call.path.includes(`{${property.name.replace(/_id$/, "")}}`)) return [];
      const isQuery = told.startsWith("Query param") || (call.method !== "POST" && !told.startsWith("Body param"));
      return [this.#node(property, type, property.name, isQuery ? "query" : "body")];
    });
    const queue = [...roots];
    for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
      node.below.push(...this.#below(node.type, node.field, operation));
      queue.push(...node.below.flatMap((each) => each.below.length > 0 ? each.below : [each]));
    }
    const flat = (nodes: ReadonlyArray<Node>): ReadonlyArray<Field> =>
      nodes.flatMap(({ field, below }) => [field, ...flat(below)]);
    return flat(roots);
  }
}

/** The parameters of a method: those of the form that streams or not, where there are several. */
const parametersOf = (checker: ts.TypeChecker, method: ts.Symbol, at: ts.Node): ts.Type | undefined => {
  const types = checker.getTypeOfSymbolAtLocation(method, at).getCallSignatures().flatMap((signature) =>
    signature.parameters
      .filter(({ name }) => name === "body" || name === "query" || name === "params")
      .map((parameter) => checker.getTypeOfSymbolAtLocation(parameter, at))
  );
  return types.find((type) => checker.typeToString(type).includes("ParamsBase")) ?? types[0];
};

const main = async (version: string): Promise<void> => {
  const folder = await findPackage(version);
  const files = resources.map(([file]) => `${folder}/resources/${file}.d.ts`);
  const program = ts.createProgram(files, { strict: true, skipLibCheck: true, moduleResolution: 100, module: 199 });
  const checker = program.getTypeChecker();
  const operations: Array<Operation> = [];
  let reader: Reader | undefined;
  for (const [index, [file, name]] of resources.entries()) {
    const source = program.getSourceFile(files[index] ?? "");
    const calls = callsOf(await Deno.readTextFile(`${folder}/resources/${file}.mjs`));
    const resource = source?.statements.find(ts.isClassDeclaration);
    if (source === undefined || resource === undefined) throw new Error(`${file} has no resource`);
    reader ??= new Reader(checker, source);
    for (const method of checker.getPropertiesOfType(checker.getTypeAtLocation(resource))) {
      const call = calls.get(method.name);
      if (call === undefined) continue;
      const operation = `${name}.${method.name}`;
      const parameters = parametersOf(checker, method, resource);
      const fields = parameters === undefined ? [] : reader.fields(parameters, operation, call);
      operations.push({ name: operation, ...call, fields });
    }
  }
  const clientEvents = reader?.kinds(program.getSourceFile(`${folder}/resources/responses/responses.d.ts`)) ?? [];
  const table = { sdk: `openai ${version}`, operations, clientEvents };
  await Deno.writeTextFile(new URL("./openai.json", import.meta.url), `${JSON.stringify(table, null, 1)}\n`);
  console.log(`${operations.length} operations, ${operations.flatMap(({ fields }) => fields).length} fields`);
};

const clients = JSON.parse(await Deno.readTextFile(new URL("../compat/clients/deno.json", import.meta.url)));
await main(String(clients.imports.openai).replace("npm:openai@", ""));
