/**
 * The tools of the agent as declarations: names, argument schemas and what each may change.
 *
 * The agent and the MCP server register these very values. What the tools do is in `src/agent/toolHandlers.ts`.
 */
import { type JsonSchema, Schema } from "effect";
import { Job } from "./Job.ts";
import type { ToolDeclaration } from "./Tool.ts";

/** Seconds a command may take when the model does not say. */
export const commandSecondsDefault = 30;
/** The longest a model may let one command run; longer work belongs in the background or in steps. */
const commandSecondsMax = 600;
/** The longest that a reading of a job waits: as long as a client waits for a call without a word. */
const jobWaitSecondsMax = 60;

/** What a tool may do, in the terms of the MCP specification's tool annotations. */
export interface ToolAnnotations {
  readonly readOnly: boolean;
  readonly destructive: boolean;
  readonly idempotent: boolean;
}

/** A tool of ours: what a model is told, and the schemas of what goes in and comes out. */
export interface AgentTool<Name extends string, Arguments extends Schema.Top, Output extends Schema.Top> {
  readonly name: Name;
  readonly title: string;
  readonly description: string;
  readonly arguments: Arguments;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
}

const tool = <const Name extends string, Arguments extends Schema.Top, Output extends Schema.Top>(
  declaration: AgentTool<Name, Arguments, Output>,
): AgentTool<Name, Arguments, Output> => declaration;

const filePath = Schema.String.annotate({ description: "Absolute path, or relative to /workspace" });

const jobStatus = Job.fields.status;
const jobId = Schema.String.annotate({ description: "As execute_bash or list_jobs named it" });
const jobFields = {
  job_id: Schema.String,
  command: Schema.String,
  status: jobStatus,
  exit_code: Schema.optionalKey(Schema.Int),
  seconds: Schema.Number,
  note: Schema.optionalKey(Schema.String),
};

/** `execute_bash`: runs a command; a failing command is a result. */
export const executeBash = tool({
  name: "execute_bash",
  title: "Run a bash command",
  description:
    "Run a bash command in the sandbox, in /workspace. Files persist between calls; shell state and processes started " +
    "with & do not: for a server or long work set background. Python is python3.",
  arguments: Schema.Struct({
    command: Schema.String.annotate({ description: "The command or script to run with bash" }),
    timeout: Schema.optionalKey(
      Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: commandSecondsMax })).annotate({
        description: `Seconds after which the command is killed, ${commandSecondsDefault} when absent`,
      }),
    ),
    background: Schema.optionalKey(Schema.Boolean.annotate({
      description: "Return at once with a job_id while the command runs on, for an hour when no timeout is given; " +
        "look after it with read_job",
    })),
  }),
  output: Schema.Struct({
    exit_code: Schema.Int,
    stdout: Schema.String,
    stderr: Schema.String,
    timed_out: Schema.optionalKey(Schema.Boolean),
    truncated: Schema.optionalKey(Schema.Boolean),
    oom_killed: Schema.optionalKey(Schema.Boolean),
    output_path: Schema.optionalKey(Schema.String),
    note: Schema.optionalKey(Schema.String),
    /** A command in the background; its exit code is 0 while it runs. */
    job_id: Schema.optionalKey(Schema.String),
    status: Schema.optionalKey(jobStatus),
  }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
});

/** `execute_python`: runs a cell in a Python that remembers; an exception is a result. */
export const executePython = tool({
  name: "execute_python",
  title: "Run Python",
  description:
    "Run Python in /workspace. Variables, imports and loaded data stay for later calls: use it for analysis in steps, " +
    "and execute_bash for shell commands and finished scripts. The last expression is shown like in a notebook, " +
    "figures left open are saved as files and shown.",
  arguments: Schema.Struct({
    code: Schema.String.annotate({ description: "Python code" }),
    timeout: Schema.optionalKey(
      Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: commandSecondsMax })).annotate({
        description: `Seconds after which it is interrupted, ${commandSecondsDefault} when absent`,
      }),
    ),
    kernel: Schema.optionalKey(
      Schema.String.check(Schema.isPattern(/^[\w.-]{1,100}$/)).annotate({
        description: "Name of a separate set of variables; rarely needed",
      }),
    ),
  }),
  output: Schema.Struct({
    stdout: Schema.String,
    stderr: Schema.String,
    result: Schema.optionalKey(Schema.String),
    /** What was shown beside the result and is no picture. */
    displays: Schema.optionalKey(Schema.Array(Schema.String)),
    error: Schema.optionalKey(Schema.String),
    images: Schema.Array(Schema.String),
    restarted: Schema.optionalKey(Schema.Boolean),
    state_lost: Schema.optionalKey(Schema.Boolean),
    timed_out: Schema.optionalKey(Schema.Boolean),
    oom_killed: Schema.optionalKey(Schema.Boolean),
    truncated: Schema.optionalKey(Schema.Boolean),
    output_path: Schema.optionalKey(Schema.String),
    note: Schema.optionalKey(Schema.String),
  }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
});

/** `write_file`: replaces a whole file. */
export const writeFile = tool({
  name: "write_file",
  title: "Write a file",
  description:
    "Write a new file, or a whole file anew; parent directories are created. To change a part, use edit_file.",
  arguments: Schema.Struct({
    file_path: filePath,
    content: Schema.String.annotate({ description: "The whole new content" }),
  }),
  output: Schema.Struct({ path: Schema.String, bytes: Schema.Int }),
  annotations: { readOnly: false, destructive: true, idempotent: true },
});

