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

interface Place {
  readonly path: string;
  readonly depth: number;
}

/** Goes through the directories below a place, and moves those up to it that lie too deep; `look` sees each. */
const flatten = async (root: string, look?: (directory: string) => Promise<void>): Promise<void> => {
  const left: Array<Place> = [{ path: root, depth: 0 }];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    await look?.(place.path);
    for (const { name, isDirectory } of await opened(place.path)) {
      if (!isDirectory) continue;
      const path = `${place.path}/${name}`;
      if (place.depth + 1 < depthMax && path.length <= pathCharsMax) {
        left.push({ path, depth: place.depth + 1 });
        continue;
      }
      const moved = `${root}/${crypto.randomUUID()}`;
      // A directory changes its parent only where both may be written.
      await Deno.chmod(place.path, openMode);
      await Deno.chmod(path, openMode);
      await Deno.rename(path, moved);
      left.push({ path: moved, depth: 1 });
    }
  }
};

/**
 * Removes a directory and all that is in it; nothing may run in it any more.
 *
 * *Details*: takes time in the number of entries and no stack, for a program can put directories inside one another
 * without an end. Links are removed, never followed.
 *
 * *Fails with* what the file system says, `Deno.errors.NotFound` when there is no such directory.
 */
export const removeTree = async (path: string): Promise<void> => {
  await flatten(path);
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    await flatten(path, (directory) => Deno.chmod(directory, openMode));
    await Deno.remove(path, { recursive: true });
  }
};
