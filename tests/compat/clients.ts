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

/** Codex, over HTTP or over a WebSocket. */
const codex = (name: string, hasWebSockets: boolean): Client => ({
  name,
  version: "@openai/codex 0.169.0",
  prompts: {
    "client tool, codex exec": "Ask your own tool.",
    "memory, codex exec of what is resumed next": "Remember blue. What did I say?",
    "memory, codex exec resume": "What did I say?",
  },
  command: ({ prompt, directory }) => ({
    program: "npx",
    args: [
      "-y",
      "@openai/codex@0.169.0",
      "exec",
      "--skip-git-repo-check",
      "--dangerously-bypass-approvals-and-sandbox",
      "-C",
      directory,
      ...(prompt === "What did I say?" ? ["resume", "--last"] : []),
      prompt,
    ],
  }),
  files: ({ baseUrl }) => ({
    ".codex/config.toml": [
      'model = "caisson-compat"',
      'model_provider = "caisson"',
      'web_search = "disabled"',
      "[model_providers.caisson]",
      'name = "Caisson"',
      `base_url = "${baseUrl}/v1"`,
      'env_key = "OPENAI_API_KEY"',
      'wire_api = "responses"',
      `supports_websockets = ${hasWebSockets}`,
      "",
    ].join("\n"),
  }),
});

/** Clients in JavaScript and command-line programs; they need the npm registry once. */
export const javascriptClients: ReadonlyArray<Client> = [
  deno("openai (node)", "7.57.0", "openai.ts"),
  deno("Vercel AI SDK", "ai 7.0.173, @ai-sdk/openai 4.0.118, openai-compatible 3.0.92", "ai.ts"),
  deno("LangChain.js", "@langchain/openai 1.6.0", "langchain.ts"),
  deno("LlamaIndex.TS", "@llamaindex/openai 0.4.23, @llamaindex/workflow 1.1.25", "llamaindex.ts"),
  deno("OpenAI Agents SDK", "@openai/agents 0.20.0", "agents.ts"),
  deno("openai (node), Responses", "7.57.0", "openaiResponses.ts"),
  deno("openai (node), WebSocket", "7.57.0", "openaiWebSocket.ts"),
  deno("plain WebSocket", "Deno's own", "plainWebSocket.ts"),
  deno("Vercel AI SDK, Responses", "ai 7.0.173, @ai-sdk/openai 4.0.118", "aiResponses.ts"),
  deno("LangChain.js, Responses", "@langchain/openai 1.6.0", "langchainResponses.ts"),
  deno("OpenAI Agents SDK, Responses", "@openai/agents 0.20.0", "agentsResponses.ts"),
  codex("Codex", false),
  codex("Codex, WebSocket", true),
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
  python("openai (Python), Responses", "openai==3.57.0", "openai_responses_client.py"),
  python("openai (Python), WebSocket", "openai[realtime]==3.57.0", "websocket_client.py"),
  python("openai (Python), webhooks", "openai==3.57.0", "webhooks_client.py"),
  python("openai (Python), type assertions", "openai==3.57.0", "strict_client.py"),
  python("LangChain, Responses", "langchain-openai==1.7.3", "langchain_responses_client.py"),
  python("OpenAI Agents SDK (Python), Responses", "openai-agents==0.24.0", "agents_responses_client.py"),
  python("pydantic-ai", "pydantic-ai-slim[openai]==2.68.0", "pydantic_ai_client.py"),
];
