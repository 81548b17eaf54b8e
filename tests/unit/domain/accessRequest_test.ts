/** Hosts that a model asks a person for: how they are spelt, which may be asked for, and what the rules say of the call. */
import assert from "node:assert/strict";
import { egressRows } from "../../../src/config/egress.ts";
import {
  accessRule,
  type AccessSettings,
  accessTarget,
  accessTo,
  requestAccess,
} from "../../../src/domain/accessRequest.ts";
import { hostPatternText } from "../../../src/domain/HostPattern.ts";
import { judge, policyOf, type PolicySettings } from "../../../src/domain/toolPolicy.ts";
import { parseToolRules } from "../../../src/domain/ToolRule.ts";

const parsed = <A>(
  row: { readonly parse: (text: string) => { readonly _tag: string; readonly value?: A } },
  text: string,
) => {
  const { value } = row.parse(text);
  return value ?? assert.fail(text);
};

const settings = (
  written: { allow?: string; ask?: string; deny?: string; egress?: "allowlist" | "open" },
): AccessSettings => ({
  egress: written.egress ?? "allowlist",
  egressAllow: parsed(egressRows.egressAllow, written.allow ?? ""),
  egressAsk: parsed(egressRows.egressAsk, written.ask ?? ""),
  egressDeny: parsed(egressRows.egressDeny, written.deny ?? ""),
  egressSecrets: [{ domain: "secret.ask.example" }],
});

const asks = (host: unknown, more: Record<string, unknown> = {}) =>
  JSON.stringify({ host, reason: "to test", ...more });

const readings: ReadonlyArray<readonly [argumentsJson: string, target: string | undefined]> = [
  [asks("api.example.com"), "api.example.com:443"],
  [asks("API.Example.COM."), "api.example.com:443"],
  [asks("api.example.com", { port: 8443 }), "api.example.com:8443"],
  // As some models write it; exactly a number, and so exactly the port that a person is shown.
  [asks("api.example.com", { port: "8443" }), "api.example.com:8443"],
  [asks("api.example.com", { port: null }), "api.example.com:443"],
  [asks("xn--e1awd7f.example"), "xn--e1awd7f.example:443"],
  // What is said beside that decides nothing.
  [asks("api.example.com", { approved: true, _meta: { "caisson/approved": true } }), "api.example.com:443"],
  // The last of two is what is shown to the person, too.
  ['{"host":"good.example","host":"evil.example","reason":"r"}', "evil.example:443"],
  ...[
    asks("аpi.example.com"),
    asks("ａpi.example.com"),
    asks("api。example.com"),
    asks("api.example.com\u200b"),
    asks("api.example.com:8443"),
    asks("https://api.example.com"),
    asks("api.example.com/path"),
    asks("user@api.example.com"),
    asks("api.example.com#"),
    asks("*.example.com"),
    asks("*"),
    asks("api.example.com evil.example"),
    asks("api.example.com\r\nevil.example"),
    asks("169.254.169.254"),
    asks("127.1"),
    asks("2130706433"),
    asks("0x7f.1"),
    asks("[::1]"),
    asks("::ffff:169.254.169.254"),
    asks("localhost"),
    asks("metadata"),
    asks(""),
    asks("."),
    asks("a".repeat(300) + ".example"),
    asks(["api.example.com"]),
    asks("api.example.com", { port: 0 }),
    asks("api.example.com", { port: 65_536 }),
    ...["443 ", "0443", "0x1bb", "443/", "", "65536", "0"].map((port) => asks("api.example.com", { port })),
    asks("api.example.com", { port: 443.5 }),
    asks("api.example.com", { reason: "" }),
    asks("api.example.com", { reason: "a".repeat(501) }),
    JSON.stringify({ host: "api.example.com" }),
    "",
    "null",
    "{",
  ].map((argumentsJson) => [argumentsJson, undefined] as const),
];

for (const [argumentsJson, target] of readings) {
  Deno.test(`${argumentsJson.slice(0, 90)} asks for ${target ?? "nothing"}`, () => {
    const read = accessTarget(argumentsJson);
    assert.equal(read && `${read.host}:${read.port}`, target);
  });
}

