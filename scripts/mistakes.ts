/**
 * Mistakes of the first hour: what each prints and what to do.
 *
 * `docs/troubleshooting.md` is made of it, and `tests/e2e/mistakes_test.ts` makes every one of them.
 */

/** One mistake. */
export interface Mistake {
  readonly what: string;
  /** Pieces of what is printed or answered, in this order. */
  readonly says: ReadonlyArray<string>;
  readonly todo: string;
}

/** Mistakes in what is typed or set, and what stands in the way of a start. */
export const starting = {
  command: {
    what: "A command that does not exist",
    says: ['Unknown subcommand "srve"', "Did you mean this?", "serve"],
    todo: "`caisson --help` lists the commands, `caisson COMMAND --help` the flags of one.",
  },
  flag: {
    what: "A flag that does not exist",
    says: ["Unrecognized flag: --prt", "Did you mean this?", "--port"],
    todo: "A flag is the setting of the same name: `CAISSON_SANDBOX` is `--sandbox`.",
  },
  secretFlag: {
    what: "A key on the command line",
    says: ["CAISSON_API_KEYS is a secret", "set it in the environment or in .env"],
    todo: "Everybody on the machine can read a command line. Put secrets into `.env`.",
  },
  port: {
    what: "The port is taken",
    says: ["cannot listen", "address already in use", "Choose another port with AGENT_API_PORT"],
    todo: "`caisson serve --port 8001`, or stop what listens there.",
  },
  lowPort: {
    what: "A port below 1024 without the rights for it",
    says: ["cannot listen", "permission denied", "Ports below 1024 are for root"],
    todo: "Take a higher port and put a proxy before it, see [operating.md](operating.md).",
  },
  badPort: {
    what: "A setting that is no such value",
    says: ['AGENT_API_PORT is "http"', "expected a whole number (port) from 0 to 65535"],
    todo: "Correct it; [configuration.md](configuration.md) has every setting.",
  },
  brackets: {
    what: "An IPv6 address in brackets",
    says: [`AGENT_API_HOST is "[::1]"`, "::1 without brackets"],
    todo: "`AGENT_API_HOST=::1`. In a URL the brackets stay: `http://[::1]:8000`.",
  },
  open: {
    what: "Serving a network without a key",
    says: ["listening on 0.0.0.0 without credentials is refused", "set CAISSON_API_KEYS, or listen on 127.0.0.1"],
    todo: "`caisson keys create NAME` makes a key; then the server may listen there.",
  },
  keys: {
    what: "Keys without names",
    says: ["CAISSON_API_KEYS: entry 1 is <redacted>, expected name:key"],
    todo: "`CAISSON_API_KEYS=me:KEY,you:KEY`.",
  },
  typo: {
    what: "A typing error in the name of a setting",
    says: ["AGENT_API_PROT is no setting and is not read: did you mean AGENT_API_PORT?"],
    todo: "Correct the name. The server starts all the same.",
  },
  yaml: {
    what: "A line of `.env` that sets nothing",
    says: ["line 2 of .env is not NAME=value and is not read"],
    todo: "Write `NAME=value`, without a colon.",
  },
  windows: {
    what: "A `.env` from a Windows editor",
    says: ["agent API listens on", "next: open http"],
    todo: "Nothing: line ends, byte order marks and UTF-16 are understood.",
  },
  dotEnv: {
    what: "A `.env` that cannot be read",
    says: [".env cannot be read"],
    todo: "It has to be a file, and this user has to be allowed to read it.",
  },
  baseUrl: {
    what: "The provider's URL without http://",
    says: ['OPENAI_BASE_URL is "localhost:11434/v1", expected an http or https URL'],
    todo: "`OPENAI_BASE_URL=http://localhost:11434/v1`.",
  },
  provider: {
    what: "The provider does not run, or there is no network",
    says: ["openai-compatible did not list its models", "Transport error (GET http://127.0.0.1:9/v1/models)"],
    todo: "Start the provider or correct the URL; the server looks again and need not be started again.",
  },
  defaultModel: {
    what: "A default model without its key",
    says: ['DEFAULT_MODEL is "gemini-flash-latest", but GOOGLE_API_KEY (or GEMINI_API_KEY) is not set'],
    todo: "Set the key, or leave `DEFAULT_MODEL` out.",
  },
  proxy: {
    what: "A proxy without http://",
    says: ['HTTPS_PROXY is "localhost:3128", expected an http or https URL'],
    todo: "`HTTPS_PROXY=http://localhost:3128`; hosts without it go into `NO_PROXY`.",
  },
  models: {
    what: "A table of models that is not there",
    says: ["CAISSON_MODELS: the file models.json cannot be read"],
    todo: "The path is meant from where the server starts; [models.md](models.md) has the format.",
  },
  engine: {
    what: "Docker wanted, and no engine runs",
    says: ["/nonexistent.sock: connect ENOENT", "Start a container engine, name its socket in DOCKER_HOST"],
    todo: "Start it, or leave `CAISSON_SANDBOX` out: then code runs in the embedded sandbox.",
  },
  socket: {
    what: "The engine's socket, and no right to use it",
    says: ["connect EACCES", "sudo usermod -aG docker"],
    todo: "Join the group of the socket and log in again, or use a rootless engine.",
  },
  tcp: {
    what: "An engine over TCP",
    says: ['DOCKER_HOST is "tcp://127.0.0.1:2375", expected unix:///path'],
    todo: "Only sockets are used: forward one with `ssh -L`, or run the MCP server where the engine is.",
  },
  dataFile: {
    what: "A data directory that is a file, or that this user may not read",
    says: ["CAISSON_DATA_PATH: cannot read", "expected a directory this user can read and write"],
    todo: "Name a directory of your own.",
  },
  full: {
    what: "A full disk",
    says: ["session store sqlite failed in open", "disk is full", "on a disk with room"],
    todo: "Make room, or move `CAISSON_DATA_PATH`.",
  },
  readOnly: {
    what: "A read-only disk",
    says: ["session store sqlite failed in open", "read-only file system", "this user can write to"],
    todo: "Name another `CAISSON_DATA_PATH`; in a container, mount a volume there.",
  },
  redis: {
    what: "Sessions in Redis, and no Redis named",
    says: ["CAISSON_REDIS_URL is not set, expected redis://host:port"],
    todo: "Set it, or leave `CAISSON_SESSIONS` out.",
  },
  jwt: {
    what: "A secret that is too short",
    says: ["CAISSON_JWT_SECRET is <redacted>, expected at least 32 bytes"],
    todo: "`openssl rand -hex 32` makes one.",
  },
  keyName: {
    what: "A key's name with a space",
    says: ["a name is 1 to 64 letters, digits and ._@-"],
    todo: "Choose a name without one.",
  },
  elsewhere: {
    what: "Keys, and no server that knows them",
    says: ["no keys in /", "a server started elsewhere has a data directory of its own"],
    todo: "Stand where the server was started, or set `CAISSON_DATA_PATH`; the server's log names its own.",
  },
  toolServer: {
    what: "The MCP server of `MCP_SERVER_URL` does not run",
    says: ["no code can be run now", "the tool server does not answer", "GET /health tells when"],
    todo: "`caisson mcp` starts it; without `MCP_SERVER_URL` the tools run in the API itself.",
  },
  twice: {
    what: "Two servers with one data directory",
    says: ["agent API listens on"],
    todo: "It works, and sessions are shared. A user's sandbox belongs to the server that started it.",
  },
} as const satisfies Record<string, Mistake>;

