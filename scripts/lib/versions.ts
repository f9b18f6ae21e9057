import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { UsageError } from '#given/errors.ts'
import type { Version } from './compare.ts'
import { type Found, project } from './lessons.ts'
import { originalOf } from './originals.ts'
import { referenceOf } from './spoil.ts'

/** A lesson's file as it was handed out. */
export function starterOf(lesson: Found): Version {
  return { label: 'the starter', text: originalOf(lesson) }
}

/** The learner's file. */
export function mineOf({ number, file }: Found): Version {
  const label = relative(project, file)
  if (!existsSync(file))
    throw new UsageError(`${label} is not there. npm run reset ${number} brings the starter back`, 1)
  return { label, text: readFileSync(file, 'utf8') }
}

/** The reference. */
export function finishedOf(lesson: Found): Version {
  const file = referenceOf(lesson)
  return { label: relative(project, file), text: readFileSync(file, 'utf8') }
}
