/**
 * What a caller probably meant who asked for a URL that is not there: nearly always the base URL is wrong.
 */

/** Endpoints that clients append to their base URL. */
const endpoints: ReadonlyArray<string> = [
  "/chat/completions",
  "/responses",
  "/models",
  "/containers",
  "/conversations",
];

/** Endpoints of other protocols, which clients use that were told to talk to another kind of server. */
const foreign: Readonly<Record<string, string>> = {
  "/api/chat": "This server speaks OpenAI's protocol and not Ollama's: choose an OpenAI connection in the client",
  "/api/tags": "This server speaks OpenAI's protocol and not Ollama's: choose an OpenAI connection in the client",
  "/v1/messages": "This server speaks OpenAI's protocol and not Anthropic's: choose an OpenAI connection in the client",
  "/v1/completions": "Only chat is served: POST /v1/chat/completions",
  "/v1/files": "Files are not kept under /v1/files here: send them in the request, or put them into a container",
  "/v1/embeddings": "Embeddings are not served here",
  "/mcp": "The MCP server is another door, on a port of its own: caisson serve --mcp opens it as well",
};

/** A sentence that leads to the URL that was meant, undefined where nothing suggests itself. */
export const nearestUrl = (path: string): string | undefined => {
  const asked = path.endsWith("/") ? path.slice(0, -1) : path;
  if (Object.hasOwn(foreign, asked)) return foreign[asked];
  const meant = endpoints.find((endpoint) => asked.endsWith(endpoint));
  return meant === undefined || asked === `/v1${meant}`
    ? undefined
    : `Did you mean /v1${meant}? The base URL of a client ends with /v1 and with nothing behind it`;
};
