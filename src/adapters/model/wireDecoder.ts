/**
 * Decoding what a provider sends, some hundred times a second and stream.
 *
 * A schema's own decoder copies each object it reads. Of wire shapes nothing is changed by decoding, so that a value
 * which is seen to be of the shape may be read as it is; only what is not is given to the schema, which says why.
 */
import { Result, Schema, SchemaAST } from "effect";

type Test = (value: unknown) => boolean;

/** Says no: whatever this stands for is the schema's to judge. */
const unsure: Test = () => false;
/** An object or a list: what a JSON text has besides single values. */
const isCompound = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const primitives: Readonly<Partial<Record<SchemaAST.AST["_tag"], Test>>> = {
  Unknown: () => true,
  Null: (value) => value === null,
  String: (value) => typeof value === "string",
  Number: (value) => typeof value === "number",
  Boolean: (value) => typeof value === "boolean",
};

const testOfObject = ({ propertySignatures, indexSignatures }: SchemaAST.Objects): Test => {
  const isOpen = indexSignatures.every(({ parameter, type }) =>
    parameter._tag === "String" && parameter.checks === undefined && type._tag === "Unknown"
  );
  if (!isOpen) return unsure;
  const fields = propertySignatures.map(({ name, type }) => ({
    name: String(name),
    test: testOf(type),
    isOptional: type.context?.isOptional === true,
  }));
  return (value) => {
    if (!isCompound(value) || Array.isArray(value)) return false;
    for (const { name, test, isOptional } of fields) {
      const inner = value[name];
      // JSON has no such value: the key is absent.
      if (inner === undefined ? !isOptional : !test(inner)) return false;
    }
    return true;
  };
};

const testOfList = ({ elements, rest }: SchemaAST.Arrays): Test => {
  const [each] = rest;
  if (elements.length > 0 || each === undefined || rest.length > 1) return unsure;
  const test = testOf(each);
  return (value) => Array.isArray(value) && value.every(test);
};

const testOfUnion = ({ types }: SchemaAST.Union): Test => {
  const tests = types.map(testOf);
  return (value) => {
    for (const test of tests) if (test(value)) return true;
    return false;
  };
};

/** Whether a value is of a shape, as far as that is seen at a glance: it may say no to one that is. */
const testOf = (ast: SchemaAST.AST): Test => {
  if (ast.checks !== undefined || ast.encoding !== undefined) return unsure;
  if (SchemaAST.isObjects(ast)) return testOfObject(ast);
  if (SchemaAST.isArrays(ast)) return testOfList(ast);
  if (SchemaAST.isUnion(ast)) return testOfUnion(ast);
  return primitives[ast._tag] ?? unsure;
};

/**
 * Makes a decoder of JSON values that changes nothing in them.
 *
 * *Details*: a value of the shape comes back as it is, with whatever else it holds: who keeps a part of it takes the
 * fields that are wanted, not the object. Everything that is not plain (checks, transformations, recursion) is the
 * schema's own to decode.
 *
 * *Fails with* what the schema finds wrong.
 */
export const wireDecoder = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
): (value: unknown) => Result.Result<S["Type"], Schema.SchemaError> => {
  const test = testOf(schema.ast);
  const isOfShape = (value: unknown): value is S["Type"] => test(value);
  const decode = Schema.decodeUnknownResult(schema);
  return (value) => isOfShape(value) ? Result.succeed(value) : decode(value);
};
