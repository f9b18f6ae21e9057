/*
 * The modules that the page is made of, without a bundler: Node takes the types out, and each becomes a data: URL that
 * an import map gives a name. So the page is one file, and an export of it needs neither server nor network.
 */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join, relative, resolve } from 'node:path'
import { project } from '#given/spec.ts'

const LIBRARIES: Record<string, string> = {
  preact: 'preact/dist/preact.mjs',
  'd3-shape': 'd3-shape/dist/d3-shape.min.mjs',
  'd3-path': 'd3-path/dist/d3-path.min.mjs',
}

const GIVEN = 'lessons/00-foundation/given/'

/** A module and all that it imports: what they are imported as, and their source. */
export function modulesOf(entry: string): Map<string, string> {
  const found = new Map<string, string>()
  const waiting = [entry]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue
    const file = LIBRARIES[name]
    const { source, imports } = file ? library(file) : own(name)
    found.set(name, source)
    waiting.push(...imports)
  }
  return found
}

/** The text of an import map for them. */
export function importMap(modules: Map<string, string>): string {
  const imports = [...modules].map(([name, source]) => [name, `data:text/javascript,${escaped(source)}`])
  return JSON.stringify({ imports: Object.fromEntries(imports) }).replaceAll('<', '\\u003c')
}

interface Module {
  source: string
  /** As in the import map. */
  imports: string[]
}

function library(file: string): Module {
  const source = readFileSync(join(project, 'node_modules', file), 'utf8').replace(/^\/\/# sourceMappingURL.*$/m, '')
  const imports = [...source.matchAll(/\bfrom\s*"([^"]+)"/g)].flatMap(([, name]) => name ?? [])
  return { source, imports }
}

/** A module of ours, named by its place in the project. */
function own(name: string): Module {
  const imports: string[] = []
  const plain = shortened(stripTypeScriptTypes(readFileSync(join(project, name), 'utf8')))
  const source = plain.replace(/^((?:import|export|\}).*\bfrom) '([^']+)'/gm, (_, words: string, wish: string) => {
    const found = nameOf(wish, name)
    imports.push(found)
    return `${words} '${found}'`
  })
  return { source, imports }
}

function nameOf(wish: string, from: string): string {
  if (wish.startsWith('#given/')) return GIVEN + wish.slice('#given/'.length)
  return wish.startsWith('.') ? relative(project, resolve(project, from, '..', wish)) : wish
}

/** Without comments and indentation, where they are a line's beginning. Line numbers are of no use in a data: URL. */
function shortened(source: string): string {
  return source
    .replace(/^[ \t]*\/\*[\s\S]*?\*\/[ \t]*$/gm, '')
    .replace(/^[ \t]*\/\/.*$/gm, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/^[ \t]+/gm, '')
    .replace(/ {2,}/g, ' ') // where types were
    .replace(/\n+/g, '\n')
}

/** What would end a URL, or be taken out of it. */
function escaped(source: string): string {
  return source.replaceAll('%', '%25').replaceAll('#', '%23').replaceAll('\n', '%0A').replaceAll('\t', '%09')
}
