/** The engine's stream format, cut in every way a transport may cut it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { Demultiplexer, fromEngineStream } from "../../../../../src/adapters/sandbox/docker/engineStream.ts";

const frame = (stream: number, text: string) => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

const wire = Buffer.concat([frame(1, "one"), frame(2, "err"), frame(1, ""), frame(0, "in"), frame(1, "two")]);

Deno.test("Demultiplexer.push tells stdout from stderr when the bytes arrive in pieces of any size", () => {
  for (let size = 1; size <= wire.length; size++) {
    const demultiplexer = new Demultiplexer();
    const seen = { stdout: "", stderr: "" };
    for (let at = 0; at < wire.length; at += size) {
      demultiplexer.push(wire.subarray(at, at + size), (stream, piece) => void (seen[stream] += piece.toString()));
    }
    assert.deepEqual(seen, { stdout: "onetwo", stderr: "err" });
  }
});

Deno.test("fromEngineStream delivers stdout and ends with the last words of stderr when the container dies", async () => {
  const written: Array<Uint8Array> = [];
  const duplex = new Duplex({
    read: () => {},
    write: (chunk: Uint8Array, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  const channel = fromEngineStream(duplex);
  let out = "";
  const ended = new Promise<string>((resolve) =>
    channel.listen({
      onData: (bytes) => void (out += Buffer.from(bytes).toString()),
      onDrain: () => {},
      onEnd: resolve,
    })
  );
  channel.write(Buffer.from("to the supervisor"));
  duplex.push(wire);
  duplex.push(null);
  assert.match(await ended, /stderr: err$/);
  assert.equal(out, "onetwo");
  assert.equal(Buffer.concat(written).toString(), "to the supervisor");
  channel.close();
});
