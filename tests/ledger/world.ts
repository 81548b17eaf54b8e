/**
 * The HTTP application as the ledger asks it: every answer beside what the model was asked for it.
 */
import { Effect, Layer, Stream } from "effect";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { layer as egressLayer } from "../../src/adapters/egress/Configured.ts";
import assert from "node:assert/strict";
import { egressRows } from "../../src/config/egress.ts";
import { notAppliedHeader } from "../../src/http/openai/notApplied.ts";
import { Model, type ModelInfo, type ModelRequest } from "../../src/services/Model.ts";
import { makeApp } from "../support/app.ts";
import type { Json, JsonObject } from "./place.ts";
import type { Operation } from "./surface.ts";

/** What one request came to. */
export interface Answer {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
  /** Fields that the answer says were left out. */
  readonly notApplied: ReadonlyArray<string>;
  /** The answer, without what differs from request to request. */
  readonly body: string;
  /** What the model was asked, likewise; "" where it was not. */
  readonly asked: string;
}

/** The ids of what is there before anything is asked. */
export interface Known {
  readonly response: string;
  /** The item that its input is listed with first. */
  readonly firstInput: string;
  readonly background: string;
  readonly conversation: string;
  readonly item: string;
  /** The message that the response answers with. */
  readonly answer: string;
  readonly container: string;
  readonly file: string;
  /** A file of no container. */
  readonly upload: string;
  /** One that is an image. */
  readonly picture: string;
  /** Another container. */
  readonly other: string;
}

export interface World {
  readonly known: Known;
  readonly ask: (operation: Operation, body: JsonObject, query: JsonObject) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** The names that programs may reach. */
const rulesOf = (text: string) => {
  const parsed = egressRows.egressAllow.parse(text);
  return parsed._tag === "Some" ? parsed.value : assert.fail(text);
};

const base = "http://caisson.test/v1";

/** Without ids and times. */
const plain = (text: string): string =>
  text.replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-/g, "").replaceAll(/[0-9a-f]{12,}/g, "ID").replaceAll(
    /"(created|created_at|completed_at|last_active_at|expires_at)":\d+/g,
    '"$1":0',
  )
    .replaceAll(/chatcmpl-[\w-]+/g, "chatcmpl")
    .replaceAll(/"encrypted_content":"[^"]*"/g, "sealed").replaceAll(/\d{13}/g, "MS");

const textOf = (value: unknown): string =>
  JSON.stringify(
    value,
    (key, each) =>
      key === "cacheKey" || key === "principal"
        ? undefined
        : each instanceof Uint8Array
        ? each.toBase64()
        : each instanceof Set
        ? [...each]
        : each,
  );

/** A model that answers at once, calls no tool, and notes what it is asked. */
const listening = (asked: Array<ModelRequest>, takes: ModelInfo["takes"]) => {
  const info = (id: string): ModelInfo => ({
    id,
    provider: "ledger",
    vision: true,
    ...(takes !== undefined && { takes }),
  });
  return Layer.succeed(
    Model,
    Model.of({
      defaultModel: Effect.succeed("ledger"),
      list: Effect.succeed([info("ledger")]),
      find: (model) => Effect.succeed(info(model)),
      stream: (request) =>
        Stream.suspend(() => {
          asked.push(request);
          return Stream.fromIterable([Scripted.reasoning("Hm."), Scripted.text("Hello."), Scripted.finished()]);
        }),
    }),
  );
};

