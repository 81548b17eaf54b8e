/** Channels over node streams that fail early, late or not at all. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { fromDuplex } from "../../../../../src/adapters/sandbox/supervisor/ByteChannel.ts";

const sink = () => new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done(), highWaterMark: 4 });

const listen = (channel: ReturnType<typeof fromDuplex>) => {
  const seen = { data: "", ends: new Array<string>(), drains: 0 };
  const ended = new Promise<void>((resolve) =>
    channel.listen({
      onData: (bytes) => void (seen.data += Buffer.from(bytes).toString()),
      onDrain: () => void seen.drains++,
      onEnd: (why) => {
        seen.ends.push(why);
        resolve();
      },
    })
  );
  return { seen, ended };
};

Deno.test("fromDuplex tells the end with its reason when the stream failed before anybody listened", async () => {
  const duplex = sink();
  const channel = fromDuplex(duplex);
  const closed = new Promise((resolve) => duplex.once("close", resolve));
  duplex.destroy(new Error("no such container"));
  await closed;
  const { seen, ended } = listen(channel);
  await ended;
  assert.deepEqual(seen.ends, ["no such container"]);
  assert.equal(channel.write(new Uint8Array(10)), true);
});

Deno.test("fromDuplex delivers what came before the end and tells the end once", async () => {
  const duplex = sink();
  const channel = fromDuplex(duplex);
  duplex.push("early ");
  const { seen, ended } = listen(channel);
  duplex.push("late");
  duplex.push(null);
  await ended;
  channel.close();
  await new Promise((resolve) => duplex.once("close", resolve));
  assert.equal(seen.data, "early late");
  assert.equal(seen.ends.length, 1);
});

Deno.test("fromDuplex answers false when the transport is full and tells when it has drained", async () => {
  let release = () => {};
  const duplex = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => void (release = () => done()),
    highWaterMark: 4,
  });
  const channel = fromDuplex(duplex);
  const drained = new Promise<void>((resolve) =>
    channel.listen({ onData: () => {}, onEnd: () => {}, onDrain: () => resolve() })
  );
  assert.equal(channel.write(new Uint8Array(10)), false);
  release();
  await drained;
  assert.equal(channel.write(new Uint8Array(1)), true);
  release();
  channel.close();
  assert.equal(channel.write(new Uint8Array(10)), true);
});
