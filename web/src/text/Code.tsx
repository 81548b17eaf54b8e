/** Code in its colours: a tree of tokens becomes elements, never HTML text. */
import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";
import type { ComponentChildren } from "preact";
import { memo } from "preact/compat";
import { useMemo } from "preact/hooks";

const colours = createLowlight({ bash, css, diff, javascript, json, python, sql, typescript, xml, yaml });
colours.registerAlias({
  bash: ["sh", "shell", "console"],
  javascript: ["js", "jsx", "mjs"],
  typescript: ["ts", "tsx"],
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
