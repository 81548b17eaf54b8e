/**
 * The WebSocket of `/v1/responses`, behind a real socket: turns, ids of the connection, errors as frames, and what is
 * left when somebody hangs up.
 */
import assert from "node:assert/strict";
import { Array as Arr, Deferred, Duration, Effect, Exit, Option, Redacted, Schema, Scope, Stream } from "effect";
import { TestClock } from "effect/testing";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import { ownerKey } from "../../src/domain/ids.ts";
import { textOf } from "../../src/domain/Message.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";
import { it } from "../support/it.ts";
import { connect, connected, type Json, ResponsesSocket } from "../support/responsesSocket.ts";
import { served } from "../support/served.ts";
import { isPrompt } from "../support/timing.ts";

const until = <A>(promise: Promise<A>) => Effect.promise(() => promise);

/** A script that notes what it is asked. */
const noting = (...steps: ReadonlyArray<Scripted.Step>) => {
  const asked: Array<ModelRequest> = [];
  const noted = steps.map((step): Scripted.Step => (request) => {
    asked.push(request);
    return typeof step === "function" ? step(request) : step;
  });
  return { asked, steps: noted };
};

const decodeResponse = Schema.decodeUnknownSync(
  Schema.Struct({ id: Schema.String, status: Schema.String, output: Schema.Array(Schema.Any) }),
);
const responseOf = (events: ReadonlyArray<Json>) => decodeResponse(events.at(-1)?.["response"]);
const decodeError = Schema.decodeUnknownSync(Schema.Struct({
  type: Schema.Literal("error"),
  status: Schema.Int,
  error: Schema.Struct({
    type: Schema.String,
    code: Schema.NullOr(Schema.String),
    message: Schema.String,
    param: Schema.NullOr(Schema.String),
  }),
}));
const errorOf = (events: ReadonlyArray<Json>) => decodeError(events.at(-1));
const typesOf = (events: ReadonlyArray<Json>) => events.map(({ type }) => type);

const ada = { "x-user-id": "ada" };
const decodeRuns = Schema.decodeUnknownSync(
  Schema.Struct({ data: Schema.Array(Schema.Struct({ status: Schema.String })) }),
);
/** How many runs of the user go on. */
const running = (base: string) =>
  until(fetch(`${base}/v1/runs`, { headers: ada }).then((response) => response.json())).pipe(
    Effect.map((body) => decodeRuns(body).data.filter(({ status }) => status === "in_progress").length),
  );
/** Asks until nothing runs any more. */
const untilStill = (base: string): Effect.Effect<void> =>
  Effect.flatMap(running(base), (count) => count === 0 ? Effect.void : untilStill(base));

const weather = { type: "function", name: "get_weather", parameters: { type: "object", properties: {} } };

it.live("turns follow one another, their events are those of a stream, and unstored ids hold on the connection", () =>
  Effect.gen(function* () {
    const { asked, steps } = noting(
      Scripted.calls(Scripted.toolCall("call_1", "get_weather", {})),
      Scripted.answers("Sun", "ny."),
      Scripted.answers("Rome."),
    );
    const base = yield* served({ steps });
    const socket = yield* connected(base);
    const first = yield* until(socket.turn({ store: false, input: "Weather?", tools: [weather] }));
    assert.deepEqual(typesOf(first), [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.completed",
    ]);
    assert.deepEqual(first.map((event) => event["sequence_number"]), first.map((_, index) => index));
    const output = [{ type: "function_call_output", call_id: "call_1", output: "sunny" }];
    const { id } = responseOf(first);
    const second = yield* until(socket.turn({ store: false, input: output, previous_response_id: id }));
    assert.equal(responseOf(second).output[0].content[0].text, "Sunny.");
    const other = yield* connected(base);
    const lost = errorOf(
      yield* until(other.turn({ store: false, input: "Where?", previous_response_id: responseOf(second).id })),
    );
    assert.deepEqual(
      [lost.status, lost.error.code, lost.error.param],
      [400, "previous_response_not_found", "previous_response_id"],
    );
    yield* until(socket.turn({ store: false, input: "Where?", previous_response_id: responseOf(second).id }));
    assert.deepEqual(asked.map(({ messages }) => messages.length), [1, 3, 5]);
    const fetched = yield* until(fetch(`${base}/v1/responses/${id}`));
    assert.equal(fetched.status, 404);
    yield* until(fetched.body?.cancel() ?? Promise.resolve());
  }));

