/**
 * HTML as Markdown for a reader who wants the words: one pass, linear in the page, whatever the page is.
 */

/** A page as text. */
export interface Text {
  readonly title: string | undefined;
  readonly text: string;
}

/** Elements whose content is not for readers. */
const silent = new Set(["script", "style", "noscript", "template", "svg", "iframe", "object"]);
/** Elements before and after which there is an empty line. */
const blocks = new Set(
  ("address article aside blockquote details div dl fieldset figure footer form header hr main nav ol p pre section " +
    "table ul").split(" "),
);
/** Elements that begin a line. */
const lineStarts = new Set(["br", "dt", "dd", "tr", "li", "option", "summary", "figcaption", "caption"]);
const marks: Readonly<Record<string, string>> = { b: "**", strong: "**", em: "*", i: "*", code: "`" };
const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  ndash: "–",
  mdash: "—",
  hellip: "…",
  copy: "©",
  laquo: "«",
  raquo: "»",
};
/** Characters of an entity between `&` and `;`. */
const entityMax = 10;
const codePointMax = 0x10ffff;

const entityOf = (name: string): string | undefined => {
  if (!name.startsWith("#")) return entities[name];
  const hex = name[1] === "x" || name[1] === "X";
  const code = hex ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
  return code > 0 && code <= codePointMax && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : undefined;
};

const decoded = (text: string): string => {
  let all = "";
  let at = 0;
  for (let found = text.indexOf("&"); found >= 0; found = text.indexOf("&", at)) {
    const name = text.slice(found + 1, found + 2 + entityMax);
    const end = name.indexOf(";");
    const meant = end < 0 ? undefined : entityOf(name.slice(0, end));
    all += text.slice(at, found) + (meant ?? "&");
    at = found + (meant === undefined ? 1 : end + 2);
  }
  return all + text.slice(at);
};

/** The value of an attribute in the inside of a tag. */
const attribute = (tag: string, name: string): string | undefined => {
  const at = tag.toLowerCase().indexOf(`${name}=`);
  if (at < 0) return undefined;
  const rest = tag.slice(at + name.length + 1);
  const quote = rest[0] === '"' || rest[0] === "'" ? rest[0] : undefined;
  const end = quote === undefined ? rest.search(/\s/) : rest.indexOf(quote, 1);
  return decoded(rest.slice(quote === undefined ? 0 : 1, end < 0 ? rest.length : end));
};

/** Collects words, and puts lines between them where elements do. */
class Writer {
  private readonly parts: Array<string> = [];
  private breaks = 0;
  private pending = "";
  private readonly links: Array<string | undefined> = [];
  private depth = 0;
  private verbatim = 0;
  title: string | undefined;

  constructor(private readonly base: string) {}

  words(text: string): void {
    if (this.verbatim > 0) return this.put(decoded(text));
    const collapsed = decoded(text).replace(/\s+/g, " ");
    const words = this.breaks > 0 ? collapsed.trimStart() : collapsed;
    if (words !== "") this.put(words);
  }

  open(name: string, tag: string): void {
    if (/^h[1-6]$/.test(name)) {
      this.line(2);
      this.pending = `${"#".repeat(Number(name[1]))} `;
    } else if (name === "ul" || name === "ol") {
      this.depth += 1;
      this.line(this.depth > 1 ? 1 : 2);
    } else if (name === "li") {
      this.line(1);
      this.pending = `${"  ".repeat(Math.min(8, Math.max(0, this.depth - 1)))}- `;
    } else if (name === "pre") {
      this.line(2);
      this.put("```\n");
      this.verbatim += 1;
    } else if (name === "td" || name === "th") this.put(" | ");
    else if (name === "a") this.link(attribute(tag, "href"));
    else if (name === "img") this.words(` ${attribute(tag, "alt") ?? ""} `);
    else if (name === "hr") this.rule();
    else if (blocks.has(name)) this.line(2);
    else if (lineStarts.has(name)) this.line(1);
    else this.mark(name);
  }

  close(name: string): void {
    if (name === "ul" || name === "ol") {
      this.depth = Math.max(0, this.depth - 1);
      this.line(this.depth > 0 ? 1 : 2);
    } else if (name === "pre" && this.verbatim > 0) {
      this.verbatim -= 1;
      this.put("\n```");
      this.line(2);
    } else if (name === "a") {
      const to = this.links.pop();
      if (to !== undefined) this.put(`](${to})`);
    } else if (/^h[1-6]$/.test(name) || blocks.has(name)) this.line(2);
    else this.mark(name);
  }

  get text(): string {
    return this.parts.join("").trim();
  }

  private mark(name: string): void {
    const mark = this.verbatim > 0 ? undefined : marks[name];
    if (mark !== undefined) this.put(mark);
  }

  private rule(): void {
    this.line(2);
    this.put("---");
    this.line(2);
  }

  private link(href: string | undefined): void {
    const to = href !== undefined && URL.canParse(href, this.base) ? new URL(href, this.base).href : undefined;
    const shown = to !== undefined && /^https?:/.test(to) ? to : undefined;
    this.links.push(shown);
    if (shown !== undefined) this.put("[");
  }

  private line(count: number): void {
    this.breaks = Math.max(this.breaks, count);
  }

  private put(text: string): void {
    if (this.parts.length > 0 && this.breaks > 0) this.parts.push("\n".repeat(this.breaks));
    this.breaks = 0;
    this.parts.push(this.pending, text);
    this.pending = "";
  }
}

/** Nesting of links that is remembered: real pages have none. */
const tagNameMax = 30;

/** The words of a page in HTML; `base` is where its links begin. */
export const markdownOf = (html: string, base: string): Text => {
  const lower = html.toLowerCase();
  const writer = new Writer(base);
  let title: string | undefined;
  for (let at = 0; at < html.length;) {
    const open = html.indexOf("<", at);
    if (open < 0) {
      writer.words(html.slice(at));
      break;
    }
    if (open > at) writer.words(html.slice(at, open));
    const isComment = html.startsWith("<!--", open);
    const end = html.indexOf(isComment ? "-->" : ">", open + 1);
    if (end < 0) {
      if (!isComment) writer.words(html.slice(open));
      break;
    }
    at = end + (isComment ? 3 : 1);
    if (isComment) continue;
    const tag = html.slice(open + 1, end);
    const name = /^\/?([a-z][a-z0-9]*)/.exec(tag.slice(0, tagNameMax).toLowerCase())?.[1];
    if (name === undefined) {
      if (!/^[!?/]/.test(tag)) {
        writer.words("<");
        at = open + 1;
      }
      continue;
    }
    if (tag.startsWith("/")) writer.close(name);
    else if (silent.has(name) || name === "title") {
      const close = lower.indexOf(`</${name}`, at);
      if (name === "title") title ??= decoded(html.slice(at, close < 0 ? at : close)).replace(/\s+/g, " ").trim();
      if (close < 0 && name !== "title") break;
      at = close < 0 ? at : close;
    } else writer.open(name, tag);
  }
  return { title: title === "" ? undefined : title, text: writer.text };
};
