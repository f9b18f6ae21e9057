import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { type Found, project } from './lessons.ts'
import { fingerprint } from './progress.ts'

const EVERY = 300 // milliseconds: two small files are read, which is nothing
const SETTLE = 40 // an editor empties the file before it fills it

/**
 * Calls back when a lesson's file, or its checks, have another content than before. The kernel tells at once (inotify(7)),
 * but not of what changed on the other side of a shared folder: so it looks by itself too.
 */
export function watchLesson(lesson: Pick<Found, 'folder' | 'file'>, changed: () => void): Disposable {
  let known = fingerprint(lesson)
  const look = () => {
    const now = fingerprint(lesson)
    if (now === known) return
    known = now
    changed()
  }
  const timer = setInterval(look, EVERY)
  let soon: NodeJS.Timeout | undefined
  const events = eventsOf(join(project, 'lessons', lesson.folder), () => {
    clearTimeout(soon)
    soon = setTimeout(look, SETTLE)
  })
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      clearTimeout(soon)
      events?.close()
    },
  }
}

/** The kernel's events, where it has some to give: their number is limited, and not every file system has them. */
function eventsOf(folder: string, tell: () => void): FSWatcher | undefined {
  try {
    return watch(folder, tell).on('error', () => {})
  } catch {
    return undefined
  }
}
