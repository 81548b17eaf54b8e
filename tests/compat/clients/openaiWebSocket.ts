import OpenAI from "openai";
// What the client opens its sockets with.
import "ws";
import { ResponsesWebSocketSession } from "openai/lib/responses/responses-websocket-session";
import { ResponsesWS } from "openai/resources/responses/ws";
import { apiKey, baseURL, clientTool, compute, model, question, rain, recall, remember, report, weather } from "./tasks.ts";

const client = new OpenAI({ baseURL, apiKey });
const tools = [{ type: "function" as const, strict: false, ...weather }];
const socket = new ResponsesWS(client);
// As the client's own documents ask: an error that nobody hears ends the process.
socket.on("error", () => {});

type Asked = Omit<Parameters<typeof socket.send>[0] & { type: "response.create" }, "type">;

/** Sends one request and hears its response. */
const turn = async (asked: Asked) => {
  socket.send({ type: "response.create", model, ...asked });
  let heard = "";
  for await (const event of socket) {
    if (event.type !== "message") continue;
    const { message } = event;
    if (message.type === "response.output_text.delta") heard += message.delta;
    if (message.type === "error") throw new Error(JSON.stringify(message));
    if (message.type === "response.completed") return { response: message.response, heard };
    if (message.type === "response.failed") throw new Error(JSON.stringify(message.response.error));
  }
  throw new Error("the connection was closed");
};

report("question, ResponsesWS", (await turn({ input: question })).heard);

const first = await turn({ input: remember, store: false });
const second = await turn({ input: recall, store: false, previous_response_id: first.response.id });
report("memory, ResponsesWS, not stored", second.heard);

const warm = await turn({ input: remember, store: false, generate: false });
if (warm.response.output.length > 0) throw new Error("something was generated");
report("memory, ResponsesWS, prepared", (await turn({ input: recall, previous_response_id: warm.response.id })).heard);

const asked = await turn({ input: clientTool, store: false, tools });
const outputs = asked.response.output.flatMap((item) =>
  item.type === "function_call"
    ? [{ type: "function_call_output" as const, call_id: item.call_id, output: rain }]
    : []
);
const told = await turn({ input: outputs, store: false, previous_response_id: asked.response.id, tools });
report("client tool, ResponsesWS, not stored", told.heard);

const interpreter = { type: "code_interpreter" as const, container: { type: "auto" as const } };
report("code interpreter, ResponsesWS", (await turn({ input: compute, tools: [interpreter] })).heard);

const session = new ResponsesWebSocketSession(socket, {
  maxLanes: 4,
  maxBufferedEvents: 10_000,
  maxBufferedBytes: 10_000_000,
});
const lanes = ["a", "b"].map((name) => session.lane(name));
for (const lane of lanes) lane.create({ model, input: question });
for (const lane of lanes) {
  const { output_text: text } = await lane.finalResponse();
  report(`question, ResponsesWebSocketSession, lane ${lane.streamID}`, text);
}
socket.close();
