/*
 * Walking through the tree of rooms and processes with the arrow keys, as the ARIA practices for trees have it.
 */

/** The item that a key leads to; undefined where it leads nowhere. */
export function moved(root: Element, from: Element | null, key: string): HTMLElement | undefined {
  const items = [...root.querySelectorAll<HTMLElement>('[role=treeitem]')] // in the order of reading
  const at = items.indexOf(from as HTMLElement)
  if (at === -1) return undefined
  switch (key) {
    case 'ArrowDown':
      return items[at + 1]
    case 'ArrowUp':
      return items[at - 1]
    case 'ArrowRight':
      return from?.querySelector<HTMLElement>('[role=treeitem]') ?? undefined
    case 'ArrowLeft':
      return from?.parentElement?.closest<HTMLElement>('[role=treeitem]') ?? undefined
    case 'Home':
      return items[0]
    case 'End':
      return items.at(-1)
    default:
      return undefined
  }
}
