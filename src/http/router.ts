/**
 * The HTTP application: every endpoint, and what stands around them.
 */
import { Effect, Layer } from "effect";
import { HttpApi, HttpApiBuilder } from "effect/http-api";
import { Settings } from "../config.ts";
import { Api } from "./api.ts";
import { ArtifactLinks } from "./caisson/ArtifactLinks.ts";
import * as approvals from "./caisson/approvals.ts";
import * as artifacts from "./caisson/artifacts.ts";
import { Bodies } from "../web/body.ts";
import * as Cors from "../web/cors.ts";
import { LoopWatch } from "../web/LoopWatch.ts";
import { metricsPath } from "../web/metrics.ts";
import * as docs from "./docs/routes.ts";
import * as Caller from "./frame/Caller.ts";
import * as Failures from "./frame/failures.ts";
import * as chatCompletions from "./openai/chat/chatCompletions.ts";
import * as executions from "./caisson/executions.ts";
import * as health from "./caisson/health.ts";
import * as me from "./caisson/me.ts";
import * as metrics from "./caisson/metrics.ts";
import * as models from "./openai/models.ts";
import { envelope, requestLog, routeIn } from "./frame/requestFrame.ts";
import * as conversations from "./openai/conversations/conversations.ts";
import * as containerFiles from "./openai/containers/files.ts";
import * as containers from "./openai/containers/containers.ts";
import * as files from "./openai/files/files.ts";
import { notAppliedHeader } from "./openai/notApplied.ts";
import * as Webhooks from "./openai/responses/webhooks/deliver.ts";
import * as responses from "./openai/responses/responses.ts";
import * as runs from "./caisson/runs.ts";
import * as previews from "./caisson/previews.ts";
import * as sandbox from "./caisson/sandbox.ts";
import * as sessions from "./caisson/sessions.ts";
import * as snapshots from "./caisson/snapshots.ts";
import { SignIns } from "./frame/SignIns.ts";
import { CurrentMeter } from "../telemetry/Meter.ts";
import { RequestMeter } from "../telemetry/RequestMeter.ts";
import { beginRequestSpan } from "../telemetry/requestSpan.ts";
import { Tracing } from "../services/Tracing.ts";
import * as Page from "./ui/pages.ts";
import * as usage from "./caisson/usage.ts";

/** Bounds of the router itself: an artifact's id holds its sealed path, which may be 4,096 bytes long. */
export const routerConfig = { maxParamLength: 8_192 } as const;

/** The methods of every path, from the API's own declarations. */
const methodTable = (() => {
  const table = new Map<string, Array<string>>([
    [docs.documentPath, ["GET", "HEAD"]],
    [docs.docsPath, ["GET", "HEAD"]],
    [metricsPath, ["GET", "HEAD"]],
  ]);
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint }) => {
      const methods = endpoint.method === "GET" ? ["GET", "HEAD"] : [endpoint.method];
      table.set(endpoint.path, [...(table.get(endpoint.path) ?? []), ...methods]);
    },
  });
  return table;
})();

const System = HttpApiBuilder.group(
  Api,
  "system",
  (handlers) =>
    Effect.map(health.make, ({ health, live, ready }) =>
      handlers
        .handle("health", () => health)
        .handle("live", () => live)
        .handle("ready", () => ready)),
);

const V1 = HttpApiBuilder.group(
  Api,
  "v1",
  Effect.fnUntraced(function* (handlers) {
    const { list, find } = yield* models.make;
    const complete = yield* chatCompletions.make;
    return handlers
      .handle("models", ({ query }) => list(query))
      .handle("model", ({ params }) => find(params.model))
      .handleRaw("chatCompletions", () => complete);
  }),
);

