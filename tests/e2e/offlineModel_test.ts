/**
 * Whole runs of the offline model: the real agent and the sandbox that every machine has.
 */
import assert from "node:assert/strict";
import { Effect, Layer, Stream } from "effect";
import * as Offline from "../../src/adapters/model/Offline.ts";
import { layer as egress } from "../../src/adapters/egress/Configured.ts";
import * as Embedded from "../../src/adapters/sandbox/Embedded.ts";
import * as Memory from "../../src/adapters/sessions/Memory.ts";
import * as Agent from "../../src/agent/Agent.ts";
import * as Conversation from "../../src/agent/Conversation.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings, type SettingsService } from "../../src/config.ts";
import type { AgentEvent } from "../../src/domain/AgentEvent.ts";
import { user } from "../../src/domain/Message.ts";
import type { Owner } from "../../src/domain/Owner.ts";
import { it } from "../support/it.ts";
import { temporaryDirectory } from "../support/temporaryDirectory.ts";

const servicesWith = (changes: Partial<SettingsService>) =>
  Layer.unwrap(
    Effect.map(temporaryDirectory, (dataPath) => {
      // When the server is root, sandboxes run as users who must reach their workspace.
      Deno.chmodSync(dataPath, 0o711);
      return Agent.layer.pipe(
        Layer.provideMerge(LocalToolbox.layer),
        Layer.provideMerge(Layer.mergeAll(Offline.layer, Layer.provide(Embedded.layer, egress), Memory.layer)),
        Layer.provideMerge(Settings.layerWith({ ...changes, dataPath })),
      );
    }),
  );

const services = servicesWith({});

const owner: Owner = { principal: "test", user: "offline", ephemeral: false };

/** What the agent says to a message in the owner's session. */
const say = Effect.fnUntraced(function* (message: string) {
  const agent = yield* Agent.Agent;
  const conversation = yield* Conversation.open({ owner, messages: [user(message)], sessionId: "one" });
  const events: ReadonlyArray<AgentEvent> = yield* Stream.runCollect(agent.run({
    owner,
    conversation,
    model: Offline.offlineModel,
    instructions: [],
    parameters: {},
    clientTools: [],
    useTools: true,
  }));
  return {
    text: events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""),
    calls: events.flatMap((event) => (event._tag === "ToolCallStarted" ? [event.call.name] : [])),
    ending: events.at(-1),
  };
});

/** A message, the tools it must lead to, and what the answer must quote. */
const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
  ["Execute: print('Hello, World!')", ["execute_bash"], /Hello, World!/],
  ["Execute this bash command: echo 'Test output'", ["execute_bash"], /Test output/],
  ["Write then execute a script that computes 2+2", ["write_file", "execute_bash"], /^4$/m],
  ["Write a file notes.txt with content 'first\\nsecond'", ["write_file"], /Successfully wrote 12 bytes to notes\.txt/],
  ["Read the file you just created", ["read_file"], /first\nsecond/],
  ["Calculate the factorial of 20", ["execute_bash"], /2432902008176640000/],
  ["List files", ["execute_bash"], /notes\.txt/],
  ["```python\nx = 'it\\'s'\nprint(x, \"$HOME\")\n```", ["execute_bash"], /it's \$HOME/],
  ["1. Execute: 1/0\n2. Run `ls`", ["execute_bash"], /ZeroDivisionError[\s\S]*one step was not tried/],
];

it.layer(services).live(
  "the offline model drives the real tools when told what it understands",
  () =>
    Effect.gen(function* () {
      for (const [message, calls, quoted] of cases) {
        const said = yield* say(message);
        assert.deepEqual(said.calls, calls, message);
        assert.match(said.text, quoted, message);
        assert.equal(said.ending?._tag === "RunFinished" && said.ending.reason, "Stop", message);
      }
    }),
);

/** Sandboxes in WebAssembly have no sockets; there is nothing to refuse. */
const hasBubblewrap = await Effect.runPromise(
  Effect.gen(function* () {
    const dataPath = yield* temporaryDirectory;
    Deno.chmodSync(dataPath, 0o711);
    yield* Layer.build(Layer.provide(Embedded.layerBubblewrap("a test"), Settings.layerWith({ dataPath })));
    return true;
  }).pipe(Effect.catch(() => Effect.succeed(false)), Effect.scoped),
);

it.live("a host that is not on the allowlist is named to the user", () =>
  Effect.gen(function* () {
    const { text, calls } = yield* say("Execute this bash command: curl -sS https://evil.example/data");
    assert.deepEqual(calls, ["execute_bash"]);
    assert.match(text, /Egress: refused evil\.example:443, it is not on the allowlist/);
  }).pipe(Effect.provide(servicesWith({
    egress: "allowlist",
    egressAllow: [{ name: "api.example.com", subdomains: false, port: 443 }],
  }))), { skip: hasBubblewrap ? undefined : "no bubblewrap" });
