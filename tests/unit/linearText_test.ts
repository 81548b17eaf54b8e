/**
 * No text that somebody sends can hold the process: twice the text takes about twice the time.
 *
 * Every exported function of `src` that takes a text is found in the sources and tried; one that needs more than the
 * text has a row below, one that no stranger's text reaches is left out with a reason.
 */
import assert from "node:assert/strict";
import { Context, Effect, Stream } from "effect";
import { BodyReader } from "../../src/adapters/model/bodyReader.ts";
import { understand, understoodCharsMax } from "../../src/adapters/model/offline/understand.ts";
import { align } from "../../src/domain/alignment.ts";
import { conversationKeys, conversationOfHistory } from "../../src/domain/conversationIds.ts";
import { assistant, user } from "../../src/domain/Message.ts";
import { zero } from "../../src/domain/Usage.ts";
import { askedCall, renderCallBlock, renderResultBlock } from "../../src/domain/activityMarkup.ts";
import { readRange } from "../../src/http/caisson/byteRange.ts";
import { linkKeys, openPlace } from "../../src/http/caisson/sealedLinks.ts";
import { decodeRequest } from "../../src/http/openai/decode.ts";
import { readUserMessage } from "../../src/http/openai/contentParts.ts";
import { readInput } from "../../src/http/openai/responses/readInput.ts";
import { readFrame } from "../../src/http/openai/responses/socket/frames.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings } from "../../src/config.ts";
import { makeRemoteCommands } from "../../src/mcp/remoteCommands.ts";
import { responders } from "../../src/mcp/sandboxRequests.ts";
import { Sandbox } from "../../src/services/Sandbox.ts";
import { encodeFrame, framesOf } from "../../src/services/sandboxFrames.ts";
import type { SandboxMethodName } from "../../src/services/sandboxProtocol.ts";
import { Toolbox } from "../../src/services/Toolbox.ts";
import { FormReader } from "../../src/web/FormReader.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { type TextFunction, textFunctions } from "../support/textFunctions.ts";
import { cpuMs } from "../support/timing.ts";

const ownerKeyOfTests = "a".repeat(32);

/** What attacks are made of: each is repeated until the text is long enough. */
const fragments = [
  ..." \t\n\r`~'\"\\/<>()[]{}.,:;=-_*#%&$a0é💥\uE000\uD83D\u0000".split(""),
  "```\n",
  "```a\n",
  "~~~\n",
  "` caisson:call\n",
  "<details ",
  '<details type="tool_calls" done="true" ',
  '<details type="tool_calls">',
  '<details id="x" type="tool_calls">\n',
  "</details>",
  "[//]: # (caisson:call c)\n",
  "[//]: # (caisson:",
  "![a](/v1/artifacts/artifact-a/content?",
  "(/v1/artifacts/artifact-",
  "/content?",
  '{"a":',
  "[1,",
  '"a":"',
  "a:",
  "a: b\n",
  "a=b;",
  ";a=b",
  "../",
  "/a",
  "a.",
  "data: x\n\n",
  "data:",
  "\r\n",
  '"""',
  "def a(",
  "async  ",
  "__all__ ",
  "and then run ",
  "run x; ",
  "Execute: ",
  "the file ",
  "1. a\n",
  "- a\n",
  "\uE0000\uE001",
  "<chat_history>",
  "USER:",
  "abc ",
] as const;

const around: ReadonlyArray<readonly [before: string, after: string]> = [["", ""], ["", "\nx"], ["---\n", "\n---\nx"], [
  "Execute: ",
  "!",
], ["x = ", ")"]];

/** A text of about `length` characters. */
const attack = (fragment: string, [before, after]: readonly [string, string], length: number): string =>
  before + fragment.repeat(Math.ceil(length / fragment.length)) + after;

/** Characters of the shorter of two texts that are compared. */
const lengthTried = 30_000;
/** Time that proves nothing: a quadratic function takes far more at this length. */
const msUnsuspicious = 40;
/** Comparisons until a growth is believed: memory that is taken back meanwhile counts for one of the two texts. */
const triesMax = 15;
/** Growth allowed for twice the text: linear time is 2, quadratic 4. */
const growthMax = 3;

