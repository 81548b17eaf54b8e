/**
 * Which of a client's functions the offline model calls by itself.
 */
import assert from "node:assert/strict";
import { offeredCall } from "../../../../../src/adapters/model/offline/offered.ts";
import type { ToolDeclaration } from "../../../../../src/domain/Tool.ts";

const tool = (name: string, properties: Record<string, unknown>, required = Object.keys(properties)) =>
  ({ name, description: "", parameters: { type: "object", properties, required } }) as ToolDeclaration;

const text = { type: "string" };
const weather = tool("get_weather", { location: text });
const units = tool("getWeatherForecast", { city: text, unit: { type: "string", enum: ["celsius", "fahrenheit"] } }, [
  "city",
]);
const add = tool("add_numbers", { a: { type: "number" }, b: { type: "number" } });
const time = tool("get_time", {});
const mail = tool("send_mail", { to: text, body: text });

const table: ReadonlyArray<readonly [string, ReadonlyArray<ToolDeclaration>, string, unknown]> = [
  ["What's the weather like in San Francisco?", [weather, time], "get_weather", { location: "San Francisco" }],
  ["Ask your own tool for the weather in Oslo.", [weather], "get_weather", { location: "Oslo" }],
  ["In Oslo, how is the weather?", [weather], "get_weather", { location: "Oslo" }],
  ['The weather of "Rio de Janeiro", please', [weather], "get_weather", { location: "Rio de Janeiro" }],
  ["weather forecast for Rome today in celsius", [units], "getWeatherForecast", {
    city: "Rome today in celsius",
    unit: "celsius",
  }],
  ["Add the numbers 3 and 4.5", [add], "add_numbers", { a: 3, b: 4.5 }],
  ["What time is it?", [weather, time], "get_time", {}],
  ["How is the weather?", [weather], "", undefined],
  ["Add numbers", [add], "", undefined],
  ["Send a mail to Ada", [mail], "", undefined],
  ["Whatever the whether", [weather], "", undefined],
  ["the weather in Rome", [weather, tool("check_weather", { city: text })], "", undefined],
];

for (const [message, tools, name, args] of table) {
  Deno.test(`the offline model calls ${name || "nothing"} for: ${message}`, () => {
    const step = offeredCall(message, tools);
    if (name === "") return assert.equal(step, undefined);
    assert.ok(step?._tag === "Named");
    assert.equal(step.tool, name);
    assert.deepEqual(JSON.parse(step.argumentsJson), args);
  });
}
