/**
 * What no single request can show of a field that is accepted: which test shows it, or why nothing is to be seen.
 */

/** Said of fields that are accepted though nothing is seen of them. */
export interface Claim {
  readonly operation: RegExp;
  readonly path: RegExp;
  readonly how: string;
  /** The test that shows it; absent for a hint, which changes nothing by its nature. */
  readonly test?: readonly [file: string, title: string];
}

/** What becomes of the frames that a client sends over a WebSocket, and the test that shows it. */
export const frames: Readonly<Record<string, { readonly state: string; readonly test: readonly [string, string] }>> = {
  "response.create": {
    state: "accepted",
    test: [
      "tests/http/responsesSocket_test.ts",
      "turns follow one another, their events are those of a stream, and unstored ids hold on the connection",
    ],
  },
  "response.steer": {
    state: "refused",
    test: ["tests/http/responsesSocket_test.ts", "every wrong frame is told as an error, and the connection goes on"],
  },
};

const chat = /^chat\.completions\.create$/;
const create = /^responses\.create$/;
const asking = /^responses\.(create|compact|inputTokens\.count)$/;

const caching = "a hint for a cache; nothing is to be seen of it";
const default_ = "the value by which nothing is asked for";

/** Every claim; a field has the first that fits. */
export const claims: ReadonlyArray<Claim> = [
  { operation: /./, path: /prompt_cache_/, how: caching },
  { operation: /./, path: /^(n|function_call|logit_bias)$/, how: default_ },
  {
    operation: /./,
    path: /^(user|safety_identifier)$/,
    how: "the user, within the caller's own key",
    test: ["tests/unit/domain/identity_test.ts", "ownerOf takes user, then safety_identifier, then x-user-id"],
  },
  {
    operation: chat,
    path: /^metadata$/,
    how: "`view`, `session_id`, `parent_turn` and `detached` are read; the rest is kept nowhere",
    test: [
      "tests/http/sessions_test.ts",
      "a chat UI that resends its history is understood when it goes on, regenerates, edits and has two tabs",
    ],
  },
  { operation: chat, path: /^(response_format|response_format\[text\]|stream_options)$/, how: default_ },
  {
    operation: create,
    path: /^metadata$/,
    how: "stands in the response and is kept with it",
    test: [
      "tests/http/responses_test.ts",
      "a text is answered, told and kept under the same ids; only tools of the request are offered",
    ],
  },
  {
    operation: create,
    path: /^max_tool_calls$/,
    how: "calls of Caisson's own tools beyond it are not carried out",
    test: [
      "tests/unit/agent/Agent_test.ts",
      "Agent.run carries out as many calls as the request allows and tells the model of the others",
    ],
  },
  {
    operation: create,
    path: /^store$/,
    how: "`false`: kept nowhere",
    test: [
      "tests/http/responses_test.ts",
      "a chain is remembered with its calls, developer texts and forks; instructions hold for one response",
    ],
  },
  {
    operation: /^responses\.|^conversations\.items/,
    path: /^include$/,
    how: "what can be included always stands there, or never",
  },
  { operation: asking, path: /^(reasoning|text|stream_options)$/, how: default_ },
  {
    operation: create,
    path: /\.network_policy/,
    how: "part of what the operator allows; without `CAISSON_EGRESS` only `disabled` is taken",
    test: [
      "tests/http/containers_test.ts",
      "a tool's own container gets the tool's network, which the model is told and no answer repeats the secrets of",
    ],
  },
  {
    operation: create,
    path: /^tools\[shell\]\.environment(\[container_auto\])?$/,
    how: "a container of the request's own, also where nothing is said",
    test: [
      "tests/http/containers_test.ts",
      "the hosted shell runs its commands in order and tells each; a program that fails is a call that completed",
    ],
  },
  { operation: create, path: /^tools\[custom\]\.format(\[text\])?$/, how: default_ },
  {
    operation: create,
    path: /^input\[mcp_approval_request\]\.server_label$/,
    how: "always `caisson`: what is carried out is what was kept under the id",
    test: [
      "tests/http/responsesApprovals_test.ts",
      "bad answers are refused by name, and what a client makes up runs nothing",
    ],
  },
  {
    operation: create,
    path: /^input\[\w+\]\.(id|status|role|phase|caller.*)$/,
    how: "describes the item; nothing depends on it",
  },
  {
    operation: create,
    path: /^input\[\w+_output\]\.(name|namespace|max_output_length)$/,
    how: "stands in the call as well; nothing depends on it here",
  },
  {
    operation: create,
    path: /^input\[reasoning\]\.content/,
    how: "read where there is no summary",
    test: ["tests/unit/http/openai/responses/readInput_test.ts", "raw reasoning is read where there is no summary"],
  },
  {
    operation: create,
    path: /^input\[reasoning\]\.encrypted_content$/,
    how: "what was sealed here goes back to its provider; what is another server's is passed over",
    test: [
      "tests/http/responsesThoughts_test.ts",
      "what was altered, or is another user's, is refused by name; what is foreign is passed over",
    ],
  },
  {
    operation: create,
    path: /^input\[compaction\]/,
    how: "opened where it was sealed by this store for its user, passed over otherwise",
    test: [
      "tests/http/responses_test.ts",
      "a conversation is made shorter by its model, sealed for its owner, and gone on from",
    ],
  },
  {
    operation: create,
    path: /^input\[(code_interpreter_call\]\.container_id|shell_call\]\.environment(\[container_reference\].*)?)$/,
    how: "an `auto` container is the one of the last call that can still be used",
    test: [
      "tests/http/containers_test.ts",
      "the hosted interpreter runs in a container that the next response finds again, and its files are cited",
    ],
  },
  {
    operation: create,
    path: /^input\[code_interpreter_call\]\.outputs\[image\]\.url$/,
    how: "the model is told that there was an image, and not shown it",
  },
  {
    operation: create,
    path: /^input\[shell_call\]\.environment\[local\]/,
    how: "a shell of the client's own: its call and output are read",
  },
  { operation: /^responses\.retrieve$/, path: /^include_obfuscation$/, how: "streams are never padded" },
  {
    operation: /^responses\.inputTokens\.count$/,
    path: /^(model|parallel_tool_calls|text|reasoning|tool_choice|truncation)/,
    how: "nothing of it is counted: the estimate is the same for every model",
    test: [
      "tests/http/responses_test.ts",
      "an input is counted with what it goes on from, its instructions and its tools",
    ],
  },
  {
    operation: /^conversations\.create$/,
    path: /^(items|metadata)$/,
    how: "what the conversation begins with",
    test: [
      "tests/http/conversations_test.ts",
      "a conversation is made, described, read, paged and deleted, its items one by one",
    ],
  },
  {
    operation: /^containers\.create$/,
    path: /^(expires_after|expires_after\.(anchor|minutes)|memory_limit)$/,
    how: "the minutes after which it expires, and its memory",
    test: ["tests/http/containers_test.ts", "a container is made, listed, read and deleted by its keeper alone"],
  },
  {
    operation: /^files\.create$/,
    path: /^expires_after$/,
    how: "seconds after which it expires",
    test: ["tests/http/files_test.ts", "a form that is wrong is refused by its field and leaves nothing"],
  },
  {
    operation: create,
    path: /\[input_file\]\.file_id$/,
    how: "put into the container; without hosted tools read as text",
    test: [
      "tests/http/fileIds_test.ts",
      "a file that a response's input names is put into its container, and an image is shown as well",
    ],
  },
  {
    operation: create,
    path: /\.file_ids$/,
    how: "copied into the container",
    test: [
      "tests/http/containers_test.ts",
      "an auto container begins with the files that the request names and keeps what became of them",
    ],
  },
  {
    operation: /^containers\.create$/,
    path: /^file_ids$/,
    how: "copied into the container",
    test: [
      "tests/http/containers_test.ts",
      "files of /v1/files are copied into a container, each under its own name and once",
    ],
  },
  {
    operation: /^(containers|responses)\.create$/,
    path: /^(tools\[shell\]\.environment\[container_auto\]\.)?skills\b/,
    how: "skills that are sent along, or of the operator's by name; the model is told of them",
    test: [
      "tests/http/containerSkills_test.ts",
      "skills of a container are unpacked out of the way of its files, and the model is told of them",
    ],
  },
  {
    operation: /^containers\.create$/,
    path: /^network_policy$/,
    how: "part of what the operator allows; without `CAISSON_EGRESS` only `disabled` is taken",
    test: [
      "tests/http/containers_test.ts",
      "a container's network is part of the operator's list, answered without its secrets; what is more is refused",
    ],
  },
];
