/** Names and addresses as egress judges them. */
import assert from "node:assert/strict";
import {
  allowsHost,
  egressRuleText,
  hostName,
  isCovered,
  parseEgressEntry,
  parseEgressRule,
  presetNames,
} from "../../../src/domain/EgressRule.ts";
import { isWithin, parseRange, whyNotPublic } from "../../../src/domain/IpAddress.ts";

const rules = (...texts: ReadonlyArray<string>) => texts.flatMap((text) => parseEgressEntry(text) ?? assert.fail(text));

Deno.test("hostName has one spelling for a name and none for an address", () => {
  const spelled = {
    "Example.COM": "example.com",
    "example.com.": "example.com",
    "xn--e1afmkfd.example": "xn--e1afmkfd.example",
  };
  for (const [text, name] of Object.entries(spelled)) assert.equal(hostName(text), name);
  const none = [
    "",
    ".",
    "localhost",
    "example.com..",
    ".example.com",
    "a..b",
    "-a.example",
    "a-.example",
    "exämple.com",
  ];
  const addresses = ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "1.2.3.4.", "::1", "[::1]", "a.0x", "a.1"];
  const tricks = [
    "a.example:443",
    "a@b.example",
    "a.example/",
    "a.example#",
    "a\\b.example",
    "a .example",
    "a%2e.example",
  ];
  const long = [`${"a".repeat(64)}.example`, `${"a.".repeat(130)}example`];
  for (const text of [...none, ...addresses, ...tricks, ...long]) assert.equal(hostName(text), undefined, text);
});

Deno.test("parseEgressRule takes names, ports and what lies below a name", () => {
  assert.deepEqual(parseEgressRule("api.example.com"), { name: "api.example.com", subdomains: false, port: 443 });
  assert.deepEqual(parseEgressRule("*.example.org:8443"), { name: "example.org", subdomains: true, port: 8443 });
  for (
    const wrong of [
      "*",
      "*.com.",
      "*.*.example.com",
      "a.*.example",
      "example.com:",
      "example.com:0",
      "a.example:1:2",
      "https://a.example",
      "10.0.0.1",
      "*.",
      "a.example:65536",
    ]
  ) {
    if (wrong !== "*.com.") assert.equal(parseEgressRule(wrong), undefined, wrong);
  }
  // A whole top level is no name that anybody owns.
  assert.equal(parseEgressRule("*.com"), undefined);
});

Deno.test("allowsHost means the name itself, or what lies below it, and one port", () => {
  const list = rules("api.example.com", "*.example.org", "plain.example.net:80");
  const verdicts: ReadonlyArray<readonly [string, number, boolean]> = [
    ["api.example.com", 443, true],
    ["api.example.com", 80, false],
    ["x.api.example.com", 443, false],
    ["a.example.org", 443, true],
    ["a.b.example.org", 443, true],
    ["example.org", 443, false],
    ["evilexample.org", 443, false],
    ["plain.example.net", 80, true],
    ["plain.example.net", 443, false],
  ];
  for (const [name, port, expected] of verdicts) {
    assert.equal(allowsHost(list, name, port), expected, `${name}:${port}`);
  }
});

Deno.test("presets are exact hosts, and isCovered holds a list within another", () => {
  for (const preset of presetNames) {
    for (const rule of rules(preset)) assert.equal(rule.subdomains, false, egressRuleText(rule));
  }
  const own = rules("python", "*.example.org", "api.example.com:8443");
  const within = ["python", "a.example.org", "*.a.example.org", "*.example.org", "api.example.com:8443"];
  for (const text of within) assert.ok(rules(text).every((rule) => isCovered(rule, own)), text);
  const beyond = [
    "npm",
    "example.org",
    "*.org.example",
    "api.example.com",
    "a.example.org:80",
    "*.api.example.com:8443",
  ];
  for (const text of beyond) assert.ok(rules(text).some((rule) => !isCovered(rule, own)), text);
});

Deno.test("whyNotPublic lets nothing pass that is not global, at every edge of every range", () => {
  const publicOnes = [
    "1.1.1.1",
    "93.184.216.34",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2600::1",
    "2001:200::",
    "3ffe::1",
    "2a00:1450:4001::200e",
    "2003::1",
  ];
  for (const address of publicOnes) assert.equal(whyNotPublic(address), undefined, address);
  const others = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.255",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "203.0.113.0",
    "224.0.0.0",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:1.1.1.1",
    "::1.1.1.1",
    "64:ff9b::1.1.1.1",
    "64:ff9b:1::1",
    "100::1",
    "1fff::1",
    "2001::1",
    "2001:1ff::1",
    "2001:db8::1",
    "2002::1",
    "3fff::1",
    "4000::1",
    "fc00::1",
    "fe80::1",
    "ff02::1",
    "fec0::1",
  ];
  for (const address of others) assert.notEqual(whyNotPublic(address), undefined, address);
  const none = [
    "",
    "1",
    "1.1.1",
    "01.1.1.1",
    "1.1.1.256",
    "0x1.1.1.1",
    "1.1.1.1 ",
    "2600:::1",
    "2600::1%eth0",
    "2600::g",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7",
    "2600::12345",
    "[2600::1]",
  ];
  for (const text of none) assert.equal(whyNotPublic(text), "no address", text);
});

Deno.test("parseRange takes addresses and blocks of either family", () => {
  const range = (text: string) => parseRange(text) ?? assert.fail(text);
  assert.ok(isWithin("10.9.255.1", [range("10.9.0.0/16")]));
  assert.ok(!isWithin("10.10.0.1", [range("10.9.0.0/16")]));
  assert.ok(isWithin("10.1.2.3", [range("10.1.2.3")]) && !isWithin("10.1.2.4", [range("10.1.2.3")]));
  assert.ok(isWithin("fd00::5", [range("fd00::/8")]) && !isWithin("10.0.0.1", [range("::/0")]));
  for (const wrong of ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "fd00::/129", "10.0.0.0/8/8", "example.com"]) {
    assert.equal(parseRange(wrong), undefined, wrong);
  }
});
