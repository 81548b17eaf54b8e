/**
 * How many tokens a text, a message or a tool is likely to have.
 *
 * There is no tokenizer for every model; an estimate is on the cautious side, because one too high trims early while
 * one too low is a provider's refusal.
 */
import { Buffer } from "node:buffer";
import type { Message } from "./Message.ts";
import type { ToolDeclaration } from "./Tool.ts";

/** UTF-8 bytes of one token: English text has 4 to 5, code and numbers 3. */
const bytesPerToken = 3.5;
/** What providers charge for an image of about a megapixel, the largest they do not scale down. */
const tokensPerImage = 1600;
/** Role, separators and ids of a message or a call. */
const tokensPerFrame = 8;

/** Estimates the tokens of a text. */
export const textTokens = (text: string): number => Buffer.byteLength(text) / bytesPerToken;

/** What was counted of tools; those of this server are the same in every turn. */
const counted = new WeakMap<ToolDeclaration, number>();

const tokensOfTool = (tool: ToolDeclaration): number => {
  const known = counted.get(tool);
  if (known !== undefined) return known;
  const tokens = textTokens(`${JSON.stringify(tool)},`);
  counted.set(tool, tokens);
  return tokens;
};

/** Estimates the tokens of tools as they are declared to a model. */
export const toolTokens = (tools: ReadonlyArray<ToolDeclaration>): number =>
  tools.reduce((sum, tool) => sum + tokensOfTool(tool), 0);

/** Estimates the tokens of a message. */
export const messageTokens = (message: Message): number => {
  if (message.role === "tool") {
    return tokensPerFrame + textTokens(message.content) + (message.images?.length ?? 0) * tokensPerImage;
  }
  let tokens = tokensPerFrame;
  for (const part of message.parts) {
    switch (part._tag) {
      case "Text":
      case "Reasoning":
        tokens += textTokens(part.text);
        break;
      case "Image":
        tokens += tokensPerImage;
        break;
      case "ToolCall":
        tokens += tokensPerFrame + textTokens(part.call.name) + textTokens(part.call.argumentsJson);
    }
  }
  return tokens;
};
