/**
 * The guest process of one owner: a simulated bash and a WebAssembly Python without any permission
 * but its own directories. Started by `Wasm.ts`, spoken to over stdin and stdout.
 */
import process from "node:process";
import { bodyBytesMax, encodeMessage, type GuestOptions, type GuestRequest, readMessages } from "../wire.ts";
import { makeArtifactsFolder, makeFiles, outputFolder } from "./files.ts";
import { keepEnds, saveOutput } from "./output.ts";
import { mountsOf, refusalOf, Refused } from "./paths.ts";
import { makePython } from "./python.ts";
import { runShell, shellFs } from "./shell.ts";

// File systems under Python turn an error with a code into an errno; one without stops the interpreter.
Object.defineProperty(Deno.errors.NotCapable.prototype, "code", { value: "EACCES" });
// Programs see the user of every Caisson sandbox, not the one the server runs as.
process.getuid = () => 1000;
process.getgid = () => 1000;
// stdout carries the protocol: what a library prints goes to the log of the process.
const print = globalThis.console.error;
for (const method of ["log", "info", "debug", "warn"] as const) globalThis.console[method] = print;
// A stray rejection inside the shell must not end the sandbox.
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());

const options: GuestOptions = JSON.parse(Deno.args[0] ?? "{}");
await makeArtifactsFolder(options);
const mounts = mountsOf(options);
const files = makeFiles(mounts, options);
const python = makePython(mounts, options.snapshot);
const fs = shellFs(mounts, python);

const execute = async (command: string, timeoutMs: number) => {
  const started = performance.now();
  const result = await runShell(fs, python, command, timeoutMs);
  const stdout = keepEnds(result.stdout, options.outputBytesMax);
  const stderr = keepEnds(result.stderr, options.outputBytesMax);
  const long = stdout.truncated ? result.stdout : stderr.truncated ? result.stderr : undefined;
  return {
    exitCode: result.exitCode,
    timedOut: result.timedOut,
    stdout: stdout.text,
    stderr: stderr.text,
    stdoutBytes: stdout.bytes,
    stderrBytes: stderr.bytes,
    truncated: long !== undefined,
    outputPath: long === undefined ? undefined : await saveOutput(mounts, long),
    durationMs: performance.now() - started,
    worn: python.isWorn(),
  };
};

/** Remembers in the workspace that a kernel of this name was there; true when one was before. */
const markKernel = async (kernel: string): Promise<boolean> => {
  const folder = `${options.workspace}/${outputFolder}/kernels`;
  const name = [...new TextEncoder().encode(kernel)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(`${folder}/${name}`, new Uint8Array(0), { createNew: true });
    return false;
  } catch (error) {
    // Where it cannot be remembered, the next life is not told of this one.
    return error instanceof Deno.errors.AlreadyExists;
  }
};

const runCell = async (kernel: string, code: string, timeoutMs: number) => {
  const started = performance.now();
  const { answer: found, trouble, ...printed } = await python.cell(kernel, code, started + timeoutMs);
  const stdout = keepEnds(printed.stdout, options.outputBytesMax);
  const stderr = keepEnds(printed.stderr + trouble, options.outputBytesMax);
  const long = stdout.truncated ? printed.stdout : stderr.truncated ? printed.stderr : undefined;
  const died = { name: "KernelDied", message: trouble.trim(), traceback: "" };
  const error = found === undefined ? died : found.error;
  const durationMs = performance.now() - started;
  const stateLost = found === undefined || found.interrupted;
  return {
    stdout: stdout.text,
    stderr: stderr.text,
    displays: found?.displays ?? [],
    displaysLeftOut: found?.displaysLeftOut ?? 0,
    ...(error !== undefined && { error }),
    timedOut: stateLost && durationMs >= timeoutMs,
    truncated: long !== undefined,
    outputPath: long === undefined ? undefined : await saveOutput(mounts, long),
    restarted: await markKernel(kernel) && found?.fresh === true,
    stateLost,
    durationMs,
    worn: python.isWorn(),
  };
};

const docstring = async (path: string, name: string) => {
  const source = await files.source(path);
  const { missing, text } = await python.docstring(source.text, name);
  if (missing === "NotPython") throw new Refused(missing, "not a Python file that can be parsed");
  if (missing !== "") throw new Refused(missing, `no function or class ${name}`);
  return { text };
};

const answer = async (request: GuestRequest, body: Uint8Array): Promise<{ head: object; body?: Uint8Array }> => {
  switch (request.op) {
    case "execute":
      return { head: await execute(request.command, request.timeoutMs) };
    case "cell":
      return { head: await runCell(request.kernel, request.code, request.timeoutMs) };
    case "write":
      return { head: { bytes: await files.write(request.path, body) } };
    case "text":
      return { head: await files.text(request.path, request.offset, request.lineCount, request.column) };
    case "bytes":
      return {
        head: {},
        body: await files.bytes(request.path, request.offset, Math.min(request.length, bodyBytesMax)),
      };
    case "docstring":
      return { head: await docstring(request.path, request.name) };
    case "changed":
      return { head: { files: await files.changed(request.sinceMs, request.limit) } };
  }
};

const output = Deno.stdout.writable.getWriter();
const send = async (head: unknown, body?: Uint8Array) => {
  try {
    for (const part of encodeMessage(head, body)) await output.write(part);
  } catch {
    // Nobody listens any more: the server is gone.
    Deno.exit(1);
  }
};

await send({ ok: true });
const messages = readMessages(Deno.stdin.readable)[Symbol.asyncIterator]();

/** The next request; the end of the stream says that the server is gone, and with it the reason to be. */
const nextMessage = async () => {
  const { done, value } = await messages.next();
  return done === true ? Deno.exit(0) : value;
};

for (let coming = nextMessage();;) {
  const message = await coming;
  // Reading goes on while a command runs: whoever waits for its end must not outlive the server.
  coming = nextMessage();
  const request: GuestRequest = JSON.parse(message.head);
  try {
    // The command before may have removed it, and no file system mounts what is not there.
    await makeArtifactsFolder(options);
    const { head, body } = await answer(request, message.body);
    await send({ ok: true, ...head }, body);
  } catch (error) {
    const { reason, message: why } = refusalOf(error);
    if (reason === "Other") print(error);
    await send({ ok: false, reason, why });
  }
}
