import { existsSync } from '#given/fs.ts'

/*
 * One verb, one file in box/. Only the one that is asked for is loaded: the start of a container is measured.
 */
const verb = process.argv[2] ?? ''
const file = new URL(`box/${verb}.ts`, import.meta.url)
await import(/^[a-z]+$/.test(verb) && existsSync(file) ? file.href : './box/help.ts')
