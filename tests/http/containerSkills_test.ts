/**
 * Skills of containers: sent along or named, told to the model, and refused by their fields.
 */
import assert from "node:assert/strict";
import { Effect } from "effect";
import { zipSync } from "fflate";
import * as Scripted from "../../src/adapters/model/Scripted.ts";
import type { ModelRequest } from "../../src/services/Model.ts";
import { type App, type AppOptions, withApp } from "../support/app.ts";
import { fakeSandbox } from "../support/fakeSandbox.ts";

type Json = Record<string, unknown>;

const ask = (app: App, method: string, path: string, body?: unknown) =>
  app.send(
    new Request(`http://caisson.test/v1${path}`, {
      method,
      headers: { "x-user-id": "ada", "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
  );
const read = async (app: App, path: string, body: unknown): Promise<Json> =>
  await (await ask(app, "POST", path, body)).json();

const bytes = (text: string) => new TextEncoder().encode(text);
const zipped = (text: string) =>
  zipSync({ "greet/SKILL.md": bytes(text), "greet/scripts/hello.py": bytes("print('hello')\n") }).toBase64();

const greet = (text = "Say hello.", more: Json = {}) => ({
  type: "inline",
  name: "greet",
  description: "How to\ngreet people.",
  source: { type: "base64", media_type: "application/zip", data: zipped(text) },
  ...more,
});
const plotting = { type: "skill_reference", skill_id: "plotting", version: "latest" };

const skills: NonNullable<AppOptions["skills"]> = {
  catalogue: Effect.succeed({
    skills: [{ name: "plotting", description: "How to plot.", location: "/skills/plotting/SKILL.md" }],
    problems: [],
  }),
  read: () => Effect.succeed("Plot."),
};

/** An application with a skill of its operator's, what its model was asked and what lies in its sandboxes. */
const withSkills = (
  work: (
    app: App,
    seen: ReadonlyArray<ModelRequest>,
    laid: () => ReadonlyArray<readonly [string, string]>,
  ) => Promise<void>,
) => {
  const sandbox = fakeSandbox();
  const seen: Array<ModelRequest> = [];
  const calls = Scripted.calls(Scripted.toolCall("c1", "shell", { commands: ["ls"] }));
  const steps = Array.from({ length: 12 }, (_, index): Scripted.Step => (request) => {
    seen.push(request);
    const step = index % 2 === 0 ? calls : Scripted.answers("ok");
    return typeof step === "function" ? step(request) : step;
  });
  const laid = () =>
    [...sandbox.files].map(([key, content]) =>
      [key.slice(key.indexOf(":/") + 1), new TextDecoder().decode(content)] as const
    );
  return withApp({ sandbox, steps, skills }, (app) => work(app, seen, laid));
};

const folder = "/workspace/.caisson/skills";
const told = (name = "greet") => `- greet: How to greet people. (/mnt/data/.caisson/skills/${name}/SKILL.md)`;
const shell = (wish: Json) => ({ type: "shell", environment: { type: "container_auto", ...wish } });

/** What the model was told of skills, in the first request of each run. */
const linesOf = (seen: ReadonlyArray<ModelRequest>) =>
  seen.filter((_, index) => index % 2 === 0).map(({ system }) =>
    system.split("\n").filter((line) => line.startsWith("- "))
  );

Deno.test("skills of a container are unpacked out of the way of its files, and the model is told of them", () =>
  withSkills(async (app, seen, laid) => {
    const { id } = await read(app, "/containers", { name: "taught", skills: [greet(), plotting] });
    assert.deepEqual(laid(), [
      [`${folder}/greet/SKILL.md`, "Say hello."],
      [`${folder}/greet/scripts/hello.py`, "print('hello')\n"],
    ]);
    const tools = [{ type: "code_interpreter", container: id }, {
      type: "shell",
      environment: { type: "container_reference", container_id: id },
    }];
    const response = await read(app, "/responses", { input: "Greet", tools });
    assert.equal(response["status"], "completed");
    assert.match(seen[0]?.system ?? "", /Skills: when a task fits one, first read its file/);
    assert.deepEqual(linesOf(seen), [[told(), "- plotting: How to plot. (/skills/plotting/SKILL.md)"]]);
  }));

Deno.test("an auto container takes the skills of each request once, and what changed beside what was", () =>
  withSkills(async (app, seen, laid) => {
    let previous: unknown;
    const respond = async (wish: Json) => {
      const tools = [{ type: "code_interpreter", container: { type: "auto" } }, shell(wish)];
      const body = { input: "Greet", tools, ...(previous !== undefined && { previous_response_id: previous }) };
      const response = await read(app, "/responses", body);
      previous = response["id"];
      assert.equal(response["status"], "completed", JSON.stringify(response));
      return response;
    };
    const first = await respond({ skills: [greet()] });
    const { environment } = (first["tools"] as ReadonlyArray<Json>)[1] as { readonly environment: Json };
    const [repeated] = environment["skills"] as [Json];
    assert.deepEqual(repeated, greet("", { source: { type: "base64", media_type: "application/zip", data: "" } }));
    await respond({ skills: [greet()] });
    assert.equal(laid().length, 2, "the same skill is not put there again");
    await respond({});
    await respond({ skills: [greet("Say good day.")] });
    const last = linesOf(seen);
    assert.deepEqual(last.slice(0, 3), [[told()], [told()], [told()]]);
    const name = /skills\/(greet-[0-9a-f]{8})\//.exec(last[3]?.[0] ?? "")?.[1];
    assert.deepEqual(last[3], [told(name)]);
    assert.deepEqual(laid().slice(2), [
      [`${folder}/${name}/SKILL.md`, "Say good day."],
      [`${folder}/${name}/scripts/hello.py`, "print('hello')\n"],
    ]);
  }));

Deno.test("tools that share a container are asked together, and may not wish for different things", () =>
  withSkills(async (app, seen, laid) => {
    const other = { type: "code_interpreter", container: { type: "auto", memory_limit: "1g" } };
    await read(app, "/responses", { input: "Greet", tools: [other, shell({ skills: [greet()] })] });
    assert.equal(laid().length, 2);
    assert.deepEqual(linesOf(seen), [[told()]]);
    const refused = await ask(app, "POST", "/responses", {
      input: "Greet",
      tools: [
        { type: "code_interpreter", container: { type: "auto", skills: [plotting] } },
        shell({ skills: [greet()] }),
      ],
    });
    assert.deepEqual([refused.status, (await refused.json()).error.param], [400, "tools[1].environment.skills"]);
  }));

Deno.test("skills that are malformed, unknown or beyond the bounds are refused by their field, and leave nothing", () =>
  withSkills(async (app, _seen, laid) => {
    const refused = async (skills: unknown) => {
      const response = await ask(app, "POST", "/containers", { name: "n", skills });
      assert.equal(response.status, 400);
      return (await response.json()).error;
    };
    const param = async (...skills: ReadonlyArray<unknown>) => (await refused(skills)).param;
    const source = (more: Json) => ({ source: { ...greet().source, ...more } });
    assert.equal(await param({ type: "other" }), "skills[0].type");
    assert.equal(await param(plotting, { type: "skill_reference" }), "skills[1].skill_id");
    assert.equal(await param({ ...plotting, version: "2" }), "skills[0].version");
    const { message, code } = await refused([{ type: "skill_reference", skill_id: "dancing" }]);
    assert.deepEqual([message.slice(0, 37), code], ["Skill with id 'dancing' not found: ex", "skill_not_found"]);
    for (const name of ["", ".", "../x", "a/b", "a\n", "x".repeat(65), 1]) {
      assert.equal(await param(greet("", { name })), "skills[0].name", String(name));
    }
    assert.equal(await param(greet("", { description: "" })), "skills[0].description");
    assert.equal(await param(greet("", { description: "x".repeat(1_025) })), "skills[0].description");
    assert.equal(await param(greet("", source({ type: "url" }))), "skills[0].source.type");
    assert.equal(await param(greet("", source({ media_type: "text/plain" }))), "skills[0].source.media_type");
    assert.equal(await param(greet("", source({ data: 1 }))), "skills[0].source.data");
    assert.equal(await param(greet("", source({ data: "%" }))), "skills[0].source.data");
    assert.equal(await param(greet("", source({ data: btoa("no archive") }))), "skills[0].source.data");
    const outside = zipSync({ "SKILL.md": bytes("x"), "../../x": bytes("x") }).toBase64();
    assert.match(
      (await refused([greet("", source({ data: outside }))])).message,
      /'greet' is refused\. '\.\.\/\.\.\/x' is no/,
    );
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`f${index}`, new Uint8Array()]));
    const crowd = source({ data: zipSync({ "SKILL.md": bytes("x"), ...many }).toBase64() });
    assert.equal(await param(greet("", crowd), greet("", { ...crowd, name: "b" })), "skills[1].source.data");
    assert.equal(await param(greet(), greet()), "skills[1]");
    assert.equal(await param(...Array(21).fill(plotting)), "skills");
    assert.deepEqual(laid(), []);
    const listed = await (await ask(app, "GET", "/containers")).json();
    assert.deepEqual(listed.data, []);
  }));
