import { apiKey, baseURL, model, question, recall, remember, report } from "./tasks.ts";

interface Event {
  readonly type: string;
  readonly delta?: string;
  readonly response?: { readonly id: string };
  readonly error?: unknown;
}

const connect = async () => {
  const socket = new WebSocket(`${baseURL.replace("http", "ws")}/responses`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
};

/** Sends one frame and hears what is answered, up to its end or until enough was heard. */
const turn = (socket: WebSocket, frame: unknown, isEnough: (event: Event) => boolean = () => false) =>
  new Promise<{ readonly text: string; readonly id: string; readonly last: Event }>((resolve) => {
    let [text, id] = ["", ""];
    socket.onmessage = ({ data }) => {
      const event: Event = JSON.parse(data);
      text += event.type === "response.output_text.delta" ? event.delta ?? "" : "";
      id = event.response?.id ?? id;
      const ends = ["response.completed", "response.incomplete", "response.failed", "error"].includes(event.type);
      if (ends || isEnough(event)) resolve({ text, id, last: event });
    };
    socket.send(JSON.stringify(frame));
  });
const create = { type: "response.create", model };

const socket = await connect();
report("question, raw frames", (await turn(socket, { ...create, input: question })).text);
const first = await turn(socket, { ...create, input: remember });
await turn(socket, { ...create, input: question }, ({ type }) => type === "response.created");
socket.close();

const again = await connect();
const on = await turn(again, { ...create, input: recall, previous_response_id: first.id });
report("memory, raw frames, cut in a turn and connected anew", on.text);
const lost = await turn(again, { ...create, input: recall, previous_response_id: "resp_none", store: false });
if (!JSON.stringify(lost.last.error).includes("previous_response_not_found")) throw new Error(JSON.stringify(lost));
report("question, raw frames after an error", (await turn(again, { ...create, input: question })).text);
again.close();