it.live("a stored response is the same one for every door, and a lane is echoed", () =>
  Effect.gen(function* () {
    const { asked, steps } = noting(Scripted.answers("One."), Scripted.answers("Two."), Scripted.answers("Three."));
    const base = yield* served({ steps });
    const socket = yield* connected(base, { "x-user-id": "ada" });
    const [first, second] = [
      responseOf(yield* until(socket.turn({ input: "Hi", stream_id: "main", stream: true }))),
      yield* until(socket.turn({ input: "Unstored", store: false })),
    ];
    const fetched = yield* until(
      fetch(`${base}/v1/responses/${first.id}`, { headers: { "x-user-id": "ada" } }).then((response) =>
        response.json()
      ),
    );
    assert.deepEqual(fetched, { ...fetched, ...first });
    const third = yield* until(
      socket.turn({ input: "And?", previous_response_id: responseOf(second).id, stream_id: "a.b-C_1" }),
    );
    assert.ok(third.every((event) => event["stream_id"] === "a.b-C_1"));
    assert.ok(second.every((event) => !("stream_id" in event)));
    assert.deepEqual(asked.map(({ messages }) => messages.length), [1, 1, 3]);
    const foreign = errorOf(
      yield* until(socket.turn({ input: "?", user: "bob", previous_response_id: responseOf(third).id })),
    );
    assert.equal(foreign.error.code, "previous_response_not_found");
  }));

it.live("what is only prepared is remembered without asking the model", () =>
  Effect.gen(function* () {
    const { asked, steps } = noting(Scripted.answers("Ready."));
    const socket = yield* connected(yield* served({ steps }));
    const warm = yield* until(
      socket.turn({
        store: false,
        generate: false,
        input: [{ role: "developer", content: "Be brief." }, { role: "user", content: "I am Ada." }],
      }),
    );
    assert.deepEqual(typesOf(warm), ["response.created", "response.in_progress", "response.completed"]);
    assert.deepEqual([responseOf(warm).output, asked.length], [[], 0]);
    const { id } = responseOf(warm);
    assert.equal(
      responseOf(yield* until(socket.turn({ store: false, input: "Who am I?", previous_response_id: id }))).status,
      "completed",
    );
    assert.deepEqual([asked[0]?.messages.length, asked[0]?.system], [2, "Be brief."]);
    const empty = yield* until(socket.turn({ store: false, generate: false, tools: [weather] }));
    assert.equal(responseOf(empty).status, "completed");
  }));

