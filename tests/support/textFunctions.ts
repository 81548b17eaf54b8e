/**
 * The exported functions of the library that take a text, found in its sources.
 */

/** An exported function with a parameter of type `string`. */
export interface TextFunction {
  readonly file: string;
  readonly name: string;
}

const src = new URL("../../src/", import.meta.url);

const filesOf = function* (folder: URL, path: string): Generator<string> {
  for (const entry of [...Deno.readDirSync(folder)].toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    if (entry.isDirectory) yield* filesOf(new URL(`${entry.name}/`, folder), `${path}${entry.name}/`);
    else if (entry.name.endsWith(".ts")) yield `${path}${entry.name}`;
  }
};

const isText = (node: Deno.lint.Node | Deno.lint.Parameter | null | undefined): boolean => {
  switch (node?.type) {
    case "TSStringKeyword":
      return true;
    case "TSTypeAnnotation":
      return isText(node.typeAnnotation);
    case "TSUnionType":
      return node.types.some(isText);
    case "Identifier":
      return "typeAnnotation" in node && isText(node.typeAnnotation);
    case "AssignmentPattern":
      return isText(node.left);
    default:
      return false;
  }
};

/** The function that a declaration makes, also inside a call such as `Effect.fnUntraced(function* …)`. */
const takesText = (node: Deno.lint.Node | null | undefined): boolean => {
  switch (node?.type) {
    case "ArrowFunctionExpression":
    case "FunctionExpression":
    case "FunctionDeclaration":
      return node.params.some(isText);
    case "CallExpression":
      return node.arguments.some(takesText);
    default:
      return false;
  }
};

/** Every exported function of `src` that takes a text. */
export const textFunctions = (): ReadonlyArray<TextFunction> =>
  [...filesOf(src, "src/")].flatMap((file) => {
    const names: Array<string> = [];
    const finder: Deno.lint.Plugin = {
      name: "finder",
      rules: {
        texts: {
          create: () => ({
            ExportNamedDeclaration: ({ declaration }) => {
              if (declaration?.type === "FunctionDeclaration" && takesText(declaration)) {
                names.push(declaration.id?.name ?? "");
              }
              if (declaration?.type !== "VariableDeclaration") return;
              for (const { id, init } of declaration.declarations) {
                if (id.type === "Identifier" && takesText(init)) names.push(id.name);
              }
            },
          }),
        },
      },
    };
    Deno.lint.runPlugin(finder, file, Deno.readTextFileSync(new URL(`../../${file}`, import.meta.url)));
    return names.map((name) => ({ file, name }));
  });
