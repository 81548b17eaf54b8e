/**
 * One instance of the agent API as a process, for the tests that kill it.
 *
 *   deno run tests/support/instance.ts '{"sessions":"sqlite","dataPath":"…"}'
 *
 * It prints its URL, and a line for each `git push` that it begins to carry out, once a person approved it; it is
 * never through with one, and notes each in the file {@link pushesFile} of its data. Its model repeats what users and
 * tools said; asked for something "slow" or "endless", it says one word and then nothing more until it is killed.
 */
import * as ContainerStores from "../../src/adapters/containers/Configured.ts";
import * as Containers from "../../src/runs/Containers.ts";
import * as Files from "../../src/runs/Files.ts";
import * as FileBytes from "../../src/adapters/files/Disk.ts";
import * as FileStores from "../../src/adapters/files/Configured.ts";
import { Effect, Layer, Option, Redacted, Schema, Stream } from "effect";
import { HttpServer } from "effect/http";
import * as OpenAiChunks from "../../src/adapters/converter/OpenAiChunks.ts";
import * as Identity from "../../src/adapters/identity/Configured.ts";
import * as Limits from "../../src/adapters/limits/Configured.ts";
import * as RunLedger from "../../src/adapters/runs/Configured.ts";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import * as Responses from "../../src/adapters/responses/Configured.ts";
import * as Webhooks from "../../src/adapters/responses/webhooks/Configured.ts";
import * as Conversations from "../../src/adapters/responses/conversations/Configured.ts";
import * as Sessions from "../../src/adapters/sessions/Configured.ts";
import { layer as agentLayer } from "../../src/agent/Agent.ts";
import * as LocalToolbox from "../../src/agent/LocalToolbox.ts";
import { Settings } from "../../src/config.ts";
import { textOf } from "../../src/domain/Message.ts";
import { parseToolRules } from "../../src/domain/ToolRule.ts";
import * as Api from "../../src/http/server.ts";
import * as Runs from "../../src/runs/Runs.ts";
import { fakeSandbox, outcome } from "./fakeSandbox.ts";

/** What a test chooses of an instance. */
export const InstanceOptions = Schema.Struct({
  sessions: Schema.Literals(["sqlite", "redis"]),
  dataPath: Schema.String,
  redisUrl: Schema.optionalKey(Schema.String),
  /** Where webhooks go, signed with {@link webhookSecret}. */
  webhookUrl: Schema.optionalKey(Schema.String),
});
export type InstanceOptions = typeof InstanceOptions.Type;

/** What signs the webhooks of an instance. */
export const webhookSecret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;

/** The word after which a slow answer stops. */
export const slowWord = "thinking";

/** Where each push that was begun is a line, by whatever instance. */
export const pushesFile = "pushes";

/** What an instance prints when it has begun to push. */
export const pushingLine = "pushing";

/** Model turns an instance can serve. */
const scriptLength = 1_000;

const steps: ReadonlyArray<Scripted.Step> = Array.from({ length: scriptLength }, (_, n) => ({ messages, tools }) => {
  const last = messages.at(-1);
  const said = last === undefined ? "" : textOf(last);
  if (last?.role === "user" && said.includes("endless")) {
    return Stream.concat(Stream.make(Scripted.text(slowWord)), Stream.fromEffect(Effect.never));
  }
  if (last?.role === "user") {
    const id = `call-${crypto.randomUUID()}-${n}`;
    return [
      tools.some(({ name }) => name === "shell")
        ? Scripted.toolCall(id, "shell", { commands: [said] })
        : Scripted.toolCall(id, "execute_bash", { command: said }),
      Scripted.finished("ToolCalls"),
    ];
  }
  return said.includes("slow")
    ? Stream.concat(Stream.make(Scripted.text(slowWord)), Stream.fromEffect(Effect.never))
    : [
      Scripted.text(`I was told: ${JSON.stringify(messages.filter(({ role }) => role !== "assistant"))}`),
      Scripted.finished(),
    ];
});

const sandboxOf = ({ dataPath }: InstanceOptions) =>
  fakeSandbox(({ command }) => {
    if (!command.startsWith("git push")) return Effect.succeed(outcome(`ran: ${command}`));
    return Effect.sync(() => {
      Deno.writeTextFileSync(`${dataPath}/${pushesFile}`, `${command}\n`, { append: true });
      console.log(pushingLine);
    }).pipe(Effect.andThen(Effect.never));
  });

const launch = (options: InstanceOptions) => {
  const settings = Settings.layerWith({
    apiPort: 0,
    sessions: options.sessions,
    dataPath: options.dataPath,
    toolsAsk: parseToolRules("Bash(git push *)") ?? [],
    webhookUrl: Option.fromUndefinedOr(options.webhookUrl),
    webhookSecret: Option.some(Redacted.make(webhookSecret)),
    webhookPrivate: true,
    redisUrl: Option.map(Option.fromUndefinedOr(options.redisUrl), Redacted.make),
  });
  const ports = Layer.mergeAll(
    OpenAiChunks.layer,
    Identity.layer,
    Limits.layer,
    RunLedger.layer,
    Sessions.layer,
    Responses.layer,
    Conversations.layer,
    Webhooks.layer,
    Scripted.layer(steps),
    sandboxOf(options).layer,
  ).pipe(Layer.provideMerge(settings));
  const announce = Layer.effectDiscard(
    HttpServer.addressFormattedWith((address) => Effect.sync(() => console.log(address))),
  );
  return Layer.provide(announce, Api.serve).pipe(
    Layer.provide(
      Layer.mergeAll(
        Runs.layer,
        Containers.layer.pipe(Layer.provide(ContainerStores.layer)),
        Files.layer.pipe(Layer.provide([FileStores.layer, FileBytes.layer])),
      ),
    ),
    Layer.provide(agentLayer),
    Layer.provide(LocalToolbox.layer),
    Layer.provide(ports),
    Layer.launch,
  );
};

if (import.meta.main) {
  const options = Schema.decodeUnknownSync(Schema.fromJsonString(InstanceOptions))(Deno.args[0]);
  await Effect.runPromise(launch(options));
}
