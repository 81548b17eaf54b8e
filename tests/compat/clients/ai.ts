import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, model, rain, report, threeTools, weather } from "./tasks.ts";

const providers = {
  "openai.chat": createOpenAI({ baseURL, apiKey }).chat(model),
  "openai-compatible": createOpenAICompatible({ name: "caisson", baseURL, apiKey, includeUsage: true })(model),
};

for (const [name, chat] of Object.entries(providers)) {
  report(`three tools, generateText, ${name}`, (await generateText({ model: chat, prompt: threeTools })).text);
  report(`three tools, streamText, ${name}`, await streamText({ model: chat, prompt: threeTools }).text);
  const tools = {
    get_weather: tool({
      description: weather.description,
      inputSchema: z.object({ city: z.string() }),
      execute: () => Promise.resolve(rain),
    }),
  };
  const limits = { tools, stopWhen: stepCountIs(4) };
  const result = await generateText({ model: chat, prompt: clientTool, ...limits });
  report(`client tool, generateText, ${name}`, result.text);
  report(`client tool, streamText, ${name}`, await streamText({ model: chat, prompt: clientTool, ...limits }).text);
}
