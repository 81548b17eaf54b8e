/**
 * What very many files in a workspace add to a turn with a command: `deno task bench:workspace`.
 *
 * The application in process with a Docker sandbox. Three users take turns: one without files, one with 100,000 of
 * installed packages, one with 100,000 of data. What changed is looked for while the model gives its answer, so the bound
 * is for a model that gives it word by word; beside it stand turns of a model that answers at once, which hides nothing.
 * It needs an engine and the image, and ends with 1 when a bound is missed.
 */
import { Layer, Schedule, Stream } from "effect";
import { layer as dockerLayer } from "../src/adapters/sandbox/docker/Docker.ts";
import * as Scripted from "../src/adapters/model/Scripted.ts";
import { makeApp } from "../tests/support/app.ts";
import { engineSettings } from "../tests/support/engine.ts";

const rounds = 25;
const warmUps = 3;
/** A turn among so many files over one without any. */
const ratioMax = 1.3;
const fill = (folder: string) =>
  `mkdir ${folder}; cd ${folder}; for d in $(seq 100); do mkdir $d; (cd $d; seq 1000 | xargs touch); done`;

/** What each user's workspace is filled with. */
const users: Readonly<Record<string, string>> = {
  "no files": "true",
  "100,000 installed files": fill("node_modules"),
  "100,000 files of data": fill("data"),
};
const names = Object.keys(users);

const words = [..."One word comes after the other, as models have it.".split(" "), ""];
const byWord: Scripted.Step = () =>
  Stream.concat(
    Stream.schedule(Stream.fromIterable(words.map(Scripted.text)), Schedule.spaced("5 millis")),
    Stream.make(Scripted.finished()),
  );

/** How the model answers after its command. */
const answers: Readonly<Record<string, Scripted.Step>> = {
  "word by word": byWord,
  "at once": Scripted.answers("Done."),
};
/** The answers whose turns have a bound. */
const isBound = (answer: string): boolean => answer === "word by word";

const turn = (command: string, answer: Scripted.Step): ReadonlyArray<Scripted.Step> => [
  Scripted.calls(Scripted.toolCall("call-1", "execute_bash", { command })),
  answer,
];

const app = makeApp({
  steps: [
    ...Object.values(users).flatMap((command) => turn(command, Scripted.answers("Filled."))),
    ...Array.from(
      { length: warmUps + rounds },
      () => Object.values(answers).flatMap((answer) => names.flatMap(() => turn("echo made > made.txt", answer))),
    ).flat(),
  ],
  sandbox: { layer: Layer.orDie(Layer.provide(dockerLayer, engineSettings({ sandboxPoolSize: 0 }))) },
});

/** The time of one turn of a user; a failed turn fails the bench. */
const ask = async (user: string): Promise<number> => {
  const startedMs = performance.now();
  const response = await app.chat({
    model: Scripted.scriptedModel,
    user,
    messages: [{ role: "user", content: "Go on." }],
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return performance.now() - startedMs;
};

const median = (values: ReadonlyArray<number>) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

let missed = 0;
const suffix = crypto.randomUUID();
const times = new Map<string, Array<number>>();
const keyOf = (answer: string, name: string) => `${answer}, ${name}`;
try {
  for (const name of names) await ask(`${name} ${suffix}`);
  for (let round = -warmUps; round < rounds; round++) {
    for (const answer of Object.keys(answers)) {
      for (const name of names) {
        const elapsedMs = await ask(`${name} ${suffix}`);
        if (round >= 0) times.set(keyOf(answer, name), [...times.get(keyOf(answer, name)) ?? [], elapsedMs]);
      }
    }
  }
  for (const answer of Object.keys(answers)) {
    const [baseline = NaN] = names.map((name) => median(times.get(keyOf(answer, name)) ?? []));
    for (const name of names) {
      const elapsedMs = median(times.get(keyOf(answer, name)) ?? []);
      const isMissed = isBound(answer) && !(elapsedMs / baseline <= ratioMax);
      if (isMissed) missed += 1;
      console.log(
        `${isMissed ? "✗ " : "  "}${keyOf(answer, name).padEnd(40)} ${elapsedMs.toFixed(1).padStart(6)} ms, ${
          (elapsedMs / baseline).toFixed(2)
        }${isBound(answer) ? ` (wanted ≤ ${ratioMax})` : ""}`,
      );
    }
  }
} finally {
  for (const name of names) {
    await app.send(
      new Request(`http://caisson.test/v1/sandbox/reset?user=${encodeURIComponent(`${name} ${suffix}`)}`, {
        method: "POST",
      }),
    ).then((response) => response.body?.cancel());
  }
  await app.dispose();
}
Deno.exit(missed > 0 ? 1 : 0);
