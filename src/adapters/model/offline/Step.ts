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
    case "Named":
      return step.tool;
  }
};

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
    case "Named":
      return step.argumentsJson;
  }
};

/** The command that runs a script file, by its extension. */
export const runFile = (path: string): Step => ({
  _tag: "Bash",
  command: `${path.endsWith(".py") ? "python3" : "bash"} ${Code.shellWord(path)}`,
});