/** Starts an application whose model takes the sampling parameters given, all where none are. */
export const makeWorld = async (takes?: ModelInfo["takes"]): Promise<World> => {
  const asked: Array<ModelRequest> = [];
  /** A chat is of a user's session: each request has a user of its own. */
  let chats = 0;
  const dataPath = await Deno.makeTempDir({ prefix: "caisson-ledger-" });
  const app = makeApp({
    model: listening(asked, takes),
    egress: egressLayer,
    skills: {
      catalogue: Effect.succeed({
        skills: [{ name: "plotting", description: "How to plot.", location: "/skills/plotting/SKILL.md" }],
        problems: [],
      }),
      read: () => Effect.succeed("Plot."),
    },
    settings: { dataPath, egress: "allowlist", egressAllow: rulesOf("api.example.com,*.example.org") },
  });
  const close = async () => {
    await app.dispose();
    await Deno.remove(dataPath, { recursive: true });
  };
  const send = async (method: string, path: string, body: Json | FormData | undefined) => {
    asked.length = 0;
    const response = await app.send(
      new Request(`${base}${path}`, {
        method,
        headers: {
          "x-user-id": path.startsWith("/chat") ? `ledger-${++chats}` : "ledger",
          ...(body instanceof FormData ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
      }),
    );
    return { response, text: await response.text() };
  };
  const made = async (path: string, body: Json | FormData): Promise<string> => {
    const { text } = await send("POST", path, body);
    const { id, data } = JSON.parse(text);
    return String(id ?? data?.[0]?.id);
  };
  const container = await made("/containers", { name: "ledger" });
  const conversation = await made("/conversations", {});
  const form = new FormData();
  form.set("file", new File(["a,b"], "a.csv"));
  const input = [{ role: "user", content: "Hi" }, { role: "user", content: "Bye" }];
  const upload = new FormData();
  upload.set("purpose", "user_data");
  upload.set("file", new File(["a,b"], "a.csv"));
  const picture = new FormData();
  picture.set("purpose", "vision");
  picture.set("file", new File([Uint8Array.fromBase64("iVBORw0KGgoAAAAA")], "a.png"));
  const { text: told } = await send("POST", "/responses", { input });
  const { id: response, output } = JSON.parse(told);
  const { text: items } = await send("GET", `/responses/${response}/input_items`, undefined);
  const known: Known = {
    container,
    conversation,
    response,
    answer: output.at(-1).id,
    firstInput: JSON.parse(items).data[0].id,
    background: await made("/responses", { input: "Hi", background: true }),
    item: await made(`/conversations/${conversation}/items`, {
      items: [{ role: "user", content: "Hi" }, { role: "user", content: "Bye" }],
    }),
    file: await made(`/containers/${container}/files`, form),
    picture: await made("/files", picture),
    upload: await made("/files", upload),
    other: await made("/containers", { name: "other" }),
  };
  form.set("file", new File(["c"], "c.csv"));
  await made(`/containers/${container}/files`, form);
  upload.set("file", new File(["c"], "c.csv"));
  await made("/files", upload);
  await send("POST", "/responses", { input: "Hi" });
  const ask: World["ask"] = async (operation, body, query) => {
    const ids = { ...known, model: "ledger", ...(operation.path.startsWith("/files") && { file: known.upload }) };
    const path = operation.path.replaceAll(
      /\{(\w+)\}/g,
      (_, name: string) => new Map(Object.entries(ids)).get(name) ?? "none",
    );
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (Array.isArray(value)) { for (const each of value) search.append(`${name}[]`, String(each)); }
      else if (typeof value === "object" && value !== null) {
        for (const [key, each] of Object.entries(value)) search.append(`${name}[${key}]`, String(each));
      } else search.append(name, String(value));
    }
    const sent = operation.method !== "POST"
      ? undefined
      : operation.isMultipart && Object.values(body).includes("(file)")
      ? formOf(body)
      : body;
    const { response, text } = await send(operation.method, `${path}${search.size > 0 ? `?${search}` : ""}`, sent);
    const isFailure = response.status >= 400;
    const error = isFailure && text.startsWith("{") ? JSON.parse(text).error : undefined;
    return {
      status: response.status,
      param: error?.param ?? null,
      code: error?.code ?? null,
      notApplied: (response.headers.get(notAppliedHeader) ?? "").split(", ").filter((name) => name !== ""),
      body: plain(text),
      asked: asked.length === 0 ? "" : plain(textOf(asked)),
    };
  };
  return { known, ask, close };
};

const formOf = (body: JsonObject): FormData => {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (value === "(file)") form.set(name, new File(["a,b"], "b.csv"));
    else if (typeof value === "object" && value !== null) {
      for (const [key, each] of Object.entries(value)) form.set(`${name}[${key}]`, String(each));
    } else form.set(name, String(value));
  }
  return form;
};
