/**
 * Records of files in Redis: several instances know them.
 *
 * A keeper's files are one hash of texts by id; size and expiry stand before each record, so that counting reads
 * no JSON.
 */
import { Clock, Effect, Layer, Option, Schema } from "effect";
import { Redis } from "effect/persistence";
import type { ConfigurationRefused, Settings } from "../../config.ts";
import type { OwnerKey } from "../../domain/Owner.ts";
import { FileStore, type FilesUsed, type StoredFile } from "../../services/FileStore.ts";
import { readerOf } from "../redis/answers.ts";
import * as RedisConnection from "../redis/RedisConnection.ts";
import { decodeFile, encoded } from "./record.ts";

const hashOf = (keeper: OwnerKey): string => `caisson:{${keeper}}:files`;

/** What stands before a record: its bytes, and when its time is over. */
const valueOf = (file: StoredFile): string => `${file.sizeBytes} ${Math.ceil(file.expiresAtMs)} ${encoded(file)}`;

const partsOf = (value: string) => {
  const [, bytes = "", expires = "", json = ""] = /^(\d{1,16}) (\d{1,16}) (.*)$/s.exec(value) ?? [];
  return { bytes: Number(bytes), expiresAtMs: Number(expires), json };
};

/** Counts what is there, forgets what is over, and adds a record where there is room for it. */
const addScript = Redis.script(
  (keeper: OwnerKey, file: StoredFile, most: FilesUsed, nowMs: number) => [
    hashOf(keeper),
    file.id,
    valueOf(file),
    file.sizeBytes,
    Math.ceil(file.expiresAtMs),
    most.files,
    most.bytes,
    nowMs,
  ],
  {
    numberOfKeys: 1,
    lua: `
local id, value, size, expires, filesMax, bytesMax, now = unpack(ARGV)
local files, bytes = 0, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local one, over = string.match(all[i + 1], '^(%d+) (%d+)')
  if tonumber(over) <= tonumber(now) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    files = files + 1
    bytes = bytes + tonumber(one)
  end
end
if files + 1 > tonumber(filesMax) or bytes + tonumber(size) > tonumber(bytesMax) then return 0 end
redis.call('HSET', KEYS[1], id, value)
local kept = tonumber(expires) - tonumber(now)
if redis.call('PTTL', KEYS[1]) < kept then redis.call('PEXPIRE', KEYS[1], kept) end
return 1
`,
  },
);

const decodeText = Schema.decodeUnknownSync(Schema.NullOr(Schema.String));
const decodeTexts = Schema.decodeUnknownSync(Schema.Array(Schema.String));

const readAnswer = readerOf({ area: "files", held: "a file" });

const make = Effect.gen(function* () {
  const redis = yield* Redis.Redis;
  const add = redis.eval(addScript);

  const run = <A>(
    operation: string,
    answer: (nowMs: number) => Effect.Effect<unknown, Redis.RedisError>,
    read: (answer: unknown, nowMs: number) => A,
  ) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (nowMs) => readAnswer(operation, answer(nowMs), (value) => read(value, nowMs)),
    );

  /** The values of a keeper's files whose time is not over. */
  const alive = <A>(
    operation: string,
    keeper: OwnerKey,
    read: (values: ReadonlyArray<ReturnType<typeof partsOf>>) => A,
  ) =>
    run(
      operation,
      () => redis.send<unknown>("HVALS", hashOf(keeper)),
      (answer, nowMs) => read(decodeTexts(answer).map(partsOf).filter(({ expiresAtMs }) => expiresAtMs > nowMs)),
    );

  return FileStore.of({
    add: (keeper, file, most) => run("add", (nowMs) => add(keeper, file, most, nowMs), (answer) => answer === 1),
    find: (keeper, id) =>
      run("find", () => redis.send<unknown>("HGET", hashOf(keeper), id), (answer, nowMs) => {
        const text = decodeText(answer);
        const parts = text === null ? undefined : partsOf(text);
        return parts !== undefined && parts.expiresAtMs > nowMs ? Option.some(decodeFile(parts.json)) : Option.none();
      }),
    list: (keeper) =>
      alive(
        "list",
        keeper,
        (values) => values.map(({ json }) => decodeFile(json)).toSorted((a, b) => b.createdAtMs - a.createdAtMs),
      ),
    used: (keeper) =>
      alive("used", keeper, (values) => ({
        files: values.length,
        bytes: values.reduce((sum, { bytes }) => sum + bytes, 0),
      })),
    remove: (keeper, id) =>
      run("remove", () => redis.send<unknown>("HDEL", hashOf(keeper), id), (answer) => answer === 1),
    erase: (keeper) => run("erase", () => redis.send<unknown>("DEL", hashOf(keeper)), () => undefined),
  });
});

/** Records on a Redis connection that is there already. */
export const layerOnConnection: Layer.Layer<FileStore, never, Redis.Redis> = Layer.effect(FileStore, make);

/** Records in the Redis of `CAISSON_REDIS_URL`. *Fails with* `ConfigurationRefused` when there is no usable URL. */
export const layer: Layer.Layer<FileStore, ConfigurationRefused, Settings> = layerOnConnection.pipe(
  Layer.provide(RedisConnection.layer),
);