type Call = (text: string) => unknown;

const timed = async (call: Call, text: string): Promise<number> => {
  const before = cpuMs();
  await call(text);
  return cpuMs() - before;
};

/** Fails when twice the text takes much more than twice the time; a busy machine gets several tries. */
const assertLinear = async (call: Call, name: string, length = lengthTried): Promise<void> => {
  for (const fragment of fragments) {
    for (const pair of around) {
      const [short, long] = [attack(fragment, pair, length), attack(fragment, pair, 2 * length)];
      let best = Infinity;
      let ms = await timed(call, long);
      for (let tries = 0; tries < triesMax && ms > msUnsuspicious && best > growthMax; tries++) {
        best = Math.min(best, ms / await timed(call, short));
        ms = Math.min(ms, await timed(call, long));
      }
      assert.ok(
        ms <= msUnsuspicious || best <= growthMax,
        `${name}: ${JSON.stringify(fragment)} repeated to ${long.length} takes ${ms} ms, ${best} times the half`,
      );
    }
  }
};

// Rows -------------------------------------------------------------------------------------------

type AnyFunction = (...values: ReadonlyArray<unknown>) => unknown;

const nameRules = { nameIllegal: /[^a-z]/g, nameLengthMax: 64, nameBeginsAnyhow: false };
const ownKeys = conversationKeys("secret");

/** Carries out what a function makes, however it ends. */
const carriedOut = (made: unknown): Promise<unknown> => {
  assert.ok(Effect.isEffect(made));
  return Effect.runPromiseExitWith(Context.makeUnsafe<unknown>(new Map()))(made);
};

/** How functions are called that need more than a text in the first place. */
const calls: Readonly<Record<string, (f: AnyFunction, text: string) => unknown>> = {
  "src/adapters/egress/requestHead.ts readOriginHead": (f, text) =>
    f(
      new TextEncoder().encode(`GET /${text} HTTP/1.1\r\nHost: a.example\r\nX: ${text}\r\n\r\n`),
      "a.example",
      443,
      String,
    ),
  "src/http/preview/requestHead.ts readVisit": (f, text) =>
    f(
      new TextEncoder().encode(`GET /${text} HTTP/1.1\r\nHost: ${text}.localhost\r\nCookie: ${text}\r\n\r\n`),
      "localhost",
      1_000,
    ),
  "src/adapters/model/legalHistory.ts legalName": (f, text) => f(text, nameRules),
  "src/adapters/identity/apiKeys.ts findKey": (f, text) => f([], text),
  "src/adapters/model/fault.ts fault": (f, text) => f({ _tag: "BadCredentials" }, text),
  "src/adapters/model/fault.ts unavailable": (f, text) => f(500, text),
  "src/adapters/sandbox/wasm/guest/output.ts keepEnds": (f, text) => f(text, 1_000),
  "src/adapters/skills/frontmatter.ts parseSkill": (f, text) => f(text, "folder"),
  "src/domain/activityMarkup.ts renderResultBlock": (f, text) => f({ text, isError: false }, text),
  "src/domain/Attachment.ts attachment": (f, text) => f(text, new Uint8Array()),
  "src/domain/conversationIds.ts conversationOwner": (f, text) => f(ownKeys, text, text),
  "src/domain/conversationIds.ts ownerOfCall": (f, text) => f(ownKeys, text, text),
  "src/domain/conversationIds.ts issueCallId": (f, text) => f(ownKeys, text, text),
  "src/domain/conversationIds.ts conversationOfHistory": (f, text) => f(ownKeys, text, []),
  "src/domain/EgressRule.ts allowsHost": (f, text) =>
    f([{ name: "example.org", subdomains: true, port: 443 }], text, 443),
  "src/domain/identity.ts sessionOwner": (f, text) => f({ principal: { name: text, kind: "anonymous" } }, text, "key"),
  "src/domain/cutText.ts headOf": (f, text) => f(text, 1_000),
  "src/domain/cutText.ts tailOf": (f, text) => f(text, 1_000),
  "src/domain/cutText.ts cutText": (f, text) => f(text, 1_000),
  "src/domain/cutText.ts cutMiddle": (f, text) => f(text, 1_000),
  "src/domain/resentActivity.ts callIdsIn": (f, text) => f(text, 100),
  "src/domain/lineDiff.ts lineDiff": (f, text) => f(text, `${text}x\n`),
  "src/domain/Session.ts pathTo": (f, text) => f([], text),
  "src/runs/sealedText.ts sealText": (f, text) => f("secret", ownerKeyOfTests, text),
  "src/http/openai/responses/thoughts.ts openThoughts": (f, text) => f("secret", ownerKeyOfTests, text),
  "src/runs/sealedText.ts openText": (f, text) => f("secret", ownerKeyOfTests, text),
  "src/http/openai/responses/ids.ts itemId": (f, text) => f("msg", text, 1),
  "src/http/openai/responses/readInput.ts listed": (f, text) => f([{ role: "user", content: text }], text),
  "src/http/caisson/byteRange.ts readRange": (f, text) => f(text, 1_000),
  "src/http/openai/containers/skills.ts readSkills": (f, text) =>
    carriedOut(f(
      [{
        type: "inline",
        name: text,
        description: text,
        source: { type: "base64", media_type: "application/zip", data: text },
      }],
      "environment",
      {},
    )),
  "src/http/openai/contentParts.ts readParts": (f, text) =>
    carriedOut(f([{ type: "text", text }, { type: "image_url", image_url: { url: text } }], "messages", {})),
  "src/http/openai/responses/inputContent.ts readUser": (f, text) =>
    carriedOut(
      f([{ type: "input_text", text }, { type: "input_image", image_url: text }], "input", { keepsFiles: false }),
    ),
  "src/http/openai/responses/inputContent.ts readOutput": (f, text) =>
    carriedOut(f("call_1", [{ type: "input_text", text }, { type: "input_image", image_url: text }], "input", {
      keepsFiles: false,
    })),
};

