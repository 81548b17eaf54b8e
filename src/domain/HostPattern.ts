/**
 * Hosts that an operator's lists mean where they do not allow: those that may be asked for, and those that never are.
 */
import { hostName, parseEgressEntry, portOf, tlsPort } from "./EgressRule.ts";

/** One name, what lies below one, or every name; at one port or at all. */
export interface HostPattern {
  /** Absent: every name. */
  readonly name?: string;
  /** What lies below the name is meant, instead of itself. */
  readonly subdomains: boolean;
  /** Absent: every port. */
  readonly port?: number;
}

/** Reads an entry of a list of hosts that may be asked for: as one that allows is written, or `*` for every name. */
export const parseAskEntry = (text: string): ReadonlyArray<HostPattern> | undefined => {
  const [star, written, more] = text.split(":");
  if (star !== "*") return parseEgressEntry(text);
  const port = written === undefined ? tlsPort : portOf(written);
  return port === undefined || more !== undefined ? undefined : [{ subdomains: false, port }];
};

/** Reads an entry of a list of hosts that are never reached: `name` or `*.name`, at every port unless it has one. */
export const parseDenyEntry = (text: string): ReadonlyArray<HostPattern> | undefined => {
  const [written = "", portText, more] = text.split(":");
  const subdomains = written.startsWith("*.");
  const name = hostName(subdomains ? written.slice(2) : written);
  const port = portText === undefined ? undefined : portOf(portText);
  if (name === undefined || more !== undefined || (portText !== undefined && port === undefined)) return undefined;
  return [{ name, subdomains, ...(port !== undefined && { port }) }];
};

/** Whether some pattern means a name, in the one spelling of `hostName`, at a port. */
export const meansHost = (patterns: ReadonlyArray<HostPattern>, host: string, port: number): boolean =>
  patterns.some((pattern) =>
    (pattern.port === undefined || pattern.port === port) &&
    (pattern.name === undefined || (pattern.subdomains ? host.endsWith(`.${pattern.name}`) : host === pattern.name))
  );

/** A pattern as it is written. */
export const hostPatternText = ({ name, subdomains, port }: HostPattern): string =>
  `${name === undefined ? "*" : `${subdomains ? "*." : ""}${name}`}${
    port === undefined || port === tlsPort ? "" : `:${port}`
  }`;
