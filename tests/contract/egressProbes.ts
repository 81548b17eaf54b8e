/**
 * What hostile code tries to reach, and how: the groups that a judge of connections must refuse, as data.
 *
 * Each probe is what a program sends to the proxy. Beside what the field has seen stand ten of our own, marked so.
 */
import { Buffer } from "node:buffer";
import { ownAddress, publicAddress } from "../support/egressWorld.ts";

/** One conversation with the proxy. */
export interface Probe {
  readonly what: string;
  /** What is sent, a piece at a time; after the first the answer to a CONNECT is awaited. */
  readonly sends: ReadonlyArray<string>;
  /** `refused`: answered with a status that says so; `cut`: closed without a byte of an answer from anywhere. */
  readonly expect: "refused" | "cut";
  /** Names that may be asked for: only one that is allowed and leads somewhere bad. */
  readonly mayAsk?: boolean;
  /** The connection may be made, but nothing be sent over it. */
  readonly mayContact?: boolean;
}

/** What the allowlist of the probes says, as the setting is written. */
export const probeRules =
  "allowed.example,allowed.example:80,*.wild.example,*.bad.example,*.bad.example:80,self.example";

/** Addresses that an allowed name may lead to, and nobody may reach. */
const badAddresses: Readonly<Record<string, string>> = {
  "metadata": "169.254.169.254",
  "another sandbox": "10.0.0.7",
  "the gateway of containers": "172.17.0.1",
  "a home network": "192.168.1.1",
  "this machine": "127.0.0.1",
  "all of this machine": "0.0.0.0",
  "metadata of another cloud": "100.100.100.200",
  "documentation": "203.0.113.9",
  "measurements": "198.18.0.1",
  "multicast": "224.0.0.1",
  "broadcast": "255.255.255.255",
  "metadata mapped into IPv6": "::ffff:169.254.169.254",
  "metadata mapped in hexadecimal": "::ffff:a9fe:a9fe",
  "metadata translated": "64:ff9b::a9fe:a9fe",
  "loopback of IPv6": "::1",
  "nowhere": "::",
  "local unicast": "fd00:ec2::254",
  "link-local": "fe80::1",
  "Teredo": "2001::1",
  "6to4": "2002:a9fe:a9fe::1",
  "documentation of IPv6": "2001:db8::1",
  "multicast of IPv6": "ff02::1",
  // Ours: what resolvers of some systems answer.
  "link-local with its zone": "fe80::1%eth0",
  "IPv4 in the old form of IPv6": "::127.0.0.1",
};

const label = (what: string) => what.toLowerCase().replaceAll(" ", "-");

/** Where the names of the probes lead. */
export const probeNames: Readonly<Record<string, ReadonlyArray<string> | ReadonlyArray<ReadonlyArray<string>>>> = {
  ...Object.fromEntries(
    Object.entries(badAddresses).map(([what, address]) => [`${label(what)}.bad.example`, [address]]),
  ),
  "mixed.bad.example": ["10.0.0.5", "169.254.169.254"],
  "rebinding.bad.example": [[publicAddress], ["127.0.0.1"]],
  "self.example": [ownAddress],
};