/** Functions, files and folders that no stranger's text reaches, each with the reason. */
const leftOut: Readonly<Record<string, string>> = {
  "src/adapters/responses/chains.ts": "its text is the version of a store",
  "src/adapters/responses/conversations/redisScripts.ts": "ids that this server made",
  "src/adapters/responses/waiting/": "ids that this server made, and calls that were bounded when they were made",
  "src/adapters/identity/keyFile.ts": "an operator's own command",
  "src/http/caisson/removeFile.ts": "passes a path on, quoted by shellQuoted of src/domain",
  "src/agent/fileEdits.ts": "passes a path on; the edit itself is a function of src/domain/textEdit.ts",
  "src/adapters/egress/logged.ts": "names that hostName of src/domain/EgressRule.ts has bounded, and sentences of ours",
  "src/adapters/egress/conversation.ts answer": "sentences of ours, and a host that is cut",
  "src/domain/HostPattern.ts meansHost": "a name that hostName of src/domain/EgressRule.ts has bounded",
  "src/adapters/egress/judge.ts reach": "a name that hostName of src/domain/EgressRule.ts has bounded",
  "src/adapters/model/Scripted.ts": "a script of the test's own",
  "src/adapters/model/fault.ts toFailure": "names of a provider and a model, checked at the door",
  "src/adapters/model/modelTable.ts loadTable": "a path of the operator",
  "src/adapters/sandbox/Embedded.ts": "paths of the operator",
  "src/adapters/sandbox/bubblewrap/": "paths of the operator",
  "src/adapters/sandbox/docker/": "names of ours and answers of the engine",
  "src/adapters/sandbox/kubernetes/": "names of ours and answers of the cluster",
  "src/adapters/sandbox/owned/": "names of ours",
  "src/adapters/sandbox/local/": "paths of the operator",
  "src/adapters/sandbox/supervisor/": "bounded by the frames of the protocol",
  "src/adapters/sandbox/remote/": "sentences of ours, and answers that their bounds hold",
  "src/adapters/sandbox/wasm/": "runs in the guest, or on the guest's bounded output",
  "src/adapters/sqlite/heldFiles.ts": "a path of the operator",
  "src/adapters/sqlite/sqliteFile.ts": "a path of the operator",
  "src/adapters/skills/Disk.ts": "a path of the operator",
  "src/adapters/snapshots/": "names of ours, and what we wrote",
  "src/adapters/toolsLibrary/Disk.ts": "a path of the operator",
  "src/adapters/toolbox/": "addresses of the operator",
  "src/adapters/usageLedger/": "a path of the operator",
  "src/config.ts": "settings of the operator",
  "src/config/": "settings of the operator",
  "src/adapters/model/Offline.ts estimateUsage": "counts characters",
  "src/domain/Session.ts placeTurn": "ids of ours",
  "src/http/openai/responses/approvals.ts requestItem": "passes on what a call is",
  "src/mcp/errors.ts": "sentences of ours, in which names are cut",
  "src/runs/snapshots/keepTurn.ts": "ids of ours",
  "src/runs/snapshots/restore.ts": "ids of ours",
  "src/runs/snapshots/replaced.ts": "ids of ours, and sentences in which names are cut",
  "src/runs/changedArtifacts.ts imageTypeOf": "reads a file's first bytes; the path decides by its ending",
  "src/http/docs/": "made of our own contract",
  "src/http/preview/refusals.ts": "sentences of ours",
  "src/http/caisson/runWire.ts detailOut": "passes on what a run was asked; its turn is read as a stored answer below",
  "src/http/openai/responses/webhooks/post.ts postWebhook": "sends a body of ours to an address of the operator",
  "src/http/caisson/turnFiles.ts filesByTurn": "takes turns of ours, and no text",
  "src/http/caisson/sealedLinks.ts": "tried as a decoder below",
  "src/http/caisson/uploads.ts readUpload": "a stream; its form is tried as a decoder below",
  "src/http/openai/contentParts.ts readUserMessage": "tried as a decoder below",
  "src/mcp/askPerson.ts askPerson": "asks a client; its question is tried below",
  "src/web/body.ts parseJson": "tried as a chat request's body below",
  "src/http/openai/decode.ts decodeRequest": "tried as a decoder below",
  "src/http/openai/notApplied.ts others": "looks through an object's fields, as a chat request's keys below",
  "src/http/openai/responses/socket/frames.ts readFrame": "tried as a decoder below",
  "src/http/openai/containers/network.ts readNetwork": "reads names of bounded number by parseEgressRule, tried here",
  "src/http/openai/containers/wish.ts wishedFiles": "looks a bounded number of ids up in a store",
  "src/http/openai/containers/wish.ts readWish": "compares words with a few of ours",
  "src/runs/unnamedOwners.ts conversationNamed": "an operator's own command",
  "src/services/Tracing.ts traced": "names of spans are ours",
  "src/telemetry/requestSpan.ts endRequestSpan": "an error's type is a word of ours",
  "src/http/openai/attempt.ts readAttempt": "hashes a body that was read",
};