it.live("files of what is only prepared are in the container of the turn that goes on from it", () =>
  Effect.gen(function* () {
    for (const store of [true, false]) {
      const { asked, steps } = noting(
        Scripted.calls(Scripted.toolCall("c1", "shell", { commands: ["ls"] })),
        Scripted.answers("Read."),
      );
      const sandbox = fakeSandbox();
      const socket = yield* connected(yield* served({ steps, sandbox }));
      const tools = [{ type: "shell", environment: { type: "container_auto" } }];
      const file = { type: "input_file", filename: "sales.csv", file_data: "data:text/csv;base64,YSxi" };
      const content = [{ type: "input_text", text: "Look at this later." }, file];
      const input = [{ role: "user", content }];
      const warm = responseOf(yield* until(socket.turn({ store, generate: false, input, tools })));
      const [[path = "", bytes] = [], ...others] = [...sandbox.files].filter(([name]) => name.endsWith("sales.csv"));
      assert.equal(others.length, 0);
      assert.equal(new TextDecoder().decode(bytes), "a,b");
      const turn = responseOf(
        yield* until(socket.turn({ store, input: "Now.", previous_response_id: warm.id, tools })),
      );
      assert.equal(turn.status, "completed");
      const [call] = turn.output;
      const owner = path.slice(0, path.indexOf(":"));
      // The file is in the sandbox that the call ran in, and the model is told where.
      assert.deepEqual([...new Set(sandbox.opened.map((each) => String(ownerKey(each))))], [owner]);
      assert.match(String(call.environment.container_id), /^cntr_/);
      const [first] = asked[0]?.messages ?? [];
      const place = path.slice(path.indexOf(":") + 1);
      assert.ok(first !== undefined && textOf(first).includes(place), `${place} in ${JSON.stringify(first)}`);
    }
  }));

it.live("every wrong frame is told as an error, and the connection goes on", () =>
  Effect.gen(function* () {
    const base = yield* served({ steps: [Scripted.answers("Still here.")] });
    const socket = yield* connected(base);
    const cases: ReadonlyArray<readonly [Json | string | Uint8Array, string | null, string | null]> = [
      ["{", null, "invalid_json"],
      ["[]", null, "invalid_type"],
      ["null", null, "invalid_type"],
      ["[".repeat(10_000), null, "json_too_complex"],
      [new Uint8Array([123, 125]), null, "invalid_type"],
      ["{}", "type", "missing_required_parameter"],
      [{ type: "response.steer" }, "type", "invalid_value"],
      [{ type: 5 }, "type", "missing_required_parameter"],
      [{ input: "hi", stream_id: "a b" }, "stream_id", "invalid_value"],
      [{ input: "hi", generate: "no" }, "generate", "invalid_value"],
      [{ input: "hi", background: true }, "background", "unsupported_parameter"],
      [{}, "input", "missing_required_parameter"],
      [{ input: "hi", tools: [{ type: "file_search" }] }, "tools[0].type", "unsupported_value"],
      [{ input: "hi", conversation: "conv_none" }, null, null],
    ];
    for (const [frame, param, code] of cases) {
      const events = yield* until(socket.turn(frame));
      const { status, error } = errorOf(events);
      assert.deepEqual([events.length, error.param, error.code], [1, param, code], JSON.stringify([frame, error]));
      assert.ok(status >= 400 && status < 500);
    }
    assert.equal(responseOf(yield* until(socket.turn({ input: "hi" }))).status, "completed");
  }));

it.live("a failed turn ends with one frame, and what it went on from is forgotten", () =>
  Effect.gen(function* () {
    const late: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("Well")), Stream.die(new Error("a bug")));
    const base = yield* served({
      steps: [Scripted.answers("One."), late, Scripted.answers("Two."), Scripted.answers("Three.")],
    });
    const socket = yield* connected(base);
    const ask = (frame: Json) => until(socket.turn({ store: false, ...frame }));
    const first = responseOf(yield* ask({ input: "Hi" })).id;
    const failed = yield* ask({ input: "Go on", previous_response_id: first });
    assert.deepEqual(typesOf(failed).slice(-2), ["response.output_item.done", "response.failed"]);
    assert.deepEqual(failed.map((event) => event["sequence_number"]), failed.map((_, index) => index));
    assert.equal(
      errorOf(yield* ask({ input: "?", previous_response_id: first })).error.code,
      "previous_response_not_found",
    );
    const second = responseOf(yield* ask({ input: "Hi" })).id;
    const orphan = [{ type: "function_call_output", call_id: "call_none", output: "" }];
    assert.equal(errorOf(yield* ask({ input: orphan, previous_response_id: second })).status, 400);
    assert.equal(
      errorOf(yield* ask({ input: "?", previous_response_id: second })).error.code,
      "previous_response_not_found",
    );
    assert.equal(responseOf(yield* ask({ input: "Hi" })).status, "completed");
  }));

