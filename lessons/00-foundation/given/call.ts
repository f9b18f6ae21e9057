/*
 * Calls one function of a lesson's file in a process of its own, so that what it breaks is not the test:
 *
 *     node call.ts FILE FUNCTION ARGUMENTS [TASK]       with the arguments as a JSON array
 *     node call.ts FILE FUNCTION CALLS TASK each        with an array of such arrays: one call for each, one result for each
 *
 * Writes {"result": …} or {"error": …} to descriptor 3; what the function prints stays its own.
 */
import { writeSync } from 'node:fs'
import { inProject, toData } from './errors.ts'
import { importFile } from './stack.ts'
import { setTask } from './tasks.ts'

async function call(file = '', name = '', args = '[]', task?: string, each?: string): Promise<object> {
  try {
    await setTask(task)
    const fn = (await importFile(file))[name]
    if (typeof fn !== 'function') throw new TypeError(`${inProject(file)} does not export a function '${name}'`)
    if (!each) return { result: await fn(...JSON.parse(args)) }
    const result: unknown[] = []
    for (const list of JSON.parse(args)) result.push(await fn(...list))
    return { result }
  } catch (error) {
    return { error: toData(error) }
  }
}

if (import.meta.main) writeSync(3, `${JSON.stringify(await call(...process.argv.slice(2)))}\n`)