/** Functions that the offline model calls on the prose it reads: they may be slow, for it reads little. */
const ofCappedProse = "src/adapters/model/offline/";

/** Time for prose at its cap: half of what one request may hold the process. */
const cappedMsMax = 125;

const isLeftOut = ({ file, name }: TextFunction): boolean =>
  Object.keys(leftOut).some((key) =>
    key === file || key === `${file} ${name}` || (key.endsWith("/") && file.startsWith(key))
  );

const load = async ({ file, name }: TextFunction): Promise<AnyFunction> => {
  const module: Record<string, AnyFunction> = await import(`../../${file}`);
  const found = module[name];
  assert.ok(typeof found === "function", `${file} exports no function ${name}`);
  return found;
};

const found = textFunctions();

Deno.test("every row names a function that is there", () => {
  const names = new Set(found.map(({ file, name }) => `${file} ${name}`));
  for (const key of Object.keys(calls)) assert.ok(names.has(key), `${key} takes no text any more: remove its row`);
});

for (const each of found.filter((each) => !isLeftOut(each) && !each.file.startsWith(ofCappedProse))) {
  const key = `${each.file} ${each.name}`;
  Deno.test(`${key} takes twice the time for twice the text`, async () => {
    const f = await load(each);
    const call = calls[key] ?? ((own: AnyFunction, text: string) => own(text));
    if (calls[key] === undefined) {
      const answer = (() => {
        try {
          return f("text");
        } catch (error) {
          return assert.fail(
            `${key} needs more than a text: add a row that calls it, or leave it out with a reason (${error})`,
          );
        }
      })();
      assert.ok(!Effect.isEffect(answer), `${key} makes an effect: add a row that runs it`);
    }
    await assertLinear((text) => call(f, text), key);
  });
}

