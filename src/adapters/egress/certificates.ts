/**
 * Certificates that last as long as a process: an authority in memory and what it issues for names.
 *
 * Written here because neither Deno nor node has a writer of X.509; it knows exactly the two kinds that are needed.
 *
 * *Source*: RFC 5280; ITU-T X.690 for the encoding.
 */
import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

const dayMs = 24 * 60 * 60 * 1000;
/** Clocks of sandboxes and of containers' machines differ, and some wake up in the past. */
const backdatedMs = dayMs;
/** Longer than a sandbox is used; it is trusted by nothing but that sandbox. */
const validMs = 30 * dayMs;

/** A certificate and its key, both in PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that exists in memory only. */
export interface Authority {
  /** Its own certificate in PEM, for those who shall trust it. */
  readonly certificate: string;
  /** Issues a certificate for a name of a server. */
  readonly issue: (name: string) => Issued;
}

const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};

const sequence = (...parts: ReadonlyArray<Uint8Array>) => der(0x30, ...parts);
const octets = (...parts: ReadonlyArray<Uint8Array>) => der(0x04, ...parts);
const bits = (unused: number, value: Uint8Array) => der(0x03, Buffer.from([unused]), value);
const yes = der(0x01, Buffer.from([0xff]));

/** Identifiers of objects, encoded: each is written out, for there are eight. */
const id = {
  commonName: Buffer.from("0603550403", "hex"),
  ecdsaWithSha256: Buffer.from("06082a8648ce3d040302", "hex"),
  subjectKey: Buffer.from("0603551d0e", "hex"),
  keyUsage: Buffer.from("0603551d0f", "hex"),
  alternativeName: Buffer.from("0603551d11", "hex"),
  basicConstraints: Buffer.from("0603551d13", "hex"),
  authorityKey: Buffer.from("0603551d23", "hex"),
  extendedKeyUsage: Buffer.from("0603551d25", "hex"),
  serverAuthentication: Buffer.from("06082b06010505070301", "hex"),
};

const nameOf = (text: string) => sequence(der(0x31, sequence(id.commonName, der(0x0c, Buffer.from(text, "utf8")))));
/** `YYMMDDHHMMSSZ`, which is right until 2049. */
const time = (ms: number) => der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, "").slice(2, 14)}Z`));
const algorithm = sequence(id.ecdsaWithSha256);
const pem = (body: Buffer) =>
  `-----BEGIN CERTIFICATE-----\n${(body.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n` +
  "-----END CERTIFICATE-----\n";

interface Key {
  readonly privateKey: KeyObject;
  /** The public key as certificates hold it. */
  readonly info: Buffer;
  /** What identifies it in extensions. */
  readonly hash: Buffer;
}

const makeKey = (): Key => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = publicKey.export({ type: "spki", format: "der" });
  return { privateKey, info, hash: createHash("sha1").update(info).digest() };
};

const serialBytes = 15;
const issuer = nameOf("Caisson sandbox");

const certificateOf = (
  subject: Buffer,
  key: Key,
  signer: Key,
  nowMs: number,
  extensions: ReadonlyArray<Uint8Array>,
): string => {
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1]), randomBytes(serialBytes)),
    algorithm,
    issuer,
    sequence(time(nowMs - backdatedMs), time(nowMs + validMs)),
    subject,
    key.info,
    der(0xa3, sequence(...extensions)),
  );
  return pem(sequence(body, algorithm, bits(0, sign("sha256", body, signer.privateKey))));
};

/** Makes an authority; a few milliseconds. */
export const makeAuthority = (nowMs: number): Authority => {
  const own = makeKey();
  const forOthers = sequence(id.authorityKey, octets(sequence(der(0x80, own.hash))));
  const certificate = certificateOf(issuer, own, own, nowMs, [
    sequence(id.basicConstraints, yes, octets(sequence(yes))),
    // Signs certificates and lists of revoked ones.
    sequence(id.keyUsage, yes, octets(bits(1, Buffer.from([0x06])))),
    sequence(id.subjectKey, octets(octets(own.hash))),
    forOthers,
  ]);
  // One key for all names: it is the same process that uses it.
  const key = makeKey();
  const keyPem = key.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return {
    certificate,
    issue: (name) => ({
      key: keyPem,
      certificate: certificateOf(nameOf("Caisson egress"), key, own, nowMs, [
        sequence(id.alternativeName, octets(sequence(der(0x82, Buffer.from(name, "latin1"))))),
        sequence(id.keyUsage, yes, octets(bits(7, Buffer.from([0x80])))),
        sequence(id.extendedKeyUsage, octets(sequence(id.serverAuthentication))),
        sequence(id.subjectKey, octets(octets(key.hash))),
        forOthers,
      ]),
    }),
  };
};
