/**
 * How many connections may wait until a door takes them.
 */

/**
 * Connections that wait to be taken, at each door.
 *
 * *Details*: Node's own 511 are few for a crowd that comes at once. The kernel drops what is above; such a client tries
 * again after seconds, then after twice as long, and is reset in the end although nobody refused it. The kernel's own
 * bound, `net.core.somaxconn`, is as large and holds as well.
 */
export const backlogMax = 4_096;
