/**
 * The tasks of the clients, and how a client reports what it got.
 */

/** Where the server is, with its `/v1`. */
export const baseURL = `${Deno.env.get("BASE_URL")}/v1`;
export const apiKey = "compat-key-0123456789abcdef";
export const model = "gpt-4o-mini";

/** The server runs three tools of its own in three model turns. */
export const threeTools = "Use three tools, then say so.";
/** The client's own tool is asked, between the server's. */
export const clientTool = "Ask your own tool for the weather in Oslo.";

/** Asked over the Responses API: something, and then what was said before. */
export const question = "Say hello.";
export const remember = "Remember blue.";
export const recall = "What did I say?";

/** Python in a container of the server's computes the answer. */
export const compute = "Use the python tool to add up the numbers.";
export const useShell = "Use the shell to multiply.";

export const weather = {
  name: "get_weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
export const rain = "rain";

/** Reports the text of one case to the suite. */
export const report = (name: string, text: string): void => console.log(JSON.stringify({ case: name, text }));