const connect = (target: string, headers = "") => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${headers}\r\n`;
const get = (target: string, headers = "") => `GET ${target} HTTP/1.1\r\nHost: allowed.example\r\n${headers}\r\n`;

const refused = (what: string, ...sends: ReadonlyArray<string>): Probe => ({ what, sends, expect: "refused" });
const cut = (what: string, ...sends: ReadonlyArray<string>): Probe => ({
  what,
  sends: [connect("allowed.example:443"), ...sends],
  expect: "cut",
  mayAsk: true,
  mayContact: true,
});

/** A ClientHello with these extensions after its fixed parts, in records of at most `recordBytes`. */
export const clientHello = (extensions: ReadonlyArray<readonly [number, Buffer]>, recordBytes = 16_384): Buffer => {
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255]);
  const list = Buffer.concat(extensions.map(([type, body]) => Buffer.concat([u16(type), u16(body.length), body])));
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    Buffer.from([0, 0, 2, 0x13, 1, 1, 0]),
    u16(list.length),
    list,
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body]);
  const records: Array<Buffer> = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    const part = message.subarray(at, at + recordBytes);
    records.push(Buffer.concat([Buffer.from([22, 3, 1]), u16(part.length), part]));
  }
  return Buffer.concat(records);
};

/** The extension that names a server. */
export const serverName = (name: string): readonly [number, Buffer] => {
  const bytes = Buffer.from(name, "latin1");
  return [
    0,
    Buffer.concat([
      Buffer.from([(bytes.length + 3) >> 8, (bytes.length + 3) & 255, 0, bytes.length >> 8, bytes.length & 255]),
      bytes,
    ]),
  ];
};

const text = (bytes: Buffer) => bytes.toString("latin1");

/** Every probe that is a conversation. */
export const probes: ReadonlyArray<Probe> = [
  ...[
    "169.254.169.254:80",
    "169.254.169.254:443",
    "127.0.0.1:443",
    "2130706433:443",
    "0x7f000001:443",
    "0x7f.1:443",
    "127.1:443",
    "0177.0.0.1:443",
    "[::1]:443",
    "[::ffff:169.254.169.254]:443",
    "localhost:443",
    "metadata:443",
    "metadata.google.internal:443",
  ].map((target) => refused(`CONNECT to the address ${target}`, connect(target))),
  ...["http://169.254.169.254/latest/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://localhost/"]
    .map((target) => refused(`GET ${target}`, get(target))),
  ...Object.keys(badAddresses).flatMap((what) => [
    { ...refused(`a name that leads to ${what}`, connect(`${label(what)}.bad.example:443`)), mayAsk: true },
    { ...refused(`a plain name that leads to ${what}`, get(`http://${label(what)}.bad.example/`)), mayAsk: true },
  ]),
  { ...refused("a name that leads to several bad addresses", connect("mixed.bad.example:443")), mayAsk: true },
  { ...refused("the server's own public address", connect("self.example:443")), mayAsk: true, mayContact: true },
  ...[
    "evil.example:443",
    "allowed.example.evil.example:443",
    "notallowed.example:443",
    "wild.example:443",
    "evilwild.example:443",
    "allowed.example@evil.example:443",
    "evil.example#allowed.example:443",
    "evil.example\\allowed.example:443",
    "аllowed.example:443",
    "\xd0\xb0llowed.example:443",
    "allowed\xef\xbc\x8eexample:443",
    "allowed.example%00.evil.example:443",
  ].map((target) => refused(`the trick ${JSON.stringify(target)}`, connect(target))),
  ...[
    "http://allowed.example@evil.example/",
    "http://evil.example#allowed.example/",
    "http://evil.example\\@allowed.example/",
  ]
    .map((target) => refused(`the trick ${JSON.stringify(target)}`, get(target))),
  ...["22", "25", "8443", "0", "65979"].map((port) => refused(`port ${port}`, connect(`allowed.example:${port}`))),
  refused("plain HTTP at the port of TLS", get("http://allowed.example:443/")),
  refused("CONNECT to the port of plain HTTP that is not listed", connect("x.wild.example:80")),
  cut("TLS that asks for another server", text(clientHello([serverName("evil.example")]))),
  cut("TLS that asks for none", text(clientHello([[10, Buffer.from([0, 2, 0, 29])]]))),
  cut("no TLS at all", "GET / HTTP/1.1\r\nHost: allowed.example\r\n\r\n"),
  cut("SSH in a tunnel", "SSH-2.0-OpenSSH_9.2\r\n"),
  cut(
    "TLS that asks for another server, in records of one byte",
    text(clientHello([serverName("evil.example")], 1)),
  ),
  refused(
    "both a length and chunks",
    get("http://allowed.example/", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
  ),
  refused("two lengths", get("http://allowed.example/", "Content-Length: 3\r\nContent-Length: 4\r\n")),
  refused("a length that is no number", get("http://allowed.example/", "Content-Length: +3\r\n")),
  refused("chunks in a disguise", get("http://allowed.example/", "Transfer-Encoding: xchunked\r\n")),
  refused("a lone line feed", "GET http://allowed.example/ HTTP/1.1\nHost: allowed.example\r\n\r\n"),
  refused("a lone carriage return", get("http://allowed.example/", "X: a\rY: b\r\n")),
  refused("a folded header", get("http://allowed.example/", "X: a\r\n b\r\n")),
  refused("a space before the colon", get("http://allowed.example/", "Content-Length : 3\r\n")),
  refused("a header without a name", get("http://allowed.example/", ": x\r\n")),
  refused("a NUL in a header", get("http://allowed.example/", "X: a\0b\r\n")),
  refused(
    "a WebSocket over plain HTTP",
    get("http://allowed.example/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
  ),
  refused("an endless head", get("http://allowed.example/", `X: ${"a".repeat(20_000)}\r\n`)),
  // Ours.
  refused(
    "a length named as a matter of the connection",
    get("http://allowed.example/", "Connection: content-length\r\nContent-Length: 40\r\n"),
  ),
  refused("a percent-encoded address", get("http://169%2e254%2e169%2e254/")),
  refused("https asked for as plain", get("https://allowed.example/")),
  refused("another scheme", get("ftp://allowed.example/")),
  refused("a path without a proxy", get("/")),
  refused("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  refused("two dots at the end of a name", connect("allowed.example..:443")),
  refused("a port with zeros before it", connect("allowed.example:00443")),
  refused("a port with a sign", connect("allowed.example:+443")),
  refused("two ports", connect("allowed.example:443:22")),
  refused("a name longer than names are", connect(`${"a.".repeat(130)}example:443`)),
  cut(
    "TLS that names two servers",
    text(clientHello([serverName("allowed.example"), serverName("evil.example")])),
  ),
  cut("TLS whose server has a NUL in its name", text(clientHello([serverName("allowed.example\0.evil.example")]))),
  cut("the beginning of TLS and then its end", text(clientHello([serverName("allowed.example")]).subarray(0, 40))),
];