Deno.test("the comparison finds a pattern that takes more than linear time", () =>
  assert.rejects(assertLinear((text) => /[^x]*[^x]*!/.test(text), "quadratic", 400), /repeated to/));

// Decoders ---------------------------------------------------------------------------------------

const json = (text: string): string => JSON.stringify(text);
const chat = (messages: string) => `{"model":"m","messages":${messages}}`;
const keys = linkKeys("secret");
const turnWith = (text: string) => ({
  id: "1",
  parent: null,
  messages: [user("hi"), assistant(text)],
  status: "completed" as const,
  model: "m",
  usage: zero,
  startedAtMs: 0,
  finishedAtMs: 0,
});

/** Characters of a piece in which a provider's body arrives. */
const pieceCharacters = 500;

/** A provider's body, in small pieces. */
const readStream = (body: string) => {
  const reader = new BodyReader();
  for (let at = 0; at < body.length; at += pieceCharacters) reader.feed(body.slice(at, at + pieceCharacters));
  reader.end();
  return reader.take();
};

const encode = (text: string) => new TextEncoder().encode(text);

/** Bytes in small pieces, as a slow line brings them. */
const piecesOf = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from(
    { length: Math.ceil(bytes.length / pieceCharacters) },
    (_, n) => bytes.subarray(n * pieceCharacters, (n + 1) * pieceCharacters),
  );

/** A multipart form, in small pieces. */
const readForm = (body: string) => {
  const reader = new FormReader("multipart/form-data; boundary=b");
  for (const piece of piecesOf(encode(body))) reader.push(piece);
  return reader.refused;
};

const formHead = '--b\r\nContent-Disposition: form-data; name="file"; filename="';

/** The frames of a private request, in small pieces. */
const readFrames = (body: Uint8Array) =>
  Effect.runPromiseExit(Stream.runDrain(framesOf(Stream.fromIterable(piecesOf(body)))));

const alone = { principal: "p", user: "u", ephemeral: false };

/** A private request with these arguments, decoded; nothing is asked of the sandbox before its answer is read. */
const askPrivately = (name: SandboxMethodName, json: string) =>
  Effect.runPromiseExit(
    Effect.gen(function* () {
      const parts = { sandbox: yield* Sandbox, commands: yield* makeRemoteCommands, keepAliveMs: 1_000 };
      return yield* responders[name](parts, { owner: alone, arguments: encode(json), frames: Stream.empty });
    }).pipe(Effect.provide(fakeSandbox().layer)),
  );

/** A call of a tool with these arguments, as a model's and an MCP client's are. */
const callTool = (name: string, argumentsJson: string) =>
  Effect.runPromiseExit(
    Effect.scoped(Effect.gen(function* () {
      const tools = yield* (yield* Toolbox).open(alone);
      return yield* tools.call({ id: "c", name, argumentsJson }, {});
    })).pipe(
      Effect.provide(LocalToolbox.layer),
      Effect.provide([fakeSandbox().layer, Settings.layerWith({})]),
    ),
  );

const response = (item: Record<string, string>) =>
  Effect.runPromiseExit(readInput([item], { bytesMax: 1_000_000, keepsFiles: false }));

