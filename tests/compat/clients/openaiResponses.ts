import OpenAI from "openai";
import { toFile } from "openai";
import { createHash } from "node:crypto";
import {
  apiKey,
  baseURL,
  clientTool,
  compute,
  model,
  question,
  rain,
  recall,
  remember,
  report,
  useShell,
  weather,
} from "./tasks.ts";

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

// What a tool shows: an image that the model sees, in its place among the words.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const seen = await client.responses.create({
  model,
  input: outputs.map(({ call_id }) => ({
    type: "function_call_output" as const,
    call_id,
    output: [
      { type: "input_text" as const, text: rain },
      { type: "input_image" as const, image_url: `data:image/png;base64,${pixel}`, detail: "auto" as const },
    ],
  })),
  previous_response_id: asked.id,
  tools,
});
if (!seen.output_text.includes(" and shows image/png")) throw new Error(`not shown: ${seen.output_text}`);

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

// The hosted interpreter, as a script has it that was written for OpenAI's.
const container = await client.containers.create({ name: "analysis" });
await client.containers.files.create(container.id, { file: await toFile(new Blob(["month,total"]), "sales.csv") });
const interpreter = { type: "code_interpreter" as const, container: container.id };
const computed = await client.responses.create({
  model,
  input: compute,
  tools: [interpreter],
  include: ["code_interpreter_call.outputs"],
});
report("code interpreter, create in a container", computed.output_text);

/** The bytes of the file that a response cites, checked against the sum that the container printed. */
const download = async (response: OpenAI.Responses.Response): Promise<string> => {
  for (const item of response.output) {
    if (item.type !== "message") continue;
    for (const part of item.content) {
      if (part.type !== "output_text") continue;
      const cited = part.annotations.find((annotation) => annotation.type === "container_file_citation");
      if (cited === undefined) continue;
      const content = await client.containers.files.content.retrieve(cited.file_id, {
        container_id: cited.container_id,
      });
      const bytes = new Uint8Array(await content.arrayBuffer());
      const logs = JSON.stringify(response.output.filter(({ type }) => type === "code_interpreter_call"));
      if (!logs.includes(createHash("sha256").update(bytes).digest("hex"))) throw new Error(`another file: ${logs}`);
      return `${part.text.slice(cited.start_index, cited.end_index)} ${new TextDecoder().decode(bytes)}`;
    }
  }
  throw new Error("no file is cited");
};
const file = await download(computed);
if (!file.startsWith("sandbox:/mnt/data/sum.csv") || !file.includes("42")) throw new Error(`cited: ${file}`);
const names = [];
for await (const { path } of client.containers.files.list(container.id)) names.push(path);
if (!names.includes("/mnt/data/sales.csv")) throw new Error(`files: ${names.join(" ")}`);

const auto = { type: "code_interpreter" as const, container: { type: "auto" as const } };
const drawn = client.responses.stream({ model, input: compute, tools: [auto] });
let code = "";
for await (const event of drawn) if (event.type === "response.code_interpreter_call_code.delta") code += event.delta;
if (!code.includes("numbers = [12, 30]")) throw new Error(`code: ${code}`);
report("code interpreter, .stream()", (await drawn.finalResponse()).output_text);

const going = await client.responses.create({ model, input: compute, tools: [auto], background: true, stream: true });
let place = { id: "", number: 0 };
for await (const event of going) {
  if (event.type !== "response.created") continue;
  place = { id: event.response.id, number: event.sequence_number };
  break;
}
let rest = "";
for await (const event of await client.responses.retrieve(place.id, { stream: true, starting_after: place.number })) {
  if (event.type === "response.output_text.delta") rest += event.delta;
}
report("code interpreter, background, left and resumed", rest);