/** `edit_file`: replaces an exact text in a file. */
export const editFile = tool({
  name: "edit_file",
  title: "Edit a file",
  description:
    "Replace old_text by new_text in a text file. old_text must be exactly what stands there, spaces and line breaks " +
    "included, and occur once, unless all is set. Read the file first.",
  arguments: Schema.Struct({
    file_path: filePath,
    old_text: Schema.String.annotate({ description: "The exact text to replace" }),
    new_text: Schema.String.annotate({ description: "What stands there instead; may be empty" }),
    all: Schema.optionalKey(Schema.Boolean.annotate({ description: "Replace every occurrence" })),
  }),
  output: Schema.Struct({
    path: Schema.String,
    replacements: Schema.Int,
    first_line: Schema.Int,
    bytes: Schema.Int,
  }),
  annotations: { readOnly: false, destructive: true, idempotent: false },
});

/** `read_file`: a page of a text file, or a directory's listing. */
export const readFile = tool({
  name: "read_file",
  title: "Read a file",
  description: "Read a text file in the sandbox, or list a directory. Long files come in pages of lines.",
  arguments: Schema.Struct({
    file_path: filePath,
    offset: Schema.optionalKey(
      Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({ description: "First line, counted from 0" }),
    ),
    line_count: Schema.optionalKey(
      Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)).annotate({ description: "Number of lines, all when absent" }),
    ),
    column: Schema.optionalKey(
      Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({
        description: "Byte of the first line to begin at; only where a page that was cut inside a long line says so",
      }),
    ),
  }),
  output: Schema.Struct({
    text: Schema.String,
    truncated: Schema.Boolean,
    next: Schema.optionalKey(Schema.Struct({ offset: Schema.Int, column: Schema.optionalKey(Schema.Int) })),
    note: Schema.optionalKey(Schema.String),
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
});

/** `view_image`: an image file, shown as what it is. */
export const viewImage = tool({
  name: "view_image",
  title: "Look at an image",
  description: "Look at a PNG, JPEG, GIF or WebP file of the sandbox, for example a chart that you made.",
  arguments: Schema.Struct({ file_path: filePath }),
  output: Schema.Struct({ path: Schema.String, media_type: Schema.String, bytes: Schema.Int }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
});

/** `list_jobs`: the commands in the background. */
export const listJobs = tool({
  name: "list_jobs",
  title: "List background jobs",
  description: "List the background jobs of the sandbox: those that run, and the last that ended.",
  arguments: Schema.Struct({}),
  output: Schema.Struct({ jobs: Schema.Array(Schema.Struct(jobFields)) }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
});

/** `read_job`: what a command in the background printed. */
export const readJob = tool({
  name: "read_job",
  title: "Read a background job",
  description:
    "Return the status of a background job and what it printed: the end of it, or from an offset on. The job goes on.",
  arguments: Schema.Struct({
    job_id: jobId,
    offset: Schema.optionalKey(
      Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({
        description: "First byte to return: next_offset of the last reading gives only what is new",
      }),
    ),
    wait: Schema.optionalKey(
      Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: jobWaitSecondsMax })).annotate({
        description: "Seconds to wait for its end first, 0 when absent",
      }),
    ),
  }),
  output: Schema.Struct({
    ...jobFields,
    output: Schema.String,
    offset: Schema.Int,
    next_offset: Schema.Int,
    total_bytes: Schema.Int,
  }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
});

/** `kill_job`: ends a command in the background. */
export const killJob = tool({
  name: "kill_job",
  title: "End a background job",
  description: "End a background job with all its processes; what it printed can still be read.",
  arguments: Schema.Struct({ job_id: jobId }),
  output: Schema.Struct(jobFields),
  annotations: { readOnly: false, destructive: true, idempotent: true },
});

/** `read_docstring`: what a Python function says of itself, without running its file. */
export const readDocstring = tool({
  name: "read_docstring",
  title: "Read a docstring",
  description:
    "Return the docstring of a function, class or Class.method in a Python file or a module under /tools, without running it.",
  arguments: Schema.Struct({
    file_path: Schema.String.annotate({ description: "Path of a Python file, or a module name under /tools" }),
    function_name: Schema.String.annotate({ description: "Function, class or Class.method" }),
  }),
  output: Schema.Struct({ docstring: Schema.String }),
  annotations: { readOnly: true, destructive: false, idempotent: true },
});

/** Every tool of the agent, in the order they are offered. */
export const agentTools = [
  executeBash,
  executePython,
  writeFile,
  editFile,
  readFile,
  viewImage,
  listJobs,
  readJob,
  killJob,
  readDocstring,
] as const;

/** The names that a client's own tools must not take. */
export const agentToolNames: ReadonlySet<string> = new Set(agentTools.map((agentTool) => agentTool.name));

/** The JSON Schema of a tool's arguments or output; what it does not name is refused by strict callers. */
export const jsonSchemaOf = (schema: Schema.Top): JsonSchema.JsonSchema =>
  Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }).schema;

/** The tools as a model is offered them. */
export const declarations: ReadonlyArray<ToolDeclaration> = agentTools.map((agentTool) => ({
  name: agentTool.name,
  description: agentTool.description,
  parameters: jsonSchemaOf(agentTool.arguments),
}));
