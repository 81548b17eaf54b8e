/** Code in its colours: a tree of tokens becomes elements, never HTML text. */
import bash from "npm:highlight.js@11.11.2/lib/languages/bash";
import css from "npm:highlight.js@11.11.2/lib/languages/css";
import diff from "npm:highlight.js@11.11.2/lib/languages/diff";
import json from "npm:highlight.js@11.11.2/lib/languages/json";
import python from "npm:highlight.js@11.11.2/lib/languages/python";
import sql from "npm:highlight.js@11.11.2/lib/languages/sql";
import typescript from "npm:highlight.js@11.11.2/lib/languages/typescript";
import xml from "npm:highlight.js@11.11.2/lib/languages/xml";
import yaml from "npm:highlight.js@11.11.2/lib/languages/yaml";
import { createLowlight } from "npm:lowlight@3.3.0";
import type { ComponentChildren } from "npm:preact@11.2.0";
import { memo } from "npm:preact@11.2.0/compat";
import { useMemo } from "npm:preact@11.2.0/hooks";

const colours = createLowlight({ bash, css, diff, json, python, sql, typescript, xml, yaml });
colours.registerAlias({
  bash: ["sh", "shell", "console"],
  // The grammar of TypeScript has that of JavaScript in it.
  typescript: ["ts", "tsx", "javascript", "js", "jsx", "mjs"],
  python: ["py"],
  xml: ["html", "svg"],
  yaml: ["yml"],
});

/** Characters that are coloured; longer text stays plain, because colouring reads it whole on every change. */
const colouredCharactersMax = 20_000;

type Nodes = ReturnType<typeof colours.highlight>["children"];

const elements = (nodes: Nodes): ComponentChildren =>
  nodes.map((node, index) => {
    if (node.type === "text") return node.value;
    if (node.type !== "element") return null;
    const names = node.properties["className"];
    return <span key={index} class={Array.isArray(names) ? names.join(" ") : ""}>{elements(node.children)}</span>;
  });

/** Code; what is long or of no known language stays plain. */
export const Code = memo(({ text, language }: { readonly text: string; readonly language: string }) => {
  const shown = useMemo(
    () =>
      text.length <= colouredCharactersMax && colours.registered(language)
        ? elements(colours.highlight(language, text).children)
        : text,
    [text, language],
  );
  return <code>{shown}</code>;
});