Deno.test("a host is reachable, may be asked for, or is not to be had", () => {
  const of = settings({
    allow: "python,*.wild.example",
    ask: "*.ask.example,*:80,npm",
    deny: "evil.ask.example,*.evil.ask.example",
  });
  const says = (host: string, port = 443, by = of) => accessTo(by, { host, port })._tag;
  assert.equal(says("pypi.org"), "Reachable");
  assert.equal(says("x.wild.example"), "Reachable");
  assert.equal(says("registry.npmjs.org"), "Askable");
  assert.equal(says("api.ask.example"), "Askable");
  assert.equal(says("anything.test", 80), "Askable");
  assert.equal(says("anything.test"), "Never");
  assert.equal(says("api.ask.example", 8443), "Never");
  for (const port of [443, 80, 8443]) {
    assert.equal(says("evil.ask.example", port), "Never");
    assert.equal(says("x.evil.ask.example", port), "Never");
  }
  assert.equal(says("notevil.ask.example"), "Askable");
  // A host with a secret is spoken to at the port of the secret and nowhere else.
  assert.equal(says("secret.ask.example", 80), "Never");
  const open = settings({ egress: "open", ask: "*:8443", deny: "evil.ask.example" });
  assert.equal(says("anything.test", 443, open), "Reachable");
  assert.equal(says("anything.test", 8443, open), "Askable");
  assert.equal(says("evil.ask.example", 443, open), "Never");
});

Deno.test("lists of hosts are read and written, and what is none is refused", () => {
  const text = "api.example.com,*.example.org:8443,*,*:80";
  assert.equal(parsed(egressRows.egressAsk, text).map(hostPatternText).join(), text);
  for (const wrong of ["*:", "*:0", "*:80:80", "**", "*.", "127.0.0.1", "a b", "https://a.example"]) {
    assert.equal(egressRows.egressAsk.parse(wrong)._tag, "None", wrong);
    assert.equal(egressRows.egressDeny.parse(wrong)._tag, "None", wrong);
  }
  assert.equal(egressRows.egressDeny.parse("*")._tag, "None");
  assert.equal(egressRows.egressDeny.parse("python")._tag, "None");
});

const rules = (text: string) => parseToolRules(text) ?? assert.fail(text);

const said = (
  written: Partial<PolicySettings>,
  argumentsJson: string,
  { granted = [], offered = true }: { readonly granted?: ReadonlyArray<string>; readonly offered?: boolean } = {},
) => {
  const none = { toolsDeny: [], toolsAsk: [], toolsAllow: [], toolsOtherwise: "allow" } as const;
  const policy = policyOf({ ...settings({ ask: "*.ask.example" }), ...none, ...written }, [], offered);
  return judge(policy, [{ id: "1", name: requestAccess.name, argumentsJson }], new Set(granted));
};

Deno.test("a call that asks for a host is asked of a person, whatever rules allow it", () => {
  const ask = { _tag: "Ask", rule: "request_access(api.ask.example:443)" };
  assert.deepEqual(said({}, asks("API.ask.example.")), ask);
  assert.deepEqual(said({ toolsAllow: rules("request_access"), toolsOtherwise: "ask" }, asks("api.ask.example")), ask);
  // A rule that a person granted is one host at one port.
  for (
    const granted of [
      "request_access",
      "request_access(*)",
      "request_access(api.ask.example:80)",
      "request_access(api.ask.example)",
    ]
  ) {
    assert.deepEqual(said({}, asks("api.ask.example"), { granted: [granted] }), ask, granted);
  }
  const again = { granted: [accessRule({ host: "api.ask.example", port: 443 })] };
  assert.deepEqual(said({}, asks("API.ask.example"), again), { _tag: "Allow", approved: true });
  assert.equal(said({}, asks("other.ask.example"), again)._tag, "Ask");
});

Deno.test("rules that deny and ask mean the host however it was spelt", () => {
  const deny = { toolsDeny: rules("request_access(*.bad.ask.example)") };
  assert.equal(said(deny, asks("X.BAD.Ask.Example."))._tag, "Deny");
  assert.equal(said(deny, asks("good.ask.example"))._tag, "Ask");
  assert.equal(said({ toolsDeny: rules("request_access(api.ask.example:443)") }, asks("API.ask.example"))._tag, "Deny");
  assert.equal(said({ toolsDeny: rules("request_access") }, asks("api.ask.example"))._tag, "Deny");
});

Deno.test("nobody is asked for what cannot be granted, nor where the tool is not offered", () => {
  for (const given of [asks("169.254.169.254"), asks("api.test"), asks("api.ask.example", { port: 80 }), "{"]) {
    assert.deepEqual(said({}, given), { _tag: "Allow" }, given);
  }
  assert.deepEqual(said({}, asks("api.ask.example"), { offered: false }), { _tag: "Allow" });
  // A process whose tools are another server's does not know the hosts.
  assert.equal(said({ egress: "off", egressAsk: [] }, asks("api.test"))._tag, "Ask");
});
