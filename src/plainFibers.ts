/**
 * Fibers without Node's asynchronous context; the programs import this before anything else.
 *
 * Effect makes an `AsyncResource` whenever a fiber waits, so that an `AsyncLocalStorage` is right when it goes on.
 * Nothing in these programs reads one, and each costs several microseconds and an entry in a registry of
 * finalizers, some times for every chunk. Effect asks for the class once, as it is loaded; here it is loaded in a
 * process that has none, as some runtimes have none. Where Effect was loaded before, nothing changes. A program that
 * embeds the library keeps its context. Loaded is the module of fibers and no more, so that a bundle holds of Effect what
 * it uses.
 */
import process from "node:process";

const load = process.getBuiltinModule;
const answering = (answer: (id: string) => unknown): void => {
  Object.defineProperty(process, "getBuiltinModule", { configurable: true, writable: true, value: answer });
};

answering((id) => id === "node:async_hooks" ? undefined : load(id));
await import("effect/Effect");
answering(load);
