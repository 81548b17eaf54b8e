/**
 * Histories that no model and no client should leave behind, and that some did.
 *
 * Each kind of hostility is a change to a plain history; the generator applies every combination of two
 * in every order, with values drawn from a seeded sequence.
 */
import type { AssistantPart, Message } from "../../src/domain/Message.ts";

/** A sequence of numbers in [0, 1) that is the same for the same seed. */
export const sequence = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};
type Random = ReturnType<typeof sequence>;

const pick = <A>(random: Random, values: readonly [A, ...ReadonlyArray<A>]): A =>
  values[Math.floor(random() * values.length)] ?? values[0];

const high = "\ud83d";
const low = "\ude00";

// Values -----------------------------------------------------------------------------------------

const hostileArguments = [
  "",
  " ",
  "null",
  "[]",
  '[{"a":1}]',
  '"text"',
  "12",
  "true",
  "{",
  '{"command":"ls"',
  '{"command":"ls"}{"command":"ls"}',
  "not json",
  `{"a":"${high}"}`,
  '{"a":"\\ud83d"}',
  '{"a":{"\\ude00":["\\ud83d x"]}}',
  '{"a":"\\ud83d\\ude00"}',
  '{"__proto__":{"x":1},"constructor":2}',
  `{"a":"${"x".repeat(2000)}"}`,
] as const;
const hostileNames = [
  "",
  " ",
  "execute bash",
  "execute.bash",
  "server/tool",
  "1st",
  "-x",
  "名前",
  `a${high}`,
  "x".repeat(200),
  "a:b",
  "tool\n",
  "$tool",
] as const;
const hostileIds = ["", " ", "1", "call:1", "a b", "名", `id${low}`, "x".repeat(300), "call_1", "\u0000"] as const;
const hostileTexts = [
  "",
  " ",
  "\n\t ",
  high,
  `${low}${high}`,
  `a${high}b`,
  "\u0000",
  "\ufeff",
  "x".repeat(5000),
] as const;

const foreign = [
  undefined,
  { provider: "gemini", data: { id: "g1", thoughtSignature: "c2ln" } },
  { provider: "gemini", data: { id: "g1" } },
  { provider: "anthropic", data: { signature: "sig" } },
  { provider: "anthropic", data: { redacted: "xyz" } },
  { provider: "openai", data: { field: "reasoning_content" } },
  { provider: "openai", data: { extra_content: { google: { thought_signature: "s" } } } },
  { provider: "nobody", data: { a: 1 } },
  { provider: "gemini", data: { id: 7 } },
] as const;

// Changes ----------------------------------------------------------------------------------------

type History = ReadonlyArray<Message>;
type Change = (history: History, random: Random) => History;

const mapParts = (history: History, change: (part: AssistantPart) => ReadonlyArray<AssistantPart>): History =>
  history.map((message) =>
    message.role === "assistant" ? { ...message, parts: message.parts.flatMap(change) } : message
  );

const mapCalls = (
  history: History,
  change: (call: Extract<AssistantPart, { _tag: "ToolCall" }>["call"]) => typeof call,
): History => mapParts(history, (part) => part._tag === "ToolCall" ? [{ ...part, call: change(part.call) }] : [part]);

const place = (history: History, random: Random) => Math.floor(random() * (history.length + 1));

