import assert from "node:assert/strict";
import { headerText } from "../../../src/web/headerText.ts";
import { userInHeaders } from "../../../src/web/userHeaders.ts";

/** A text as a client sends it in a header, in UTF-8, and as the server receives it: a character for each byte. */
const received = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));

for (const name of ["ada", "José", "Mirà", "王小明", "🙂", "a\u00e3\u00a9"]) {
  Deno.test(`headerText reads ${name} as it was written`, () => assert.equal(headerText(received(name)), name));
}

Deno.test("headerText leaves what is no UTF-8, and what is no bytes, as it came", () => {
  for (const value of ["", "ada", "Jos\u00e9", "\u00ff\u00fe", "王"]) assert.equal(headerText(value), value);
});

Deno.test("users of headers are those of a body, whatever their letters", () => {
  // The last byte of à is a space that may not be trimmed before it is read.
  assert.equal(userInHeaders({ "x-user-id": ` ${received("Mirà")} ` })?.name, "Mirà");
  assert.equal(userInHeaders({ "x-openwebui-user-id": received("王") })?.name, "王");
});
