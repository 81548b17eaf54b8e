/**
 * The `content-disposition` of a file that is fetched.
 */

/** A name for `content-disposition`: plain for old clients, and in full for the others. */
export const disposition = (path: string, kind: "inline" | "attachment"): string => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const plain = name.replace(/[^\w. -]/g, "_");
  const full = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `${kind}; filename="${plain}"; filename*=UTF-8''${full}`;
};
