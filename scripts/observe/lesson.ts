import { currentLesson } from '../lib/current.ts'
import type { Kind, LessonNow } from './model.ts'

/** Which kind of namespace a lesson is about. */
const KIND_OF: Record<string, Kind> = {
  pid: 'pid',
  mount: 'mnt',
  uts: 'uts',
  ipc: 'ipc',
  net: 'net',
  user: 'user',
  cgroups: 'cgroup',
}

/** The lesson where the learner is; undefined where there is none. */
export async function lessonNow(): Promise<LessonNow | undefined> {
  try {
    const { number, title, name } = await currentLesson()
    const kind = KIND_OF[name]
    return { number, title, ...(kind ? { kind } : {}) }
  } catch {
    return undefined // a record that is being written, or a lesson half removed: the picture does without
  }
}
