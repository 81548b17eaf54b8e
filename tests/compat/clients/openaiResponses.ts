import OpenAI from "openai";
import { apiKey, baseURL, clientTool, model, question, rain, recall, remember, report, weather } from "./tasks.ts";

const client = new OpenAI({ baseURL, apiKey });
const tools = [{ type: "function" as const, strict: false, ...weather }];

report("question, create", (await client.responses.create({ model, input: question })).output_text);

const helper = client.responses.stream({ model, input: question });
let heard = "";
for await (const event of helper) if (event.type === "response.output_text.delta") heard += event.delta;
const final = await helper.finalResponse();
if (final.output_text !== heard) throw new Error(`streamed ${heard}, final ${final.output_text}`);
report("question, .stream()", heard);

const first = await client.responses.create({ model, input: remember });
const second = await client.responses.create({ model, input: recall, previous_response_id: first.id });
report("memory, previous_response_id", second.output_text);

const asked = await client.responses.create({ model, input: clientTool, tools });
const outputs = asked.output.flatMap((item) =>
  item.type === "function_call"
    ? [{ type: "function_call_output" as const, call_id: item.call_id, output: rain }]
    : []
);
const told = await client.responses.create({ model, input: outputs, previous_response_id: asked.id, tools });
report("client tool, create", told.output_text);

const background = await client.responses.create({ model, input: question, background: true });
let state = background;
while (state.status === "queued" || state.status === "in_progress") state = await client.responses.retrieve(state.id);
report("question, background and retrieve", state.output_text);

const left = await client.responses.create({ model, input: question, background: true, stream: true });
let id = "";
let number = 0;
for await (const event of left) {
  if (event.type !== "response.created") continue;
  id = event.response.id;
  number = event.sequence_number;
  break;
}
let resumed = "";
for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: number })) {
  if (event.type === "response.output_text.delta") resumed += event.delta;
}
report("question, background, left and resumed", resumed);
report("question, .stream({ response_id })", (await client.responses.stream({ response_id: id }).finalResponse()).output_text);

const items = [];
for await (const item of client.responses.inputItems.list(second.id)) items.push(item);
await client.responses.delete(second.id);
if (items.length !== 1) throw new Error(`${items.length} input items`);
