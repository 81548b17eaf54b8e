import assert from "node:assert/strict";
import { cutMiddle, cutText, headOf, tailOf } from "../../../src/domain/cutText.ts";

/** Characters of one and of two units, in every order that matters. */
const text = "a💥b💥💥cé💥";

Deno.test("headOf, tailOf, cutText and cutMiddle never leave half a character, wherever they cut", () => {
  for (let units = 0; units <= text.length + 1; units++) {
    for (const cut of [headOf(text, units), tailOf(text, units), cutText(text, units), cutMiddle(text, units)]) {
      assert.ok(cut.isWellFormed(), JSON.stringify(cut));
    }
    assert.ok(headOf(text, units).length <= units && text.startsWith(headOf(text, units)));
    assert.ok(tailOf(text, units).length <= units && text.endsWith(tailOf(text, units)));
  }
});

Deno.test("a text that is short enough stays as it is", () => {
  for (const cut of [headOf, tailOf, cutText, cutMiddle]) assert.equal(cut(text, text.length), text);
});

Deno.test("cutMiddle says how many characters are left out", () => {
  assert.equal(cutMiddle("0123456789", 4), "01\n… 6 characters left out …\n89");
});
