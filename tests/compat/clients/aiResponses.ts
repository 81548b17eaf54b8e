import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { apiKey, baseURL, clientTool, compute, model, question, rain, recall, remember, report, weather } from "./tasks.ts";

const openai = createOpenAI({ baseURL, apiKey });
const chat = openai(model);
report("question, generateText", (await generateText({ model: chat, prompt: question })).text);
report("question, streamText", await streamText({ model: chat, prompt: question }).text);

const first = await generateText({ model: chat, prompt: remember });
const messages = [
  { role: "user" as const, content: remember },
  ...first.response.messages,
  { role: "user" as const, content: recall },
];
report("memory, resent messages", (await generateText({ model: chat, messages })).text);

const tools = {
  get_weather: tool({
    description: weather.description,
    inputSchema: z.object({ city: z.string() }),
    execute: () => Promise.resolve(rain),
  }),
};
const limits = { tools, stopWhen: stepCountIs(4) };
report("client tool, generateText", (await generateText({ model: chat, prompt: clientTool, ...limits })).text);
report("client tool, streamText", await streamText({ model: chat, prompt: clientTool, ...limits }).text);

const hosted = { model: chat, prompt: compute, tools: { code_interpreter: openai.tools.codeInterpreter() } };
const computed = await generateText(hosted);
if (computed.toolResults.length !== 2) throw new Error(`${computed.toolResults.length} results of the interpreter`);
report("code interpreter, generateText", computed.text);
report("code interpreter, streamText", await streamText(hosted).text);
const goingOn = [
  { role: "user" as const, content: compute },
  ...computed.response.messages,
  { role: "user" as const, content: compute },
];
report("code interpreter, resent messages", (await generateText({ ...hosted, prompt: undefined, messages: goingOn })).text);
