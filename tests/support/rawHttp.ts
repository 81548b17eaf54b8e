/**
 * Requests as bytes: what no client would send.
 */

/** A connection to a server, and everything that came over it. */
export interface RawConnection {
  readonly write: (text: string) => Promise<void>;
  /** What the server said, when it has closed the connection. */
  readonly said: Promise<string>;
  readonly close: () => void;
}

/** Connects to the address of a server. */
export const connectRaw = async (base: string): Promise<RawConnection> => {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(base).port) });
  const read = async () => {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(16_384);
    let text = "";
    try {
      for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
        text += decoder.decode(buffer.subarray(0, count), { stream: true });
      }
    } catch {
      // It was cut: what came before is what was said.
    }
    return text;
  };
  const said = read();
  return {
    said,
    write: async (text) => {
      const bytes = new TextEncoder().encode(text);
      try {
        for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      } catch {
        // The server closed the connection, which what it said tells.
      }
    },
    close: () => {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
    },
  };
};

/** Sends bytes, and gives what the server says until it closes the connection. */
export const sendRaw = async (base: string, text: string): Promise<string> => {
  const connection = await connectRaw(base);
  try {
    await connection.write(text);
    return await connection.said;
  } finally {
    connection.close();
  }
};

/** An answer taken apart. */
export const answerIn = (said: string) => {
  const end = said.indexOf("\r\n\r\n");
  const [first = "", ...lines] = said.slice(0, end).split("\r\n");
  return {
    status: Number(first.split(" ")[1]),
    headers: new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    })),
    body: said.slice(end + 4),
  };
};