// A file that is sent once, and what becomes of it where requests name it.
const own = client.withOptions({ defaultHeaders: { "x-user-id": "ada" } });
const table = "a,b\n1,2\n";
const upload = await own.files.create({ file: await toFile(new Blob([table]), "table.csv"), purpose: "user_data" });
if (await (await own.files.content(upload.id)).text() !== table) throw new Error("another content");
if ((await own.files.retrieve(upload.id)).bytes !== table.length) throw new Error("another size");
const listed = [];
for await (const { id } of own.files.list({ limit: 1 })) listed.push(id);
if (!listed.includes(upload.id)) throw new Error(`files: ${listed.join(" ")}`);
const filled = { type: "code_interpreter" as const, container: { type: "auto" as const, file_ids: [upload.id] } };
const named = [{ type: "input_text" as const, text: compute }, { type: "input_file" as const, file_id: upload.id }];
const worked = await own.responses.create({ model, input: [{ role: "user", content: named }], tools: [filled] });
const [call] = worked.output.flatMap((item) => item.type === "code_interpreter_call" ? [item] : []);
const paths = [];
for await (const { path } of own.containers.files.list(call?.container_id ?? "")) paths.push(path);
if (!paths.includes("/mnt/data/table.csv")) throw new Error(`files: ${paths.join(" ")}`);
if (!paths.some((path) => /^\/mnt\/data\/uploads\/.*table\.csv$/.test(path))) throw new Error(paths.join(" "));
if (!(await own.files.delete(upload.id)).deleted) throw new Error("not deleted");

const shell = { type: "shell" as const, environment: { type: "container_auto" as const } };
report("shell, create", (await client.responses.create({ model, input: useShell, tools: [shell] })).output_text);

// A call that a person must approve: with what is kept, and with the items sent again.
const publish = { model, input: "Publish the number, with my approval.", tools: [shell] };
const waits = await client.responses.create(publish);
const decision = (response: OpenAI.Responses.Response) => {
  const [request] = response.output.flatMap((item) => item.type === "mcp_approval_request" ? [item] : []);
  if (request?.server_label !== "caisson") throw new Error(`nothing is asked: ${JSON.stringify(response.output)}`);
  return { type: "mcp_approval_response" as const, approval_request_id: request.id, approve: true };
};
const published = { model, tools: [shell], input: [decision(waits)], previous_response_id: waits.id };
report("approval, create", (await client.responses.create(published)).output_text);
const unkept = await client.responses.stream({ ...publish, store: false }).finalResponse();
const resent = [{ role: "user" as const, content: publish.input }, ...unkept.output, decision(unkept)];
const streamedOn = client.responses.stream({ model, tools: [shell], store: false, input: resent });
report("approval, .stream() with resent items", (await streamedOn.finalResponse()).output_text);

// A skill that is sent along, and one that nobody knows.
const greet = {
  type: "inline" as const,
  name: "greet",
  description: "How to greet people.",
  source: {
    type: "base64" as const,
    media_type: "application/zip" as const,
    data: "UEsDBBQAAAAAAAAAIVCvBug9CgAAAAoAAAAIAAAAU0tJTEwubWRTYXkgaGVsbG8uUEsBAhQAFAAAAAAAAAAhUK8G6D0KAAAACgAAAAgAAAAA" +
      "AAAAAAAAAAAAAAAAAFNLSUxMLm1kUEsFBgAAAAABAAEANgAAADAAAAAAAA==",
  },
};
const taught = { type: "shell" as const, environment: { type: "container_auto" as const, skills: [greet] } };
const greeted = await client.responses.create({ model, input: "Read your skill.", tools: [taught] });
if (!greeted.output_text.includes("Say hello.")) throw new Error(`no skill: ${greeted.output_text}`);
const unknown = { type: "skill_reference" as const, skill_id: "skill_none" };
const refusal = await client.containers.create({ name: "untaught", skills: [unknown] }).then(() => "none", String);
if (!refusal.includes("skill_none")) throw new Error(`refused: ${refusal}`);

const typed = client.responses.stream({ model, input: useShell, tools: [shell] });
report("shell, .stream()", (await typed.finalResponse()).output_text);
await client.containers.delete(container.id);
