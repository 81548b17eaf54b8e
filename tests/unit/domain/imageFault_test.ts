import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { imageFault } from "../../../src/domain/imageFault.ts";

const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));

/** One image of each form, as PIL writes them, 3 wide and 2 high. */
const images: Readonly<Record<string, Uint8Array>> = {
  png: bytesOf(
    "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAFUlEQVR4nGPkEpFjYGBgYGBgYoABAARgAEB5qHZqAAAAAElFTkSu" +
      "QmCC",
  ),
  jpeg: bytesOf(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx" +
      "NDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy" +
      "MjIyMjIyMjL/wAARCAACAAMDASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUF" +
      "BAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVW" +
      "V1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi" +
      "4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAEC" +
      "AxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVm" +
      "Z2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq" +
      "8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDxGiiitjI//9k=",
  ),
  progressive: bytesOf(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwcKDcpLDAx" +
      "NDQ0Hyc5PTgyPC4zNDL/2wBDAQkJCQwLDBgNDRgyIRwhMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIy" +
      "MjIyMjIyMjL/wgARCAACAAMDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAb/xAAUAQEAAAAAAAAAAAAAAAAAAAAC/9oA" +
      "DAMBAAIQAxAAAAGIDH//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAEFAn//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAED" +
      "AQE/AX//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/AX//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAY/An//xAAU" +
      "EAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/IX//2gAMAwEAAgADAAAAEAf/xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAEDAQE/" +
      "EH//xAAUEQEAAAAAAAAAAAAAAAAAAAAA/9oACAECAQE/EH//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAE/EH//2Q==",
  ),
  gif: bytesOf(
    "R0lGODdhAwACAIEAAAoUHgAAAAAAAAAAACwAAAAAAwACAAAIBgABCBwYEAA7",
  ),
  "lossy webp": bytesOf(
    "UklGRi4AAABXRUJQVlA4ICIAAABwAQCdASoDAAIAAUAmJZQCdAFAAAD+/DeBV/fU6D4r4AAA",
  ),
  "lossless webp": bytesOf(
    "UklGRh4AAABXRUJQVlA4TBEAAAAvAkAAAAdQiirUo/+BiOh/AAA=",
  ),
  "extended webp": bytesOf(
    "UklGRlYAAABXRUJQVlA4WAoAAAAIAAAAAgAAAQAAVlA4ICIAAABwAQCdASoDAAIAAUAmJZQCdAFAAAD+/DeBV/fU6D4r4AAARVhJ" +
      "Rg4AAABNTQAqAAAACAAAAAAAAA==",
  ),
};

for (const [name, bytes] of Object.entries(images)) {
  Deno.test(`imageFault lets ${name} pass when it is whole, and at no length before`, () => {
    assert.equal(imageFault(bytes), undefined);
    // The last byte of some forms is padding or the end of the file that every reader adds by itself.
    const needed = name === "gif" ? bytes.length - 1 : bytes.length;
    for (let length = 0; length < needed; length++) {
      assert.match(imageFault(bytes.subarray(0, length)) ?? "", /no PNG|cut off|no pixels/, `${length} bytes`);
    }
  });

  Deno.test(`imageFault says something of ${name} whatever one byte of it becomes`, () => {
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        assert.match(imageFault(changed) ?? "it can be shown", /^it /);
      }
    }
  });
}

Deno.test("imageFault tells the size of what is too large for models", () => {
  const wide = Uint8Array.from(images["png"] ?? []);
  new DataView(wide.buffer).setUint32(16, 20_000);
  assert.match(imageFault(wide) ?? "", /^it has 20000 × 2 pixels, .* 8000 on a side/);
  new DataView(wide.buffer).setUint32(16, 0);
  assert.equal(imageFault(wide), "it has no pixels");
});

Deno.test("imageFault reads what people send in time that grows with its length", () => {
  const png = images["png"] ?? new Uint8Array();
  // A million chunks without content, and no end.
  const chunks = new Uint8Array(33 + 12 * 300_000);
  chunks.set(png.subarray(0, 33));
  assert.match(imageFault(chunks) ?? "", /cut off/);
  for (const start of ["GIF89a", "\xff\xd8\xff", "RIFF____WEBPVP8X"]) {
    const zeros = new Uint8Array(3_000_000);
    zeros.set(Buffer.from(start, "latin1"));
    assert.match(imageFault(zeros) ?? "it can be shown", /^it /);
  }
});
