import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, model, rain, report, threeTools, weather } from "./tasks.ts";

const chat = new ChatOpenAI({ model, apiKey, configuration: { baseURL } });

report("three tools, invoke", (await chat.invoke([new HumanMessage(threeTools)])).text);

let streamed = "";
for await (const chunk of await chat.stream([new HumanMessage(threeTools)])) streamed += chunk.text;
report("three tools, stream", streamed);

const getWeather = tool(() => rain, {
  name: weather.name,
  description: weather.description,
  schema: z.object({ city: z.string() }),
});
const bound = chat.bindTools([getWeather]);
const question = new HumanMessage(clientTool);
const called = await bound.invoke([question]);
const answers = (called.tool_calls ?? []).map((call) =>
  new ToolMessage({ content: rain, tool_call_id: call.id ?? "", name: call.name })
);
report("client tool, bindTools", (await bound.invoke([question, called, ...answers])).text);
