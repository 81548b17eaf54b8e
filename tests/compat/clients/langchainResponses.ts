import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, model, question, rain, recall, remember, report, weather } from "./tasks.ts";

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
