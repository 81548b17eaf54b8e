/**
 * IP addresses as numbers, ranges of them, and which are no part of the public network.
 *
 * What is not known to be public counts as not public: tables of what is forbidden miss what nobody thought of.
 */

/** A block of addresses of one family, such as `10.0.0.0/8`. */
export interface AddressRange {
  readonly family: 4 | 6;
  readonly base: bigint;
  readonly bits: number;
}

interface Address {
  readonly family: 4 | 6;
  readonly value: bigint;
}

const bitsOf = { 4: 32, 6: 128 } as const;

/** Four decimal numbers and nothing else: no octal, no hexadecimal, no fewer parts. */
const parse4 = (text: string): bigint | undefined => {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256n + BigInt(part);
  }
  return value;
};

/** The groups of one side of `::`, the last of which may be an IPv4 address. */
const groupsOf = (text: string): ReadonlyArray<bigint> | undefined => {
  if (text === "") return [];
  const groups: Array<bigint> = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    if (part.includes(".") && at === parts.length - 1) {
      const tail = parse4(part);
      if (tail === undefined) return undefined;
      groups.push(tail >> 16n, tail & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
};

const parse6 = (text: string): bigint | undefined => {
  const [head, tail, more] = text.split("::");
  if (head === undefined || more !== undefined) return undefined;
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...new Array<bigint>(missing).fill(0n), ...after].reduce((all, group) => all * 65536n + group, 0n);
};

const parse = (text: string): Address | undefined => {
  const four = parse4(text);
  if (four !== undefined) return { family: 4, value: four };
  const six = text.length > 64 ? undefined : parse6(text);
  return six === undefined ? undefined : { family: 6, value: six };
};

/** Reads an address, or a block of them as `ADDRESS/BITS`; undefined where it is neither. */
export const parseRange = (text: string): AddressRange | undefined => {
  const [written, length, more] = text.split("/");
  const address = parse(written ?? "");
  if (address === undefined || more !== undefined) return undefined;
  const most = bitsOf[address.family];
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const bits = length === undefined ? most : Number(length);
  return bits > most ? undefined : { family: address.family, base: address.value, bits };
};

const holds = (range: AddressRange, address: Address): boolean => {
  const shift = BigInt(bitsOf[range.family] - range.bits);
  return range.family === address.family && range.base >> shift === address.value >> shift;
};

/** Whether an address lies in one of the ranges. */
export const isWithin = (text: string, ranges: ReadonlyArray<AddressRange>): boolean => {
  const address = parse(text);
  return address !== undefined && ranges.some((range) => holds(range, address));
};

const table = (rows: Readonly<Record<string, string>>): ReadonlyArray<readonly [AddressRange, string]> =>
  Object.entries(rows).flatMap(([text, why]) => {
    const range = parseRange(text);
    return range === undefined ? [] : [[range, why] as const];
  });

/**
 * What is not public, by address.
 *
 * *Source*: the registries of special-purpose addresses of RFC 6890, and RFC 9637 for `3fff::/20`.
 */
const special = table({
  "0.0.0.0/8": "this network",
  "10.0.0.0/8": "private",
  "100.64.0.0/10": "shared by carriers",
  "127.0.0.0/8": "loopback",
  "169.254.0.0/16": "link-local, where clouds keep credentials",
  "172.16.0.0/12": "private",
  "192.0.0.0/24": "reserved for protocols",
  "192.0.2.0/24": "for documentation",
  "192.88.99.0/24": "a relay to IPv6",
  "192.168.0.0/16": "private",
  "198.18.0.0/15": "for measurements",
  "198.51.100.0/24": "for documentation",
  "203.0.113.0/24": "for documentation",
  "224.0.0.0/4": "multicast",
  "240.0.0.0/4": "reserved",
  "2001::/23": "reserved for protocols, Teredo among them",
  "2001:db8::/32": "for documentation",
  "2002::/16": "holds an IPv4 address",
  "3fff::/20": "for documentation",
});

/** All that is given out of IPv6; what is mapped, translated, local or multicast lies elsewhere. */
const unicast6: AddressRange = { family: 6, base: 1n << 125n, bits: 3 };

/** Why an address is no part of the public network; undefined when it is. */
export const whyNotPublic = (text: string): string | undefined => {
  const address = parse(text);
  if (address === undefined) return "no address";
  if (address.family === 6 && !holds(unicast6, address)) return "local, mapped, translated or multicast";
  return special.find(([range]) => holds(range, address))?.[1];
};