it.live("a client cut in the middle of a turn leaves nothing, and goes on with a new connection", () =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<void>();
    const endless: Scripted.Step = () =>
      Stream.concat(Stream.make(Scripted.text("Well")), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(ended, undefined)),
      );
    const sandbox = fakeSandbox();
    const base = yield* served({
      steps: [Scripted.answers("One."), endless, Scripted.answers("Two.")],
      sandbox,
    });
    const socket = yield* connected(base, ada);
    const { id } = responseOf(yield* until(socket.turn({ input: "Hi" })));
    socket.send({ input: "Go on", previous_response_id: id });
    const begun = yield* until(socket.until("response.output_text.delta"));
    assert.equal(yield* running(base), 1);
    // A frame that waits behind the turn must not begin once its client is gone.
    socket.send({ input: "And then", previous_response_id: id });
    socket.cut();
    yield* Deferred.await(ended);
    yield* untilStill(base);
    const cut = decodeResponse(begun[0]?.["response"]).id;
    const kept = yield* until(
      fetch(`${base}/v1/responses/${cut}`, { headers: ada }).then((response) => response.json()),
    );
    assert.equal(kept.status, "cancelled");
    const again = yield* connected(base, ada);
    const gone = errorOf(yield* until(again.turn({ input: "?", previous_response_id: `resp_${"0".repeat(48)}` })));
    assert.equal(gone.error.code, "previous_response_not_found");
    const on = yield* until(again.turn({ input: "Once more", previous_response_id: id }));
    assert.equal(responseOf(on).output[0].content[0].text, "Two.");
    assert.equal(yield* running(base), 0);
    assert.deepEqual(sandbox.opened, []);
  }));

it.live("two requests at once are answered one after the other", () =>
  Effect.gen(function* () {
    const socket = yield* connected(yield* served({ steps: [Scripted.answers("One."), Scripted.answers("Two.")] }));
    socket.send({ input: "a", stream_id: "a" });
    socket.send({ input: "b", stream_id: "b" });
    const [first, second] = [yield* until(socket.ending()), yield* until(socket.ending())];
    assert.ok(first.every((event) => event["stream_id"] === "a"));
    assert.ok(second.every((event) => event["stream_id"] === "b"));
  }));

it.live("nobody connects without a credential, nor a page of another origin, nor without an upgrade", () =>
  Effect.gen(function* () {
    const key = "0123456789abcdef0123456789abcdef";
    const keyed = yield* served({ settings: { apiKeys: Option.some(Redacted.make(`alice:${key}`)) } });
    for (const headers of [{}, { authorization: "Bearer wrong" }]) {
      const refused = yield* connect(keyed, headers);
      assert.ok(!(refused instanceof ResponsesSocket));
      assert.deepEqual([refused.status, JSON.parse(refused.body).error.code], [401, "invalid_api_key"]);
    }
    yield* connected(keyed, { authorization: `Bearer ${key}` });
    const open = yield* served();
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }]) {
      const refused = yield* connect(open, headers);
      assert.ok(!(refused instanceof ResponsesSocket));
      assert.deepEqual([refused.status, JSON.parse(refused.body).error.code], [403, "origin_not_allowed"]);
    }
    yield* connected(open, { origin: open });
    const plain = yield* until(fetch(`${open}/v1/responses`));
    assert.deepEqual(
      [plain.status, plain.headers.get("upgrade"), (yield* until(plain.json())).error.code],
      [426, "websocket", "upgrade_required"],
    );
  }));

it.live("a frame that is larger than a body may be ends the connection", () =>
  Effect.gen(function* () {
    const base = yield* served({ settings: { bodyBytesMax: 1_000 } });
    const socket = yield* connected(base);
    socket.send({ input: "x".repeat(2_000) });
    assert.equal(yield* until(socket.closed), 1009);
  }));

