/**
 * What is wrong with a value that does not fit its schema, as its sender can read it: the first such place of it.
 */
import { SchemaAST, SchemaIssue } from "effect";
import { headOf } from "../../domain/cutText.ts";

/** The first wrong place of a value. */
export interface FirstWrong {
  /** The place, such as `messages.0.role`; null for the whole. */
  readonly param: string | null;
  readonly why: string;
}

/** Characters of a decoder's message that are told. */
const whyMax = 300;

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1();

/** An object is told apart from others by a field with one value, where it has one. */
const objectOf = ({ propertySignatures }: SchemaAST.Objects): string => {
  const tag =
    propertySignatures.flatMap(({ name, type }) =>
      SchemaAST.isLiteral(type) && type.context?.isOptional !== true
        ? [`object with ${String(name)} ${JSON.stringify(type.literal)}`]
        : []
    )[0];
  return tag ?? "object";
};

/** What would have been right, without the names that schemas have in the code. */
const expected = (ast: SchemaAST.AST): string => {
  if (SchemaAST.isUnion(ast)) return [...new Set(ast.types.map(expected))].join(" | ");
  if (SchemaAST.isObjects(ast)) return objectOf(ast);
  if (SchemaAST.isArrays(ast)) return "array";
  if (SchemaAST.isLiteral(ast)) return JSON.stringify(ast.literal);
  if (SchemaAST.isNull(ast)) return "null";
  if (SchemaAST.isString(ast)) return "string";
  if (SchemaAST.isNumber(ast)) return "number";
  if (SchemaAST.isBoolean(ast)) return "boolean";
  return "another value";
};

interface Found {
  readonly path: ReadonlyArray<PropertyKey>;
  readonly why: string;
}

/** The words of a schema itself, where it has some, else of what it expects. */
const mismatch = (ast: SchemaAST.AST): string => {
  const message = SchemaAST.resolve(ast)?.["message"];
  return typeof message === "string" ? message : `Expected ${expected(ast)}`;
};

const found = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>): Found => {
  switch (issue._tag) {
    case "Pointer":
      return found(issue.issue, [...path, ...issue.path]);
    case "Encoding":
      return found(issue.issue, path);
    case "Composite":
      return found(issue.issues[0], path);
    case "AnyOf": {
      const [first] = issue.issues;
      return first === undefined ? { path, why: mismatch(issue.ast) } : found(first, path);
    }
    case "InvalidType":
      return { path, why: mismatch(issue.ast) };
    default: {
      const [first] = formatIssues(issue).issues;
      const inner = (first?.path ?? []).map((part) => typeof part === "object" ? part.key : part);
      return { path: [...path, ...inner], why: first?.message ?? "Expected another value" };
    }
  }
};

/** The first place at which a value does not fit its schema, and what was expected there. */
export const firstWrong = (issue: SchemaIssue.Issue): FirstWrong => {
  const { path, why } = found(issue, []);
  return { param: path.length === 0 ? null : path.map(String).join("."), why: headOf(why, whyMax) };
};
