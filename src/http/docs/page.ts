/**
 * The reference page at `/docs`: the OpenAPI document as plain HTML.
 *
 * No script, no font, no request to anywhere: what a reader does here is known to nobody.
 */
import { shellQuoted } from "../../domain/shellQuoted.ts";
import { createHash } from "node:crypto";
import { type Document, document, type Operation } from "./document.ts";

const style = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: light-dark(#0b57d0, #8ab4f8); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
h1 { margin-bottom: 0 } h2 { margin-top: 3rem } a { color: var(--accent) }
nav ul { list-style: none; padding: 0 } nav li { margin: .2rem 0 }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0; padding: .5rem 1rem }
summary { cursor: pointer } summary span { opacity: .75 }
code, pre { font: .9em/1.5 ui-monospace, monospace } pre { background: var(--soft); padding: .75rem; overflow-x: auto }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
tr + tr td { border-top: 1px solid var(--line) }
.method { display: inline-block; min-width: 4rem; font-weight: 600 } .key { font-size: .85em; opacity: .75 }
`;

/** What the page may load and do: its own style, and nothing else. */
export const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${
  createHash("sha256").update(style).digest("base64")
}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);

/** Descriptions hold code between backticks, as Markdown has it. */
const prose = (text: string): string =>
  escape(text).split("`").map((part, index) => index % 2 === 1 ? `<code>${part}</code>` : part).join("");

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  rows.length === 0
    ? ""
    : `<table><tr>${head.map((cell) => `<th>${cell}</th>`).join("")}</tr>${
      rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("")
    }</table>`;

/** Whether an operation can be asked for without a credential of the server. */
const isOpen = ({ security }: Operation): boolean => security.length === 0;

/** What nobody can do for a user who is gone with the request. */
const ofNamedUsers: ReadonlySet<string> = new Set(["runs.createPreview"]);

/** A command that does what the operation does; upper-case words of its path stand for what the reader has. */
export const sample = (base: string, path: string, method: string, operation: Operation): string => {
  const url = `${base}${path.split(/[{}]/).map((part, index) => index % 2 === 1 ? part.toUpperCase() : part).join("")}`;
  const json = operation.requestBody?.content["application/json"]?.example;
  const form = operation.requestBody?.content["multipart/form-data"];
  const isForm = form !== undefined;
  const fields = typeof form?.example === "object" && form.example !== null ? Object.entries(form.example) : [];
  return [
    `curl ${shellQuoted(isForm || ofNamedUsers.has(operation.operationId) ? `${url}?user=ada` : url)}`,
    // curl asks with GET, and with POST when there is something to send.
    ...(method === "DELETE" || (method === "POST" && json === undefined && !isForm) ? [`-X ${method}`] : []),
    ...(isOpen(operation) ? [] : [`-H "Authorization: Bearer $CAISSON_API_KEY"`]),
    ...(json === undefined ? [] : [`-H 'content-type: application/json'`, `-d ${shellQuoted(JSON.stringify(json))}`]),
    ...fields.map(([name, value]) => `-F ${name}=${value}`),
    ...(isForm ? ["-F file=@sales.csv"] : []),
  ].join(" \\\n  ");
};

const idOf = (operation: Operation): string => escape(operation.operationId.replaceAll(".", "-"));

const title = (path: string, method: string): string =>
  `<span class="method">${escape(method)}</span> <code>${escape(path)}</code>`;

const shown = (base: string, path: string, method: string, operation: Operation): string =>
  `<details id="${idOf(operation)}"><summary>${title(path, method)} <span>${prose(operation.summary)}</span></summary>
${operation.description === undefined ? "" : `<p>${prose(operation.description)}</p>`}
<p class="key">${isOpen(operation) ? "Needs no key." : "Needs a key where the server has keys."}</p>
<pre>${escape(sample(base, path, method, operation))}</pre>
${
    table(
      ["Parameter", "In", "What it is"],
      operation.parameters.map(({ name, in: place, description, schema }) => [
        `<code>${escape(name)}</code>`,
        escape(place),
        prose(description ?? schema?.description ?? ""),
      ]),
    )
  }
${
    table(
      ["Status", "When"],
      Object.entries(operation.responses).map(([status, { description }]) => [escape(status), prose(description)]),
    )
  }</details>`;

const operationsOf = ({ paths }: Document, tag: string) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.tags.includes(tag))
      .map(([method, operation]) => ({ path, method: method.toUpperCase(), operation }))
  );

/** The page, with samples that ask the server at `base`. */
export const renderPage = (base: string): string => {
  const { info, tags } = document;
  const groups = tags.map((tag) => ({ ...tag, operations: operationsOf(document, tag.name) }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(info.title)} API</title><style>${style}</style></head><body>
<h1>${escape(info.title)} API <small>${escape(info.version)}</small></h1>
<p>${prose(info.description)} Machines read <a href="/openapi.json">/openapi.json</a>.</p>
<p>Any OpenAI client works: its base URL is <code>${escape(base)}/v1</code>.</p>
<nav><ul>${
    groups.flatMap(({ operations }) =>
      operations.map(({ path, method, operation }) =>
        `<li><a href="#${idOf(operation)}">${title(path, method)}</a> ${prose(operation.summary)}</li>`
      )
    ).join("")
  }</ul></nav>
${
    groups.map(({ name, description = "", operations }) =>
      `<section><h2>${escape(name)}</h2><p>${prose(description)}</p>${
        operations.map(({ path, method, operation }) => shown(base, path, method, operation)).join("\n")
      }</section>`
    ).join("\n")
  }
</body></html>
`;
};
