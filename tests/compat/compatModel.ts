/**
 * The model behind the compatibility suite: it does a handful of tasks, whoever asks, and nothing else.
 *
 * Which turn it is in is read from the tool results since the last user message, so several clients
 * and sessions can use it at once.
 */
import { Effect, Layer, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { agentToolNames } from "../../src/domain/agentTools.ts";
import { type Message, textOf } from "../../src/domain/Message.ts";
import { makeId } from "../../src/domain/ids.ts";
import { Model, type ModelEvent, type ModelInfo, type ModelRequest } from "../../src/services/Model.ts";

/** What the answer to each task contains. */
export const markers = {
  "three tools": "I used three tools.",
  "client tool": "Your own tool says:",
  "question": "Hello.",
  "memory": "You said: Remember blue.",
  "code interpreter": "The python tool says 42",
  "shell": "The shell says 42",
  "approval": "You approved, and it says 42",
} as const;

const call = (name: string, args: Record<string, unknown>): ReadonlyArray<ModelEvent> => [
  Scripted.toolCall(makeId("call"), name, args),
  Scripted.finished("ToolCalls"),
];

const answer = (...pieces: ReadonlyArray<string>): ReadonlyArray<ModelEvent> => [
  ...pieces.map(Scripted.text),
  Scripted.finished(),
];

const threeTools: ReadonlyArray<ReadonlyArray<ModelEvent>> = [
  [Scripted.text("Working on it."), ...call("execute_bash", { command: "echo counted >> counter.txt" })],
  call("write_file", { file_path: "notes.txt", content: "from the second tool" }),
  call("read_file", { file_path: "notes.txt" }),
  answer("I used ", "three tools."),
];

/** A figure and a table, both of what an earlier call of the same container has in a variable. */
const drawing = [
  "import hashlib, matplotlib.pyplot as plt",
  "plt.bar(['Jan', 'Feb'], numbers)",
  "plt.savefig('chart.png')",
  "plt.show()",
  "open('/mnt/data/sum.csv', 'w').write(f'sum\\n{sum(numbers)}\\n')",
  "print(hashlib.sha256(open('/mnt/data/sum.csv', 'rb').read()).hexdigest())",
  "sum(numbers)",
].join("\n");

/** Three rounds with the hosted interpreter: what the answer says is what the last call printed. */
const interpreted = (results: ReadonlyArray<Message>): ReadonlyArray<ModelEvent> => {
  if (results.length === 0) return call("python", { code: "numbers = [12, 30]\nprint('ready')" });
  if (results.length === 1) return [Scripted.reasoning("Now the sum."), ...call("python", { code: drawing })];
  return answer("The python tool says ", seen(results), ": [the sum](sandbox:/mnt/data/sum.csv).");
};

/** The number that a real place computed; without it the case does not pass. */
const seen = (results: ReadonlyArray<Message>): string =>
  /\b42\b/.exec(results.slice(-1).map(textOf).join(""))?.[0] ?? "nothing";

const inShell = (results: ReadonlyArray<Message>): ReadonlyArray<ModelEvent> =>
  results.length === 0
    ? call("shell", { commands: ["cd /mnt/data && echo $((6 * 7)) | tee number.txt", "cat number.txt; exit 3"] })
    : answer("The shell says ", seen(results), ".");

/** A call that the suite's server asks a person about. */
const approved = (results: ReadonlyArray<Message>): ReadonlyArray<ModelEvent> =>
  results.length === 0
    ? call("shell", { commands: ["echo published $((6 * 7))"] })
    : answer("You approved, and it says ", seen(results), ".");

/** Reads the skill that it was told of, where it was told that it is. */
const taught = ({ system }: ModelRequest, results: ReadonlyArray<Message>): ReadonlyArray<ModelEvent> => {
  const location = /^- greet: .{1,200} \((\/[^)]{1,200})\)$/m.exec(system)?.[1];
  if (location === undefined) return answer("I know no skill.");
  return results.length === 0
    ? call("shell", { commands: [`cat ${location}`] })
    : answer("The skill says: ", results.slice(-1).map(textOf).join(""));
};

/** What the tools of clients are called with. */
const ownArguments: Readonly<Record<string, Record<string, unknown>>> = {
  get_weather: { city: "Oslo" },
  bash: { command: "echo rain" },
  exec_command: { cmd: "echo rain" },
};

const turn = (request: ModelRequest): ReadonlyArray<ModelEvent> => {
  const lastUser = request.messages.findLastIndex((message) => message.role === "user");
  const results = request.messages.slice(lastUser + 1).filter((message) => message.role === "tool");
  const asked = request.messages.slice(lastUser, lastUser + 1).map(textOf).join("");
  if (asked.includes("your skill")) return taught(request, results);
  if (asked.includes("python tool")) return interpreted(results);
  if (asked.includes("my approval")) return approved(results);
  if (asked.includes("the shell")) return inShell(results);
  if (asked.includes("three tools")) return threeTools[results.length] ?? answer("I used three tools.");
  const own = request.tools.find(({ name }) =>
    !agentToolNames.has(name) && /^(get_weather|bash|exec_command)$/i.test(name)
  );
  if (asked.includes("What did I say")) {
    const said = request.messages.filter(({ role }) => role === "user").map(textOf);
    return answer("You said: ", said.find((text) => text.startsWith("Remember")) ?? "nothing");
  }
  if (!asked.includes("own tool") || own === undefined) return answer("Hello.");
  const last = results.at(-1);
  if (last?.role === "tool") {
    const { content, images = [] } = last;
    return answer(
      "Your own tool says: ",
      content.slice(0, 100),
      ...images.map(({ mediaType }) => ` and shows ${mediaType}`),
    );
  }
  return call(own.name, ownArguments[own.name.toLowerCase()] ?? {});
};

const info = (id: string): ModelInfo => ({ id, provider: "compat", vision: true });

/** The model, under any name: some clients insist on one they know. */
export const layer = Layer.succeed(
  Model,
  Model.of({
    defaultModel: Effect.succeed("gpt-4o-mini"),
    list: Effect.succeed([info("gpt-4o-mini")]),
    find: (model) => Effect.succeed(info(model)),
    stream: (request) => Stream.fromIterable(turn(request)),
  }),
);
