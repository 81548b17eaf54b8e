/**
 * What the offline model understood of a request: steps, each of which becomes one tool call.
 */
import { agentToolNames } from "../../../domain/agentTools.ts";
import * as Code from "./code.ts";

/** One thing to do. */
export type Step =
  | { readonly _tag: "Bash"; readonly command: string }
  | { readonly _tag: "Python"; readonly code: string }
  | { readonly _tag: "Write"; readonly path: string; readonly content: string }
  | { readonly _tag: "Read"; readonly path: string }
  | { readonly _tag: "Docstring"; readonly path: string; readonly name: string }
  /** Code for a tool that a request has in the place of ours, or for the Python that remembers. */
  | { readonly _tag: "Hosted"; readonly tool: "python" | "shell" | "execute_python"; readonly source: string }
  /** A tool named outright, ours or the client's, with its arguments as JSON text. */
  | { readonly _tag: "Named"; readonly tool: string; readonly argumentsJson: string };

/** The names of our own tools. */
export const ourTools: ReadonlySet<string> = agentToolNames;

/** The tool that carries out a step. */
export const toolOf = (step: Step): string => {
  switch (step._tag) {
    case "Bash":
    case "Python":
      return "execute_bash";
    case "Write":
      return "write_file";
    case "Read":
      return "read_file";
    case "Docstring":
      return "read_docstring";
    case "Hosted":
    case "Named":
      return step.tool;
  }
};

/** A step as the tools of a request can carry it out: code goes to a hosted tool where ours is not offered. */
export const withOffered = (step: Step, offered: ReadonlySet<string>): Step => {
  if (offered.has(toolOf(step))) return step;
  if (step._tag === "Python" && offered.has("python")) return { _tag: "Hosted", tool: "python", source: step.code };
  if (step._tag === "Bash" && offered.has("shell")) return { _tag: "Hosted", tool: "shell", source: step.command };
  if (step._tag === "Python" && offered.has("shell")) {
    return { _tag: "Hosted", tool: "shell", source: Code.pythonCommand(step.code) };
  }
  if (step._tag === "Bash" && offered.has("python")) {
    const run = `import subprocess; print(subprocess.run(${
      JSON.stringify(step.command)
    }, shell=True, capture_output=True, text=True).stdout)`;
    return { _tag: "Hosted", tool: "python", source: run };
  }
  return step;
};

/** A step as a cell of the Python that remembers, where it is Python. */
export const asCell = (step: Step): Step =>
  step._tag === "Python" ? { _tag: "Hosted", tool: "execute_python", source: step.code } : step;

/** The arguments of a step's call, as JSON text. */
export const argumentsOf = (step: Step): string => {
  switch (step._tag) {
    case "Bash":
      return JSON.stringify({ command: step.command });
    case "Python":
      return JSON.stringify({ command: Code.pythonCommand(step.code) });
    case "Write":
      return JSON.stringify({ file_path: step.path, content: step.content });
    case "Read":
      return JSON.stringify({ file_path: step.path });
    case "Docstring":
      return JSON.stringify({ file_path: step.path, function_name: step.name });
    case "Hosted":
      return JSON.stringify(step.tool === "shell" ? { commands: [step.source] } : { code: step.source });
    case "Named":
      return step.argumentsJson;
  }
};

/** The command that runs a script file, by its extension. */
export const runFile = (path: string): Step => ({
  _tag: "Bash",
  command: `${path.endsWith(".py") ? "python3" : "bash"} ${Code.shellWord(path)}`,
});
