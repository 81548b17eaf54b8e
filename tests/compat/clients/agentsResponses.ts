import { Agent, codeInterpreterTool, run, setDefaultOpenAIClient, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, compute, model, question, rain, recall, remember, report, weather } from "./tasks.ts";

setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({ baseURL, apiKey }));

const plain = new Agent({ name: "Plain", instructions: "Answer.", model });
report("question, run", (await run(plain, question)).finalOutput ?? "");

const streamed = await run(plain, question, { stream: true });
let text = "";
for await (const piece of streamed.toTextStream()) text += piece;
report("question, run streaming", text);

const first = await run(plain, remember);
const second = await run(plain, recall, { previousResponseId: first.lastResponseId ?? "" });
report("memory, previousResponseId", second.finalOutput ?? "");

const armed = new Agent({
  name: "Armed",
  instructions: "Answer.",
  model,
  tools: [tool({
    name: weather.name,
    description: weather.description,
    parameters: z.object({ city: z.string() }),
    execute: () => Promise.resolve(rain),
  })],
});
report("client tool, run", (await run(armed, clientTool)).finalOutput ?? "");

const interpreting = new Agent({ name: "Interpreting", instructions: "Answer.", model, tools: [codeInterpreterTool()] });
const computed = await run(interpreting, compute);
report("code interpreter, run", computed.finalOutput ?? "");
const heard = await run(interpreting, compute, { stream: true });
let told = "";
for await (const piece of heard.toTextStream()) told += piece;
report("code interpreter, run streaming", told);
const again = await run(interpreting, [...computed.history, { role: "user", content: compute }]);
report("code interpreter, run with history", again.finalOutput ?? "");
