/** Server-sent events as this server writes them: a pure reader of text that comes in any pieces. */

/** One event: its number, where it has one, and its data. */
export interface Frame {
  readonly id: string | undefined;
  readonly data: string;
}

/** Reads frames out of text; what is not complete waits for the next piece. */
export class FrameReader {
  #rest = "";

  /** The frames that this piece completes, in order. */
  read(piece: string): ReadonlyArray<Frame> {
    const blocks = (this.#rest + piece).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => {
      let id: string | undefined;
      const data: Array<string> = [];
      for (const line of block.split("\n")) {
        if (line.startsWith("data: ")) data.push(line.slice(6));
        else if (line.startsWith("id: ")) id = line.slice(4);
      }
      return data.length === 0 ? [] : [{ id, data: data.join("\n") }];
    });
  }
}
