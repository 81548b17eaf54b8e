import OpenAI from "openai";
import { apiKey, baseURL, clientTool, model, rain, report, threeTools, weather } from "./tasks.ts";

const client = new OpenAI({ baseURL, apiKey });
const ask = (content: string, user: string) => ({ model, user, messages: [{ role: "user" as const, content }] });

const whole = await client.chat.completions.create(ask(threeTools, "create"));
report("three tools, create", whole.choices[0]?.message.content ?? "");

let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...ask(threeTools, "iterate"), stream: true })) {
  streamed += chunk.choices[0]?.delta.content ?? "";
}
report("three tools, stream", streamed);

const helper = client.chat.completions.stream({
  ...ask(threeTools, "helper"),
  stream_options: { include_usage: true },
});
report("three tools, .stream()", (await helper.finalContent()) ?? "");

for (const stream of [false, true] as const) {
  const tools = [{
    type: "function" as const,
    function: { ...weather, parse: (text: string) => JSON.parse(text), function: () => rain },
  }];
  const runner = stream
    ? client.chat.completions.runTools({ ...ask(clientTool, `tools-${stream}`), tools, stream })
    : client.chat.completions.runTools({ ...ask(clientTool, `tools-${stream}`), tools });
  report(`client tool, runTools${stream ? " streaming" : ""}`, (await runner.finalContent()) ?? "");
}
