import { OpenAI } from "@llamaindex/openai";
import { agent } from "@llamaindex/workflow";
import { tool } from "@llamaindex/core/tools";
import { z } from "zod";
import { apiKey, baseURL, clientTool, model, rain, report, threeTools, weather } from "./tasks.ts";

const llm = new OpenAI({ model, apiKey, baseURL });
const messages = [{ role: "user" as const, content: threeTools }];

report("three tools, chat", String((await llm.chat({ messages })).message.content));

let streamed = "";
for await (const chunk of await llm.chat({ messages, stream: true })) streamed += chunk.delta;
report("three tools, stream", streamed);

const weatherTool = tool({
  name: weather.name,
  description: weather.description,
  parameters: z.object({ city: z.string() }),
  execute: () => rain,
});
const result = await agent({ llm, tools: [weatherTool] }).run(clientTool);
report("client tool, agent", String(result.data.result));
