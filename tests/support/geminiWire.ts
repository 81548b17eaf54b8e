/**
 * Gemini's wire format as builders: chunks of `streamGenerateContent?alt=sse` and its error bodies.
 */
import { type Reply, sse } from "./wireServer.ts";

type Json = Record<string, unknown>;

export const text = (value: string, more: Json = {}): Json => ({ text: value, ...more });
export const thought = (value: string, more: Json = {}): Json => ({ text: value, thought: true, ...more });
export const functionCall = (
  name: string,
  args: Json,
  more: { id?: string; thoughtSignature?: string } = {},
): Json => ({
  functionCall: { ...(more.id === undefined ? {} : { id: more.id }), name, args },
  ...(more.thoughtSignature === undefined ? {} : { thoughtSignature: more.thoughtSignature }),
});

/** One chunk with some parts. */
export const chunk = (...parts: ReadonlyArray<Json>): Json => ({
  candidates: [{ content: { role: "model", parts }, index: 0 }],
  modelVersion: "gemini-test",
});

/** The last chunk of a turn. */
export const finish = (finishReason = "STOP", usageMetadata: Json = usage): Json => ({
  candidates: [{ content: { role: "model" }, finishReason, index: 0 }],
  usageMetadata,
});

export const usage: Json = {
  promptTokenCount: 20,
  cachedContentTokenCount: 5,
  candidatesTokenCount: 7,
  thoughtsTokenCount: 3,
  totalTokenCount: 30,
};

/** A streamed turn. */
export const turn = (...chunks: ReadonlyArray<Json>): Reply => ({ body: sse(chunks, "\r\n") });

/** An error in Google's envelope. */
export const errorBody = (code: number, status: string, message: string, details: ReadonlyArray<Json> = []): Json => ({
  error: { code, message, status, details },
});

/** An HTTP error reply. */
export const failure = (code: number, status: string, message: string, details: ReadonlyArray<Json> = []): Reply => ({
  status: code,
  headers: { "content-type": "application/json; charset=UTF-8" },
  body: [JSON.stringify(errorBody(code, status, message, details))],
});

export const retryInfo = (retryDelay: string): Json => ({
  "@type": "type.googleapis.com/google.rpc.RetryInfo",
  retryDelay,
});
