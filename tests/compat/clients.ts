/**
 * The clients of the compatibility suite: how each is started.
 */

/** A client: a program that talks to `BASE_URL` and reports cases as lines of JSON, or is judged by its output. */
export interface Client {
  readonly name: string;
  readonly version: string;
  /** What `pip` installs for it. */
  readonly requirement?: string;
  readonly command: (setting: Setting) => { readonly program: string; readonly args: ReadonlyArray<string> };
  /** What a command-line program is asked; absent for programs that do both tasks and report by themselves. */
  readonly prompts?: Readonly<Record<string, string>>;
  /** Files the program needs in its own directory before it starts. */
  readonly files?: (setting: Setting) => Readonly<Record<string, string>>;
  readonly env?: (setting: Setting) => Readonly<Record<string, string>>;
}

/** Where a client runs. */
export interface Setting {
  readonly baseUrl: string;
  /** An empty directory of its own, also its home. */
  readonly directory: string;
  readonly prompt: string;
  /** Python with the client's package, "" for other clients. */
  readonly python: string;
}

const here = new URL(".", import.meta.url).pathname;

const deno = (name: string, version: string, file: string): Client => ({
  name,
  version,
  command: () => ({
    program: Deno.execPath(),
    args: [
      "run",
      "--quiet",
      "--no-lock",
      `--config=${here}clients/deno.json`,
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      `${here}clients/${file}`,
    ],
  }),
});

/** A Python client; its version is what is installed for it. */
const python = (name: string, requirement: string, file: string): Client => ({
  name,
  version: requirement.replace("==", " "),
  requirement,
  command: (setting) => ({ program: setting.python, args: [`${here}python/${file}`] }),
});

const prompts = {
  "three tools, print mode": "Use three tools, then say so.",
  "client tool, print mode": "Ask your own tool.",
};

/** Clients in JavaScript and command-line programs; they need the npm registry once. */
export const javascriptClients: ReadonlyArray<Client> = [
  deno("openai (node)", "7.57.0", "openai.ts"),
  deno("Vercel AI SDK", "ai 7.0.173, @ai-sdk/openai 4.0.118, openai-compatible 3.0.92", "ai.ts"),
  deno("LangChain.js", "@langchain/openai 1.6.0", "langchain.ts"),
  deno("LlamaIndex.TS", "@llamaindex/openai 0.4.23, @llamaindex/workflow 1.1.25", "llamaindex.ts"),
  deno("OpenAI Agents SDK", "@openai/agents 0.20.0", "agents.ts"),
  {
    name: "pi",
    version: "@mariozechner/pi-coding-agent 0.73.1",
    prompts,
    command: ({ prompt }) => ({
      program: "npx",
      args: [
        "-y",
        "@mariozechner/pi-coding-agent@0.73.1",
        "--provider",
        "caisson",
        "--model",
        "gpt-4o-mini",
        "--no-session",
        "-p",
        prompt,
      ],
    }),
    files: ({ baseUrl }) => ({
      ".pi/agent/models.json": JSON.stringify({
        providers: {
          caisson: {
            baseUrl: `${baseUrl}/v1`,
            api: "openai-completions",
            apiKey: "compat-key",
            models: [{ id: "gpt-4o-mini" }],
          },
        },
      }),
    }),
  },
  {
    name: "cn",
    version: "@continuedev/cli 1.5.47",
    prompts,
    command: ({ prompt, directory }) => ({
      program: "npx",
      args: ["-y", "@continuedev/cli@1.5.47", "-p", prompt, "--config", `${directory}/config.yaml`, "--auto"],
    }),
    files: ({ baseUrl }) => ({
      "config.yaml": [
        "name: compat",
        "version: 1.0.0",
        "schema: v1",
        "models:",
        "  - name: caisson",
        "    provider: openai",
        "    model: gpt-4o-mini",
        `    apiBase: ${baseUrl}/v1`,
        "    apiKey: compat-key",
        "    roles: [chat]",
        "    capabilities: [tool_use]",
        "",
      ].join("\n"),
    }),
    env: () => ({ CONTINUE_CLI_ENABLE_TELEMETRY: "0", CONTINUE_TELEMETRY_ENABLED: "0" }),
  },
];

/** Clients in Python; they need a package index. */
export const pythonClients: ReadonlyArray<Client> = [
  python("openai (Python)", "openai==3.51.0", "openai_client.py"),
  python("LangChain", "langchain-openai==1.7.3", "langchain_client.py"),
  python("LlamaIndex", "llama-index-llms-openai-like==0.8.1", "llamaindex_client.py"),
  python("OpenAI Agents SDK (Python)", "openai-agents==0.24.0", "agents_client.py"),
];
