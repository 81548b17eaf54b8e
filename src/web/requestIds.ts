/**
 * How a request is named in headers and logs, and the status of one that was never answered.
 */

/** What is harmless in headers and logs. */
const requestId = /^[\w.:-]{1,128}$/;

/** The id that a caller gave its request, where it is harmless. */
export const requestIdOf = (headers: Readonly<Record<string, string | undefined>>): string | undefined => {
  const given = headers["x-request-id"];
  return given !== undefined && requestId.test(given) ? given : undefined;
};

/** What the log says of a request whose client left before there was a status, as proxies call it. */
export const clientGone = 499;
