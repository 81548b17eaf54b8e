/** Markdown to elements, never to HTML text: nothing on this page can turn words into markup. */
import { lexer, type Token, type Tokens } from "npm:marked@18.2.1";
import type { ComponentChildren, VNode } from "npm:preact@11.2.0";
import { memo } from "npm:preact@11.2.0/compat";
import { Copy } from "../parts/Copy.tsx";
import { Code } from "./Code.tsx";
import { cut } from "./cut.ts";

/** Characters of one part that are read as Markdown; a longer one is shown as it is. */
const partCharactersMax = 40_000;

/** Levels of quotes and lists that are shown as such. */
const depthMax = 12;

const safeLink = (href: string): string | undefined =>
  /^(?:https?:|mailto:)/i.test(href) || href.startsWith("/v1/artifacts/") ? href : undefined;

const ownImage = (href: string): string | undefined => {
  try {
    const url = new URL(href, location.origin);
    return url.pathname.startsWith("/v1/artifacts/") ? url.pathname + url.search : undefined;
  } catch {
    return undefined;
  }
};

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
const plain = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (whole, name: string) => entities[name] ?? whole);

const inline = (tokens: ReadonlyArray<Token> | undefined, depth: number): ComponentChildren => {
  if (depth > depthMax) return (tokens ?? []).map(({ raw }) => raw);
  return (tokens ?? []).map((token) => inlineOne(token, depth + 1));
};

const inlineOne = (token: Token, depth: number): ComponentChildren => {
  const inner = "tokens" in token ? token.tokens : undefined;
  switch (token.type) {
    case "strong":
      return <strong>{inline(inner, depth)}</strong>;
    case "em":
      return <em>{inline(inner, depth)}</em>;
    case "del":
      return <del>{inline(inner, depth)}</del>;
    case "codespan":
      return <code class="inline">{plain(token.text)}</code>;
    case "br":
      return <br />;
    case "link": {
      const href = safeLink(token.href);
      return href === undefined
        ? <span>{inline(inner, depth)}</span>
        : <a href={href} target="_blank" rel="noopener noreferrer">{inline(inner, depth)}</a>;
    }
    case "image": {
      // A picture from elsewhere would tell its server who reads: only our own are shown.
      const source = ownImage(token.href);
      return source === undefined ? <span>{token.text}</span> : <img src={source} alt={token.text} loading="lazy" />;
    }
    case "text":
    case "escape":
      return inner === undefined ? plain(token.text) : inline(inner, depth);
    case "checkbox":
      return null;
    default:
      return token.raw;
  }
};

const CodeBlock = ({ text, language }: { readonly text: string; readonly language: string }) => (
  <figure class="code">
    <figcaption>
      <span>{language === "" ? "text" : language}</span>
      <Copy text={text} />
    </figcaption>
    <pre tabIndex={0}><Code text={text} language={language} /></pre>
  </figure>
);

const Table = ({ table, depth }: { readonly table: Tokens.Table; readonly depth: number }) => (
  <div class="table" tabIndex={0}>
    <table dir="auto">
      <thead>
        <tr>
          {table.header.map((cell, index) => <th key={index} class={cell.align ?? ""}>{inline(cell.tokens, depth)}
          </th>)}
        </tr>
      </thead>
      <tbody>
        {table.rows.map((row, index) => (
          <tr key={index}>
            {row.map((cell, at) => <td key={at} class={cell.align ?? ""}>{inline(cell.tokens, depth)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

const List = ({ list, depth }: { readonly list: Tokens.List; readonly depth: number }) => {
  const items = list.items.map((item, index) => (
    <li key={index}>
      {item.task && (item.checked ? "☑ " : "☐ ")}
      {item.tokens.map((token) => token.type === "text" ? inline(token.tokens ?? [token], depth) : block(token, depth))}
    </li>
  ));
  return list.ordered
    ? <ol dir="auto" start={list.start === "" ? 1 : list.start}>{items}</ol>
    : <ul dir="auto">{items}</ul>;
};

const headings = ["h2", "h3", "h4", "h5", "h6"] as const;

const block = (token: Token, depth: number): VNode | string | null => {
  if (depth > depthMax) return token.raw;
  const inner = "tokens" in token ? token.tokens : undefined;
  switch (token.type) {
    case "space":
    case "def":
    // The list has drawn it.
    case "checkbox":
      return null;
    case "heading": {
      const Tag = headings[Math.min(headings.length, token.depth) - 1] ?? "h6";
      return <Tag>{inline(inner, depth)}</Tag>;
    }
    case "paragraph":
      return <p>{inline(inner, depth)}</p>;
    case "code":
      return <CodeBlock text={token.text} language={String(token.lang ?? "").split(" ")[0] ?? ""} />;
    case "blockquote":
      return <blockquote dir="auto">{(inner ?? []).map((each) => block(each, depth + 1))}</blockquote>;
    case "hr":
      return <hr />;
    case "list":
      return <List list={token as Tokens.List} depth={depth + 1} />;
    case "table":
      return <Table table={token as Tokens.Table} depth={depth + 1} />;
    default:
      return <p>{inner === undefined ? token.raw : inline(inner, depth)}</p>;
  }
};

const Part = memo(({ text }: { readonly text: string }) => {
  if (text.length > partCharactersMax) return <pre class="long" tabIndex={0}>{text}</pre>;
  return <>{lexer(text).map((token) => block(token, 0))}</>;
});

/** Text that may still be growing: only its last part is read again. */
export const Markdown = ({ text }: { readonly text: string }) => (
  <div class="markdown" dir="auto">{cut(text).map((part, index) => <Part key={index} text={part} />)}</div>
);
