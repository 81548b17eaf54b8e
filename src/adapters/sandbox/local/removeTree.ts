/**
 * Removing a directory that programs filled, however deep, closed or large it is.
 */

/** Directories inside one another that are removed at once: that recurs, and overflows the stack in the thousands. */
const depthMax = 64;
/** UTF-16 units of a path that is gone down: of three bytes each, with a name behind, it fits the kernel's 4096. */
const pathCharsMax = 900;
/** Lets its owner look into a directory, and take things out of it. */
const openMode = 0o700;

/** Gives back the right to look into a directory that a program took from its own user. */
const opened = async (directory: string): Promise<Array<Deno.DirEntry>> => {
  try {
    return await Array.fromAsync(Deno.readDir(directory));
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await Deno.chmod(directory, openMode);
    return await Array.fromAsync(Deno.readDir(directory));
  }
};

/** What Deno shows in a name for bytes that are not UTF-8; such a name leads nowhere, or to another thing. */
const mark = "\u{fffd}";

const isThere = async (path: string): Promise<boolean> => {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};

interface Place {
  readonly path: string;
  readonly depth: number;
}

/** Moves a directory up to `root`, and tells its place there. */
const movedUp = async (root: string, parent: string, path: string): Promise<Place> => {
  const moved = `${root}/${crypto.randomUUID()}`;
  // A directory changes its parent only where both may be written.
  await Deno.chmod(parent, openMode);
  await Deno.chmod(path, openMode);
  await Deno.rename(path, moved);
  return { path: moved, depth: 1 };
};

/**
 * Goes through the directories below a place, and moves those up to it that lie too deep; `look` sees each. False when
 * there may be one whose name cannot be told.
 */
const flatten = async (root: string, look?: (directory: string) => Promise<void>): Promise<boolean> => {
  let areNamed = true;
  const left: Array<Place> = [{ path: root, depth: 0 }];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    const { path: parent, depth } = place;
    await look?.(parent);
    for (const { name, isDirectory } of await opened(parent)) {
      if (!isDirectory) continue;
      const path = `${parent}/${name}`;
      if (name.includes(mark)) {
        areNamed = false;
        if (!(await isThere(path))) continue;
      }
      const isDeep = depth + 1 >= depthMax || path.length > pathCharsMax;
      left.push(isDeep ? await movedUp(root, parent, path) : { path, depth: depth + 1 });
    }
  }
  return areNamed;
};

/**
 * Makes a directory in which nothing may run any more shallow enough to be removed; false where that takes other means,
 * because a directory in it has a name that is not UTF-8, which Deno cannot look into.
 *
 * *Details*: takes time in the number of entries and no stack, for a program can put directories inside one another
 * without an end. Links are never followed.
 *
 * *Fails with* what the file system says, `Deno.errors.NotFound` when there is no such directory.
 */
export const flattenTree = (path: string): Promise<boolean> => flatten(path);

/**
 * Removes a directory that {@link flattenTree} made shallow, and all that is in it.
 *
 * *Fails with* what the file system says.
 */
export const removeFlat = async (path: string): Promise<void> => {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await flatten(path, (directory) => Deno.chmod(directory, openMode));
    await Deno.remove(path, { recursive: true });
  }
};
