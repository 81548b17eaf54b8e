import { Agent, run, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, model, rain, report, threeTools, weather } from "./tasks.ts";

setTracingDisabled(true);
setOpenAIAPI("chat_completions");
setDefaultOpenAIClient(new OpenAI({ baseURL, apiKey }));

const plain = new Agent({ name: "Plain", instructions: "Answer.", model });
report("three tools, run", (await run(plain, threeTools)).finalOutput ?? "");

const streamed = await run(plain, threeTools, { stream: true });
let text = "";
for await (const piece of streamed.toTextStream()) text += piece;
report("three tools, run streaming", text);

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