const Responses = HttpApiBuilder.group(
  Api,
  "responses",
  Effect.fnUntraced(function* (handlers) {
    const { create, connect, count, compact, retrieve, cancel, remove, inputItems } = yield* responses.make;
    return handlers
      .handleRaw("createResponse", () => create)
      .handleRaw("connectResponses", () => connect)
      .handleRaw("countInputTokens", () => count)
      .handleRaw("compactResponse", () => compact)
      .handleRaw("retrieveResponse", ({ params, query }) => retrieve(params.response, query))
      .handle("deleteResponse", ({ params, query }) => remove(params.response, query))
      .handle("cancelResponse", ({ params, query }) => cancel(params.response, query))
      .handle("listInputItems", ({ params, query }) => inputItems(params.response, query));
  }),
);

const Conversations = HttpApiBuilder.group(
  Api,
  "conversations",
  Effect.fnUntraced(function* (handlers) {
    const made = yield* conversations.make;
    return handlers
      .handleRaw("createConversation", ({ query }) => made.create(query))
      .handle("retrieveConversation", ({ params, query }) => made.retrieve(params.conversation, query))
      .handleRaw("updateConversation", ({ params, query }) => made.update(params.conversation, query))
      .handle("deleteConversation", ({ params, query }) => made.remove(params.conversation, query))
      .handleRaw("createItems", ({ params, query }) => made.addItems(params.conversation, query))
      .handle("listItems", ({ params, query }) => made.listItems(params.conversation, query))
      .handle("retrieveItem", ({ params, query }) => made.retrieveItem(params.conversation, params.item, query))
      .handle("deleteItem", ({ params, query }) => made.removeItem(params.conversation, params.item, query));
  }),
);

const ClientContainers = HttpApiBuilder.group(
  Api,
  "containers",
  Effect.fnUntraced(function* (handlers) {
    const { create, list, retrieve, remove } = yield* containers.make;
    const { addFile, listFiles, showFile, content, removeFile } = yield* containerFiles.make;
    return handlers
      .handleRaw("createContainer", ({ query }) => create(query))
      .handle("listContainers", ({ query }) => list(query))
      .handle("retrieveContainer", ({ params, query }) => retrieve(params.container, query))
      .handle("deleteContainer", ({ params, query }) => remove(params.container, query))
      .handle("createContainerFile", ({ params, query }) => addFile(params.container, query))
      .handle("listContainerFiles", ({ params, query }) => listFiles(params.container, query))
      .handle("retrieveContainerFile", ({ params, query }) => showFile(params.container, params.file, query))
      .handleRaw("containerFileContent", ({ params, query }) => content(params.container, params.file, query))
      .handle("deleteContainerFile", ({ params, query }) => removeFile(params.container, params.file, query));
  }),
);

const ClientFiles = HttpApiBuilder.group(
  Api,
  "files",
  Effect.fnUntraced(function* (handlers) {
    const { create, list, retrieve, content, remove } = yield* files.make;
    return handlers
      .handle("createFile", ({ query }) => create(query))
      .handle("listFiles", ({ query }) => list(query))
      .handle("retrieveFile", ({ params, query }) => retrieve(params.file, query))
      .handleRaw("fileContent", ({ params, query }) => content(params.file, query))
      .handle("deleteFile", ({ params, query }) => remove(params.file, query));
  }),
);

const StoredSessions = HttpApiBuilder.group(
  Api,
  "sessions",
  Effect.fnUntraced(function* (handlers) {
    const { list, show, change, remove } = yield* sessions.make;
    const history = yield* executions.make;
    const kept = yield* snapshots.make;
    return handlers
      .handle("listSessions", ({ query }) => list(query))
      .handle("showSession", ({ params, query }) => show(params.session, query))
      .handleRaw("changeSession", ({ params, query }) => change(params.session, query))
      .handle("listExecutions", ({ params, query }) => history(params.session, query))
      .handle("listSnapshots", ({ params, query }) => kept.list(params.session, query))
      .handle("snapshotDiff", ({ params, query }) => kept.diff(params.session, params.snapshot, query))
      .handleRaw("restoreSnapshot", ({ params, query }) => kept.restore(params.session, query))
      .handle("deleteSession", ({ params, query }) => remove(params.session, query));
  }),
);

