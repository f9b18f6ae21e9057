/** Which ids of a container are which ids of the host: user_namespaces(7). */
export interface Ids {
  uids: Range[]
  gids: Range[]
}

/** `count` ids, from `inside` on in the container and from `outside` on at the host. */
export interface Range {
  inside: number
  outside: number
  count: number
}

/** Root inside is whoever starts the container. */
export const ids = (): Ids => ({
  uids: [{ inside: 0, outside: process.getuid?.() ?? 0, count: 1 }],
  gids: [{ inside: 0, outside: process.getgid?.() ?? 0, count: 1 }],
})
