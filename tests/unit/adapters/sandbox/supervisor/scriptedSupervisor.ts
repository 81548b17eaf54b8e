/** A supervisor that says what a test lets it say. */
import { Buffer } from "node:buffer";
import { Duration, Effect, Fiber } from "effect";
import type { ByteChannel, ChannelListener } from "../../../../../src/adapters/sandbox/supervisor/ByteChannel.ts";
import { headerBytes, protocolVersion, Tell } from "../../../../../src/adapters/sandbox/supervisor/frames.ts";
import { connect } from "../../../../../src/adapters/sandbox/supervisor/SupervisorLink.ts";

/** A frame as the supervisor sends it. */
export const frame = (kind: number, id: number, payload: Uint8Array = new Uint8Array()) => {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(payload.length, 0);
  header[4] = kind;
  header.writeUInt32BE(id, 5);
  return Buffer.concat([header, payload]);
};

/** Frames in some bytes, as kind, id and length. */
const framesOf = (bytes: Buffer) => {
  const found: Array<readonly [number, number, number]> = [];
  for (let at = 0; at + headerBytes <= bytes.length; at += headerBytes + bytes.readUInt32BE(at)) {
    found.push([bytes.readUInt8(at + 4), bytes.readUInt32BE(at + 5), bytes.readUInt32BE(at)]);
  }
  return found;
};

const hello = frame(Tell.hello, 0, Buffer.from([0, protocolVersion]));
const options = { outputBytesMax: 1024, startTimeout: Duration.seconds(5) };

/** A link to a supervisor made of what the test lets it say. */
export const scripted = Effect.gen(function* () {
  const sent: Array<Uint8Array> = [];
  let listener: ChannelListener | undefined;
  const channel: ByteChannel = {
    write: (bytes) => {
      sent.push(bytes);
      return true;
    },
    listen: (given) => void (listener = given),
    close: () => {},
  };
  const connecting = yield* Effect.forkChild(connect(channel, options));
  yield* Effect.yieldNow;
  const say = (...frames: ReadonlyArray<Uint8Array>) => listener?.onData(Buffer.concat(frames));
  say(hello);
  return { link: yield* Fiber.join(connecting), say, sent: () => framesOf(Buffer.concat(sent.slice(1))) };
});
