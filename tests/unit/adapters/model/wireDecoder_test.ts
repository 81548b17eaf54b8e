import assert from "node:assert/strict";
import { Result, Schema } from "effect";
import { wireDecoder } from "../../../../src/adapters/model/wireDecoder.ts";

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));
const Shape = Schema.Struct({
  kind: Schema.String,
  count: nullable(Schema.Number),
  isLast: Schema.optional(Schema.NullOr(Schema.Boolean)),
  any: Schema.optionalKey(Schema.Unknown),
  named: nullable(Schema.Record(Schema.String, Schema.Unknown)),
  list: nullable(Schema.Array(Schema.NullOr(Schema.Struct({ text: nullable(Schema.String) })))),
  either: Schema.optionalKey(Schema.Union([Schema.Null, Schema.String, Schema.Array(Schema.String)])),
  short: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(3))),
  json: Schema.optionalKey(Schema.Json),
  number: Schema.optionalKey(Schema.NumberFromString),
});
const decode = wireDecoder(Shape);
const bySchema = Schema.decodeUnknownResult(Shape);

/** JSON texts, of the shape and not. */
const texts = [
  ...[`"x"`, "1", "null", "true", "[]", "{}", `{"kind":1}`, `{"kind":null}`, `{"kind":"a"}`],
  ...["null", "0", `"0"`, "{}", "[]", "true"].map((value) => `{"kind":"a","count":${value}}`),
  ...["null", "true", `"true"`].map((value) => `{"kind":"a","isLast":${value}}`),
  ...["null", "{}", "[]", "1"].map((value) => `{"kind":"a","any":${value}}`),
  ...["null", "{}", "[]", `{"a":[1]}`, `"a"`, `{"__proto__":1}`].map((value) => `{"kind":"a","named":${value}}`),
  ...["null", "{}", "[]", "[null,{}]", `[{"text":"a"},{"text":null}]`, `[{"text":1}]`, "[[]]", "[1]"]
    .map((value) => `{"kind":"a","list":${value}}`),
  ...["null", `"a"`, `["a"]`, "[1]", "{}"].map((value) => `{"kind":"a","either":${value}}`),
  ...[`"abc"`, `"abcd"`, "null"].map((value) => `{"kind":"a","short":${value}}`),
  ...["null", "[[[1]]]"].map((value) => `{"kind":"a","json":${value}}`),
  ...[`"12"`, "12"].map((value) => `{"kind":"a","number":${value}}`),
  `{"kind":"a","unknown":{"deep":[1,2]}}`,
  `{"__proto__":{"kind":"a"}}`,
];

/** What a shape's own fields hold; what else an object holds is nobody's. */
const known = (value: Record<string, unknown>) =>
  Object.fromEntries(Object.keys(Shape.fields).map((name) => [name, value[name]]));

for (const text of texts) {
  Deno.test(`decodes as its schema does: ${text}`, () => {
    const [ours, wanted] = [decode(JSON.parse(text)), bySchema(JSON.parse(text))];
    if (Result.isFailure(wanted)) {
      assert.ok(Result.isFailure(ours));
      assert.equal(String(ours.failure), String(wanted.failure));
    } else {
      assert.ok(Result.isSuccess(ours));
      assert.deepEqual(known(ours.success), known(wanted.success));
    }
  });
}

Deno.test("a value of the shape is read as it is", () => {
  const value = JSON.parse(`{"kind":"a","count":1,"list":[{"text":"b","more":1}],"named":{"c":[1]},"either":["d"]}`);
  const decoded = decode(value);
  assert.ok(Result.isSuccess(decoded));
  assert.equal(decoded.success, value);
});
