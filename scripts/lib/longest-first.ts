import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest, longest first, as the emulated VM shows it. Some are short to read: vitest would take them last. */
const LONG = (
  'learn check box-images cp verbs bench kept net user kept-lab exec desk images start runtimes stress ' +
  'escapes attach limits box privileges rootfs'
).split(' ')

/** Where vitest knows no durations, as in a new VM, it begins with the largest file, and long ones end alone. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files)
    return others.toSorted((a, b) => rank(a) - rank(b))
  }
}

function rank({ moduleId }: TestSpecification): number {
  const place = LONG.indexOf(basename(moduleId, '.test.ts'))
  return place < 0 ? LONG.length : place
}