/** Mistakes in how a running server is asked. */
export const asking = {
  noKey: {
    what: "No key",
    says: ["You did not provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'."],
    todo: "Put the key into the client's settings.",
  },
  bareKey: {
    what: "A key without the word Bearer",
    says: ["The Authorization header is not the word Bearer and one key.", "'Authorization: Bearer YOUR_KEY'"],
    todo: "Some clients want the whole header in their settings: `Bearer YOUR_KEY`.",
  },
  wrongKey: {
    what: "A wrong key",
    says: ["Incorrect API key provided", "caisson keys create NAME"],
    todo: "It has to be this server's key, not the provider's.",
  },
  withoutV1: {
    what: "A base URL without /v1",
    says: ["Unknown request URL: POST /chat/completions", "Did you mean /v1/chat/completions?"],
    todo: "`http://127.0.0.1:8000/v1`.",
  },
  twiceV1: {
    what: "A base URL with /v1 twice",
    says: ["Unknown request URL: POST /v1/v1/chat/completions", "ends with /v1 and with nothing behind it"],
    todo: "The client appends `/v1` itself: give it `http://127.0.0.1:8000`.",
  },
  endpoint: {
    what: "The whole endpoint as the base URL",
    says: ["Unknown request URL: POST /v1/chat/completions/chat/completions", "Did you mean /v1/chat/completions?"],
    todo: "`http://127.0.0.1:8000/v1`, and nothing behind it.",
  },
  ollama: {
    what: "A client told that this is Ollama",
    says: ["not Ollama's", "choose an OpenAI connection"],
    todo: "Add it as an OpenAI-compatible server.",
  },
  model: {
    what: "A model that is not configured",
    says: ["The model 'gpt-4o' is not available", "OPENAI_API_KEY (or OPENAI_BASE_URL) is not set", "Available now:"],
    todo: "Leave the model out, take one of the list, or set the provider's key.",
  },
  body: {
    what: "A body that is not JSON",
    says: ["We could not parse the JSON body of your request."],
    todo: "In a shell, put the body into single quotes.",
  },
  form: {
    what: "curl without a content type",
    says: ["Unsupported content-type", "expected application/json"],
    todo: "`-H 'content-type: application/json'`.",
  },
  mcpPath: {
    what: "An MCP client with another path",
    says: ["The address of this MCP server ends with /mcp"],
    todo: "`http://127.0.0.1:8989/mcp`.",
  },
} as const satisfies Record<string, Mistake>;

// Page -------------------------------------------------------------------------------------------

const cell = (text: string): string => text.replaceAll("|", "\\|");

const table = (rows: Readonly<Record<string, Mistake>>): string =>
  [
    "| Mistake | What is said | What to do |",
    "| --- | --- | --- |",
    ...Object.values(rows).map(({ what, says, todo }) =>
      `| ${cell(what)} | ${cell(says.map((piece) => `\`${piece.replaceAll("`", "'")}\``).join(" … "))} | ${
        cell(todo)
      } |`
    ),
  ].join("\n");

/** The page of the documentation. */
export const page = `# When something does not work

Everything that ends a start is one line that names the cause and the next step, and the exit code is 1 (2 for a mistake
in a command line). \`caisson doctor\` checks the engine, the image and every wall of a sandbox.

This page is generated by \`deno task docs\` from a table whose every row is made happen by a test.

## Starting

${table(starting)}

## Asking

${table(asking)}

Also: a client that ends after a minute of silence wants a shorter \`CAISSON_KEEP_ALIVE_SECONDS\`; an answer that comes all
at once has a proxy before it that buffers ([operating.md](operating.md)); Ctrl-C a second time, half a second after the
first, ends a server at once.
`;

if (import.meta.main) Deno.writeTextFileSync(new URL("../docs/troubleshooting.md", import.meta.url), page);
