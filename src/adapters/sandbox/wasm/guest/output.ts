/**
 * Keeps the head and the tail of a long output and saves the whole of it in the workspace.
 */
import { outputFolder } from "./files.ts";
import { hostPath, type Mount } from "./paths.ts";

/** Saved outputs of a workspace; the oldest goes when another comes. */
const savedMax = 16;

const encoder = new TextEncoder();

/** A text cut to a number of bytes, head and tail kept. */
export interface Kept {
  readonly text: string;
  readonly bytes: number;
  readonly truncated: boolean;
}

/** Cuts a text to `most` bytes of UTF-8: the first half and the last half, whole characters only. */
export const keepEnds = (text: string, most: number): Kept => {
  const bytes = encoder.encode(text);
  if (bytes.length <= most) return { text, bytes: bytes.length, truncated: false };
  const half = Math.floor(most / 2);
  let head = half;
  while (head > 0 && isContinuation(bytes[head])) head--;
  let tail = bytes.length - half;
  while (tail < bytes.length && isContinuation(bytes[tail])) tail++;
  const decoder = new TextDecoder();
  const omitted = `\n[… ${tail - head} bytes left out …]\n`;
  return {
    text: decoder.decode(bytes.subarray(0, head)) + omitted + decoder.decode(bytes.subarray(tail)),
    bytes: bytes.length,
    truncated: true,
  };
};

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Saves a text as a new file of the workspace and returns its path inside, or nothing when it cannot. */
export const saveOutput = async (mounts: ReadonlyArray<Mount>, text: string): Promise<string | undefined> => {
  const folder = `/workspace/${outputFolder}/output`;
  const host = hostPath(mounts, folder, true);
  try {
    await Deno.mkdir(host, { recursive: true });
    const saved: Array<{ readonly name: string; readonly at: number }> = [];
    for await (const { name } of Deno.readDir(host)) {
      saved.push({ name, at: (await Deno.lstat(`${host}/${name}`)).mtime?.getTime() ?? 0 });
    }
    for (const { name } of saved.toSorted((a, b) => b.at - a.at).slice(savedMax - 1)) {
      await Deno.remove(`${host}/${name}`);
    }
    const name = `${crypto.randomUUID()}.txt`;
    await Deno.writeTextFile(`${host}/${name}`, text, { createNew: true });
    return `${folder}/${name}`;
  } catch {
    // The disk is full or the program broke the folder: the outcome then names no file.
    return undefined;
  }
};
