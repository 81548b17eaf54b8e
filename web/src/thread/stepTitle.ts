/** How a call of a tool is told in a line: what it does, on what, and the code in it. */
import type { StepPart } from "../state/run.ts";

/** A call in words. */
export interface StepTitle {
  readonly verb: string;
  readonly what: string;
  readonly language: string;
  readonly code: string;
}

const text = (value: unknown): string => typeof value === "string" ? value : "";

const firstLine = (code: string): string => code.split("\n", 50).find((line) => line.trim() !== "") ?? "";

const shell = (command: string): StepTitle => {
  const isPython = /^python3? -c '/.test(command) && command.endsWith("'");
  if (!isPython) return { verb: "Shell", what: firstLine(command), language: "bash", code: command };
  const code = command.slice(command.indexOf("'") + 1, -1).replaceAll(`'"'"'`, "'").replaceAll(`'\\''`, "'");
  return { verb: "Python", what: firstLine(code), language: "python", code };
};

const short = (path: string): string => path.replace(/^\/(?:workspace|mnt\/data)\//, "");

const extension = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

/** Tools as people call what they do. */
const toolNames: Readonly<Record<string, string>> = {
  execute_bash: "Shell",
  execute_python: "Python",
  write_file: "Write",
  edit_file: "Edit",
  read_file: "Read",
  view_image: "Look",
  read_docstring: "Read docs",
  list_jobs: "List jobs",
  read_job: "Read job",
  kill_job: "End job",
  web_fetch: "Fetch",
  web_search: "Search",
  request_access: "Ask for a host",
};

/** The name of a tool; one that is not ours goes by its own. */
export const nameOfTool = (tool: string): string => toolNames[tool] ?? tool;

/** The argument of a tool that is text to be read as it is. */
const mainArguments: Readonly<Record<string, string>> = {
  execute_bash: "command",
  execute_python: "code",
  write_file: "content",
};

/** All that a call is given: its text as it is, in a language, and the rest as JSON. */
export const argumentsOf = (
  tool: string,
  json: string,
): {
  readonly language: string;
  readonly code: string;
  readonly others: string;
} => {
  let fields: unknown;
  try {
    fields = JSON.parse(json);
  } catch {
    fields = undefined;
  }
  if (typeof fields !== "object" || fields === null) {
    return { language: "json", code: "", others: json };
  }
  const main = mainArguments[tool] ?? "";
  const { [main]: code, ...rest } = fields as Record<string, unknown>;
  const isText = typeof code === "string";
  const others = isText ? rest : fields;
  const path = text((fields as Record<string, unknown>)["file_path"]);
  const languages: Readonly<Record<string, string>> = {
    execute_bash: "bash",
    execute_python: "python",
    write_file: extension(path),
  };
  return {
    language: languages[tool] ?? "",
    code: isText ? code : "",
    others: Object.entries(others).map(([name, value]) => `${name} = ${JSON.stringify(value, null, 2)}`).join("\n"),
  };
};

/** Tells a call. */
export const titleOfStep = ({ tool, input }: Pick<StepPart, "tool" | "input">): StepTitle => {
  const path = short(text(input["file_path"]));
  switch (tool) {
    case "execute_bash": {
      const title = shell(text(input["command"]));
      return input["background"] === true ? { ...title, verb: "In the background" } : title;
    }
    case "list_jobs":
      return { verb: "Listed jobs", what: "", language: "", code: "" };
    case "read_job":
      return { verb: "Read job", what: text(input["job_id"]), language: "", code: "" };
    case "kill_job":
      return { verb: "Ended job", what: text(input["job_id"]), language: "", code: "" };
    case "web_fetch":
      return { verb: "Fetched", what: text(input["url"]), language: "", code: "" };
    case "request_access":
      return { verb: "Asked for", what: text(input["host"]), language: "", code: "" };
    case "web_search":
      return { verb: "Searched", what: text(input["query"]), language: "", code: "" };
    case "execute_python": {
      const code = text(input["code"]);
      return { verb: "Python", what: firstLine(code), language: "python", code };
    }
    case "write_file":
      return { verb: "Wrote", what: path, language: extension(path), code: text(input["content"]) };
    case "edit_file": {
      const lines = (sign: string, name: string) =>
        text(input[name]).split("\n").map((line) => `${sign}${line}`).join("\n");
      return {
        verb: "Edited",
        what: path,
        language: "diff",
        code: `${lines("-", "old_text")}\n${lines("+", "new_text")}`,
      };
    }
    case "read_file":
      return { verb: "Read", what: path, language: "", code: "" };
    case "view_image":
      return { verb: "Looked at", what: path, language: "", code: "" };
    case "read_docstring":
      return { verb: "Read docs of", what: `${path} ${text(input["function_name"])}`, language: "", code: "" };
    default:
      return { verb: tool, what: "", language: "json", code: JSON.stringify(input, null, 2) };
  }
};