it.live("a peer that reads nothing holds its run back within a bound, and hears everything when it reads again", () =>
  Effect.gen(function* () {
    const piece = "x".repeat(64 * 1024);
    const pieces = 400;
    let said = 0;
    const longWinded: Scripted.Step = () =>
      Stream.concat(
        Stream.range(1, pieces).pipe(
          Stream.rechunk(1),
          Stream.map(() => {
            said++;
            return Scripted.text(piece);
          }),
        ),
        Stream.make(Scripted.finished()),
      );
    const base = yield* served({ steps: [longWinded], settings: { runOutputBytesMax: 1024 ** 3 } });
    const socket = yield* connected(base);
    socket.send({ store: false, input: "Talk" });
    yield* until(socket.until("response.output_text.delta"));
    socket.read(false);
    // It is held back when nothing more is said, however often others had their turn.
    for (let before = -1; before !== said || said === 0;) {
      before = said;
      for (let turns = 0; turns < 50; turns++) yield* running(base);
    }
    assert.ok(said < pieces, `${said} pieces were said to somebody who does not read`);
    socket.read(true);
    const events = yield* until(socket.ending());
    assert.equal(responseOf(events).output[0].content[0].text.length, pieces * piece.length);
  }));

/** What closing takes that waits for answers until it gives them up is more. */
const closingMsMax = 1_500;

it.live("a server that ends tells its connections so, and cuts a turn with an end", () =>
  isPrompt(
    closingMsMax,
    Effect.scoped(Effect.gen(function* () {
      const scope = yield* Scope.make();
      const endless: Scripted.Step = () => Stream.concat(Stream.make(Scripted.text("Well")), Stream.never);
      const base = yield* served({ steps: [endless], settings: { shutdownGraceSeconds: 0 } }).pipe(
        Effect.provideService(Scope.Scope, scope),
      );
      const [idle, busy] = [yield* connected(base), yield* connected(base)];
      busy.send({ input: "Hi" });
      yield* until(busy.until("response.output_text.delta"));
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void));
      const events = yield* until(busy.ending());
      assert.equal(events.at(-1)?.["type"], "response.failed");
      assert.deepEqual([yield* until(idle.closed), yield* until(busy.closed)], [1001, 1001]);
      return Duration.toMillis(took);
    })),
  ));

/** Lets time pass in the steps in which peers are asked whether they are there, and gives them time to answer. */
const pass = (base: string, minutes: number): Effect.Effect<void> =>
  Effect.forEach(
    Arr.range(1, minutes * 2),
    () => Effect.andThen(TestClock.adjust("30 seconds"), running(base)),
    { discard: true },
  );

it.effect("a connection on which nothing is asked for 20 minutes ends", () =>
  Effect.gen(function* () {
    const base = yield* served({ steps: [Scripted.answers("One.")] });
    const socket = yield* connected(base);
    yield* pass(base, 18);
    assert.equal(responseOf(yield* until(socket.turn({ input: "Hi" }))).status, "completed");
    yield* pass(base, 18);
    assert.ok(socket.isOpen);
    yield* pass(base, 3);
    assert.equal(yield* until(socket.closed), 1000);
  }));

it.effect("a connection lasts 60 minutes, whatever is asked on it, and says so at its end", () =>
  Effect.gen(function* () {
    const base = yield* served({ steps: Array.from({ length: 4 }, () => Scripted.answers("One.")) });
    const socket = yield* connected(base);
    for (let quarter = 0; quarter < 4; quarter++) {
      yield* until(socket.turn({ input: "Hi" }));
      yield* pass(base, 15);
    }
    yield* pass(base, 1);
    const { status, error } = errorOf([yield* until(socket.next())]);
    assert.deepEqual([status, error.code], [400, "websocket_connection_limit_reached"]);
    assert.equal(yield* until(socket.closed), 1000);
  }));
