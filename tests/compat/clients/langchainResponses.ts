import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, compute, model, question, rain, recall, remember, report, weather } from "./tasks.ts";

const chat = new ChatOpenAI({ model, apiKey, useResponsesApi: true, configuration: { baseURL } });

report("question, invoke", (await chat.invoke([new HumanMessage(question)])).text);

let streamed = "";
for await (const chunk of await chat.stream([new HumanMessage(question)])) streamed += chunk.text;
report("question, stream", streamed);

const said = new HumanMessage(remember);
report("memory, resent messages", (await chat.invoke([said, await chat.invoke([said]), new HumanMessage(recall)])).text);

const getWeather = tool(() => rain, {
  name: weather.name,
  description: weather.description,
  schema: z.object({ city: z.string() }),
});
const bound = chat.bindTools([getWeather]);
const asked = new HumanMessage(clientTool);
const called = await bound.invoke([asked]);
const answers = (called.tool_calls ?? []).map((call) =>
  new ToolMessage({ content: rain, tool_call_id: call.id ?? "", name: call.name })
);
report("client tool, bindTools", (await bound.invoke([asked, called, ...answers])).text);

const interpreting = chat.bindTools([{ type: "code_interpreter", container: { type: "auto" } }]);
const task = new HumanMessage(compute);
const computed = await interpreting.invoke([task]);
report("code interpreter, bindTools", computed.text);
let typed = "";
for await (const chunk of await interpreting.stream([task])) typed += chunk.text;
report("code interpreter, stream", typed);
report("code interpreter, resent messages", (await interpreting.invoke([task, computed, task])).text);
