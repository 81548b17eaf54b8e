/**
 * Loads every module of `src` and prints, as JSON, where one of them made an error while it was loaded. A program of
 * its own: it watches the constructor of errors, which has to be in place before anything else is loaded.
 */
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../src/", import.meta.url));
const Original = Error;
const framesMax = 20;
const made: Array<string> = [];

/** The frames of whoever asks. */
const frames = (): string => {
  const { stackTraceLimit } = Original;
  Original.stackTraceLimit = framesMax;
  try {
    return new Original().stack ?? "";
  } finally {
    Original.stackTraceLimit = stackTraceLimit;
  }
};

globalThis.Error = new Proxy(Original, {
  construct: (target, args, newTarget) => {
    made.push(frames());
    return Reflect.construct(target, args, newTarget);
  },
});

const modulesIn = (folder: string): ReadonlyArray<string> =>
  [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? modulesIn(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );

// Guests of the WebAssembly sandbox are programs of their own.
for (const path of modulesIn(root).filter((module) => !module.includes("/guest/"))) await import(`file://${path}`);

// Effect makes one for each middleware that is declared, to say later where that was.
const own = made.filter((stack) => !stack.includes("HttpApiMiddleware")).flatMap((stack) =>
  stack.split("\n").filter((line) => line.includes(root)).slice(-1).map((line) =>
    line.trim().replace(`file://${root}`, "src/")
  )
);
console.log(JSON.stringify(own));
Deno.exit(0);