const Artifacts = HttpApiBuilder.group(
  Api,
  "artifacts",
  Effect.fnUntraced(function* (handlers) {
    const { archive, content, list, remove, upload } = yield* artifacts.make;
    return handlers
      .handle("listArtifacts", ({ query }) => list(query))
      .handle("uploadArtifact", ({ query }) => upload(query))
      .handleRaw("artifactArchive", ({ query }) => archive(query))
      .handle("deleteArtifact", ({ params, query }) => remove(params.artifact, query))
      .handleRaw("artifactContent", ({ params, query }) => content(params.artifact, query));
  }),
);

const GoingOn = HttpApiBuilder.group(
  Api,
  "runs",
  Effect.fnUntraced(function* (handlers) {
    const { list, show, cancel, events } = yield* runs.make;
    const asked = yield* approvals.make;
    const who = yield* me.make;
    const place = yield* sandbox.make;
    const looks = yield* previews.make;
    return handlers
      .handle("listRuns", ({ query }) => list(query))
      .handle("showRun", ({ params, query }) => show(params.run, query))
      .handle("cancelRun", ({ params, query }) => cancel(params.run, query))
      .handleRaw("runEvents", ({ params, query }) => events(params.run, query))
      .handle("listApprovals", ({ query }) => asked.list(query))
      .handleRaw("decideApproval", ({ params, query }) => asked.decide(params.approval, query))
      .handle("sandbox", ({ query }) => place.show(query))
      .handle("readJob", ({ params, query }) => place.readJob(params.job, query))
      .handle("killJob", ({ params, query }) => place.killJob(params.job, query))
      .handle("stopSandbox", ({ query }) => place.stop(query))
      .handle("resetSandbox", ({ query }) => place.reset(query))
      .handle("listPreviews", ({ query }) => looks.list(query))
      .handleRaw("createPreview", ({ query }) => looks.create(query))
      .handle("endPreviews", ({ query }) => looks.endAll(query))
      .handle("endPreview", ({ params, query }) => looks.end(params.port, query))
      .handle("me", ({ query }) => who(query));
  }),
);

const Usage = HttpApiBuilder.group(
  Api,
  "usage",
  (handlers) => Effect.map(usage.make, (report) => handlers.handle("usage", ({ query }) => report(query))),
);

/** Headers of a response that scripts of an allowed page may read. */
const exposedHeaders = [
  "x-request-id",
  "openai-processing-ms",
  "retry-after",
  // What tells OpenAI's own client whether to try again.
  "x-should-retry",
  notAppliedHeader,
  "content-disposition",
  ...["limit", "remaining", "reset"].flatMap((what) =>
    ["requests", "tokens"].map((name) => `x-ratelimit-${what}-${name}`)
  ),
];

/** Everything that must stand around the endpoints, with the bounds of the settings. */
const Frame = Layer.unwrap(Effect.gen(function* () {
  const { bodyBytesMax, corsOrigins } = yield* Settings;
  const meter = yield* CurrentMeter;
  const requests = meter === undefined ? undefined : new RequestMeter(meter, routeIn(methodTable));
  return Layer.mergeAll(
    requestLog(yield* LoopWatch, requests, beginRequestSpan(yield* Tracing, routeIn(methodTable))),
    envelope(methodTable, bodyBytesMax),
    Cors.layer(corsOrigins, exposedHeaders),
  );
}));

/** The routes of the whole API, to be served by any host. */
export const layer = Layer.mergeAll(
  HttpApiBuilder.layer(Api).pipe(
    Layer.provide([
      System,
      V1,
      Responses,
      Conversations,
      ClientContainers,
      ClientFiles,
      StoredSessions,
      Artifacts,
      GoingOn,
      Usage,
    ]),
    Layer.provide([Bodies.layer, Caller.layer, Failures.layer]),
  ),
  docs.layer,
  metrics.layer,
  Page.layer,
  Webhooks.layer,
  Frame,
).pipe(Layer.provide([ArtifactLinks.layer, LoopWatch.layer, SignIns.layer]));