/** Every kind of hostility, by name. */
export const hostilities: Readonly<Record<string, Change>> = {
  arguments: (history, random) =>
    mapCalls(history, (call) => ({ ...call, argumentsJson: pick(random, hostileArguments) })),
  names: (history, random) => {
    const name = pick(random, hostileNames);
    return mapCalls(history, (call) => ({ ...call, name })).map((message) =>
      message.role === "tool" ? { ...message, name: random() < 0.5 ? name : "other" } : message
    );
  },
  ids: (history, random) => {
    const ids = new Map<string, string>();
    const idOf = (id: string) => {
      const given = ids.get(id) ?? `${pick(random, hostileIds)}${random() < 0.5 ? ids.size : ""}`;
      ids.set(id, given);
      return given;
    };
    return mapCalls(history, (call) => ({ ...call, id: idOf(call.id) })).map((message) =>
      message.role === "tool" ? { ...message, callId: idOf(message.callId) } : message
    );
  },
  "the same id for all": (history, random) => {
    const id = pick(random, hostileIds);
    return mapCalls(history, (call) => ({ ...call, id })).map((message) =>
      message.role === "tool" ? { ...message, callId: id } : message
    );
  },
  "calls without a result": (history, random) => history.filter(({ role }) => role !== "tool" || random() < 0.4),
  "calls with two results": (history, random) =>
    history.flatMap((message) => message.role === "tool" && random() < 0.6 ? [message, { ...message }] : [message]),
  "results in another order": (history, random) => {
    const results = history.filter(({ role }) => role === "tool").toSorted(() => random() - 0.5);
    return history.map((message) => message.role === "tool" ? results.pop() ?? message : message);
  },
  "results far from their calls": (history) => [
    ...history.filter(({ role }) => role !== "tool"),
    ...history.filter(({ role }) => role === "tool"),
  ],
  "results before their calls": (history) => [
    ...history.filter(({ role }) => role === "tool"),
    ...history.filter(({ role }) => role !== "tool"),
  ],
  "a result of no call": (history, random) =>
    history.toSpliced(place(history, random), 0, {
      role: "tool",
      callId: pick(random, hostileIds),
      name: pick(random, hostileNames),
      content: pick(random, hostileTexts),
      isError: random() < 0.5,
    }),
  "words between a call and its result": (history) =>
    history.flatMap((message): ReadonlyArray<Message> =>
      message.role === "tool" ? [{ role: "user", parts: [{ _tag: "Text", text: "wait" }] }, message] : [message]
    ),
  texts: (history, random) =>
    history.map((message): Message => {
      const text = () => pick(random, hostileTexts);
      switch (message.role) {
        case "tool":
          return { ...message, content: text() };
        case "user":
          return { ...message, parts: [{ _tag: "Text", text: text() }] };
        case "assistant":
          return {
            ...message,
            parts: message.parts.map((part) => part._tag === "Text" ? { ...part, text: text() } : part),
          };
      }
    }),
  "messages without parts": (history, random) =>
    history.map((message): Message => message.role !== "tool" && random() < 0.5 ? { ...message, parts: [] } : message),
  "thoughts of all kinds": (history, random) =>
    history.map((message): Message =>
      message.role !== "assistant" ? message : {
        ...message,
        parts: [
          ...message.parts,
          ...Array.from({ length: 3 }, (): AssistantPart => {
            const origin = pick(random, foreign);
            const thought = { _tag: "Reasoning", text: pick(random, hostileTexts) } as const;
            return origin === undefined ? thought : { ...thought, origin };
          }),
        ].toSorted(() => random() - 0.5),
      }
    ),
  "origins of all kinds": (history, random) =>
    mapCalls(history, ({ origin: _origin, ...call }) => {
      const origin = pick(random, foreign);
      return origin === undefined ? call : { ...call, origin };
    }),
  "images of all kinds": (history, random) => [
    ...history,
    {
      role: "user",
      parts: [{ _tag: "Image", mediaType: pick(random, ["image/png", "image/tiff", `image/${high}`]), base64: "AAAA" }],
    },
  ],
  "the model first and last": (history) => [
    { role: "assistant", parts: [{ _tag: "Text", text: "Hello" }] },
    ...history,
    { role: "assistant", parts: [{ _tag: "Text", text: "Bye " }] },
  ],
  "the same role again": (history) =>
    history.flatMap((message): History => message.role === "tool" ? [message] : [message, message]),
  "no message": () => [],
  "a call as the last word": (history) =>
    history.slice(0, history.findLastIndex(({ role }) => role === "assistant") + 1),
};

/** Two questions, three turns with calls, two of them of two calls at once. */
const plain = (): History => {
  const call = (id: string, name: string) =>
    ({ _tag: "ToolCall", call: { id, name, argumentsJson: '{"command":"ls"}' } }) as const;
  const result = (callId: string, name: string): Message => ({
    role: "tool",
    callId,
    name,
    content: "a.txt",
    isError: false,
  });
  const turn = (number: number): History => [
    {
      role: "assistant",
      parts: [
        { _tag: "Text", text: "I look." },
        call(`call-${number}-a`, "execute_bash"),
        call(`call-${number}-b`, "read_file"),
      ],
    },
    result(`call-${number}-a`, "execute_bash"),
    result(`call-${number}-b`, "read_file"),
  ];
  return [
    { role: "user", parts: [{ _tag: "Text", text: "What is here?" }] },
    ...turn(1),
    { role: "assistant", parts: [{ _tag: "Text", text: "A file." }] },
    { role: "user", parts: [{ _tag: "Text", text: "And now?" }] },
    ...turn(2),
    { role: "assistant", parts: [call("call-3", "execute_bash")] },
    result("call-3", "execute_bash"),
  ];
};

/** A history and the two hostilities of which it was made. */
export interface HostileHistory {
  readonly kinds: readonly [string, string];
  readonly messages: History;
}

/** So many histories: every pair of hostilities in both orders again and again, each time with other values. */
export function* hostileHistories(count: number): Generator<HostileHistory> {
  const names = Object.keys(hostilities);
  for (let index = 0; index < count; index++) {
    const first = names[index % names.length] ?? "";
    const second = names[Math.floor(index / names.length) % names.length] ?? "";
    const random = sequence(index + 1);
    const changed = hostilities[first]?.(plain(), random) ?? [];
    yield { kinds: [first, second], messages: hostilities[second]?.(changed, random) ?? [] };
  }
}
