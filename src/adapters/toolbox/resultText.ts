/**
 * From an MCP tool result to what a model reads.
 */
import { Buffer } from "node:buffer";
import { Option, Schema } from "effect";
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/sdk/types";
import { imageFault } from "../../domain/imageFault.ts";
import { shownImageBytesMax, type ToolResult } from "../../domain/Tool.ts";
import { egressFrom, outcomeFrom, refusedFileFrom } from "../../services/toolResultMeta.ts";
import { headOf } from "../../domain/cutText.ts";

/** Characters of a foreign result that a model is given; our own server bounds its output below this. */
const resultCharactersMax = 512 * 1024;

/** Images of a result that a model is shown; further and larger ones are told of in words. */
const imagesMax = 4;

const imageTypes: ReadonlyArray<string> = ["image/png", "image/jpeg", "image/gif", "image/webp"];
const base64CharactersMax = 4 * Math.ceil(shownImageBytesMax / 3);

type ImageBlock = Extract<ContentBlock, { type: "image" }>;

/** Whether a model is shown a block: providers refuse a whole request for one image that is broken. */
const isShown = (block: ContentBlock): block is ImageBlock =>
  block.type === "image" && imageTypes.includes(block.mimeType) && block.data.length <= base64CharactersMax &&
  imageFault(Buffer.from(block.data, "base64")) === undefined;

const blockText = (block: ContentBlock): string => {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio":
      return `[${block.type} ${block.mimeType}, ${block.data.length} base64 characters]`;
    case "resource_link":
      return `[resource ${block.uri}]`;
    case "resource":
      return "text" in block.resource ? block.resource.text : `[resource ${block.resource.uri}]`;
  }
};

const decodeStructured = Schema.decodeUnknownOption(Schema.Record(Schema.String, Schema.Json));

/** Reads a result: texts joined, images kept, other blocks named, the outcome of a command rebuilt when it is ours. */
export const toolResultOf = ({ content, isError, structuredContent, _meta }: CallToolResult): ToolResult => {
  const shown = content.filter(isShown).slice(0, imagesMax);
  const images = shown.map(({ mimeType, data }) => ({ mediaType: mimeType, base64: data }));
  const shownBlocks = new Set<ContentBlock>(shown);
  const text = content.filter((block) => !shownBlocks.has(block)).map(blockText).join("\n");
  const structured = Option.getOrUndefined(decodeStructured(structuredContent));
  const outcome = Option.getOrUndefined(outcomeFrom(_meta, structuredContent));
  const refusedFile = Option.getOrUndefined(refusedFileFrom(_meta));
  const egress = Option.getOrUndefined(egressFrom(_meta));
  return {
    text: text.length <= resultCharactersMax ? text : `${headOf(text, resultCharactersMax)}\n[cut here]`,
    isError: isError ?? false,
    ...(structured !== undefined && { structured }),
    ...(outcome !== undefined && { outcome }),
    ...(refusedFile !== undefined && { refusedFile }),
    ...(egress !== undefined && { egress }),
    ...(images.length > 0 && { images }),
  };
};