/** What reads a wire: each gets the text where a stranger can put it. */
const decoders: Readonly<Record<string, Call>> = {
  "a chat request's body": (text) => Effect.runPromiseExit(decodeRequest(text)),
  "a chat request's text": (text) =>
    Effect.runPromiseExit(decodeRequest(chat(`[{"role":"user","content":${json(text)}}]`))),
  "a frame of a WebSocket": (text) =>
    Effect.runPromiseExit(readFrame(JSON.stringify({ type: "response.create", stream_id: text, input: text }))),
  "a chat request's keys": (text) => Effect.runPromiseExit(decodeRequest(`{${json(text)}:1,"messages":[]}`)),
  "an image's address": (text) =>
    Effect.runPromiseExit(
      readUserMessage([{ type: "image_url", image_url: { url: text } }], "messages.0.content", { bytesMax: 1_000_000 }),
    ),
  "a resent answer": (text) => align([turnWith("a")], [user("hi"), assistant(text), user("more")]),
  "ids in a resent answer": (text) => conversationOfHistory(ownKeys, "p", [user(text), assistant(text)]),
  "a stored answer": (text) => align([turnWith(text)], [user("hi"), assistant(`${text} `), user("more")]),
  "a call's arguments": (text) => renderCallBlock({ id: text, name: text, argumentsJson: `{"a":${json(text)}}` }),
  "a call that a person is asked about": (text) =>
    askedCall({ call: { id: "c", name: text, argumentsJson: JSON.stringify({ [text]: text }) }, rule: text }),
  "a call's command": (text) =>
    renderCallBlock({ id: "c", name: "execute_bash", argumentsJson: JSON.stringify({ command: text }) }),
  "a command's result": (text) => renderResultBlock({ text, isError: false }, "c"),
  "an artifact's id": (text) => openPlace(keys, `artifact-${text}`),
  "a range": (text) => readRange(`bytes=${text}`, 1_000),
  "a provider's stream": readStream,
  "a form": readForm,
  "a form's file": (text) => readForm(`${formHead}x"\r\n\r\n${text}\r\n--b--`),
  "a form's head": (text) => readForm(`${formHead}${text}"\r\n\r\nx\r\n--b--`),
  "a form's separator": (text) => new FormReader(`multipart/form-data; boundary=${text}`).push(encode(text)),
  "frames": (text) => readFrames(encode(text)),
  "a frame": (text) => readFrames(encodeFrame("message", encode(text))),
  "a private request's arguments": (text) => askPrivately("execute", text),
  "a private request's command": (text) => askPrivately("execute", JSON.stringify({ command: text, callId: text })),
  "a private request's path": (text) => askPrivately("readText", JSON.stringify({ path: text, [text]: 1 })),
  "a tool call's arguments": (text) => callTool("execute_bash", text),
  "a tool call's names": (text) => callTool("execute_bash", JSON.stringify({ [text]: text })),
  "a tool call's path": (text) => callTool("read_file", JSON.stringify({ file_path: text })),
  "a tool call's text": (text) =>
    callTool("edit_file", JSON.stringify({ file_path: "a", old_string: text, new_string: text })),
  "a response's text": (text) => response({ type: "message", role: "user", content: text }),
  "a response's items": (text) => response({ type: text, role: text, content: text }),
  "a response's output": (text) => response({ type: "function_call_output", call_id: text, output: text }),
};

for (const [name, call] of Object.entries(decoders)) {
  Deno.test(`reading ${name} takes twice the time for twice the text`, () => assertLinear(call, name));
}

Deno.test("the offline model reads a megabyte of blocks in linear time, and prose up to its cap in time", async () => {
  const context = { file: "a.txt", tools: ["execute_bash", "write_file"] };
  await assertLinear((text) => understand(`Run this:\n\`\`\`python\n${text}\n\`\`\`\n`, context), "a block");
  await assertLinear((text) => understand(text, context), "a message");
  const openings = [
    "",
    "Execute: ",
    "run ",
    "write a file a.txt with content ",
    "read ",
    "calculate ",
    "what is ",
    "list ",
  ];
  for (const fragment of fragments) {
    for (const opening of openings) {
      const text = attack(fragment, [opening, ""], understoodCharsMax - opening.length - fragment.length);
      let ms = Infinity;
      for (let tries = 0; tries < 3 && ms > cappedMsMax; tries++) ms = await timed((t) => understand(t, context), text);
      assert.ok(ms <= cappedMsMax, `${JSON.stringify(opening)} and ${JSON.stringify(fragment)}: ${ms} ms`);
    }
  }
});
