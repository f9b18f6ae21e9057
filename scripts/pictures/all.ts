import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { renderToString } from 'preact-render-to-string'
import { project } from '../lib/lessons.ts'
import type { Picture } from './describe.ts'

export interface LessonPicture {
  /** Within the project: `lessons/02-pid/picture.svg` */
  name: string
  /** Absolute. */
  file: string
  svg: string
}

/** Draws them all: one for each scripts/pictures/NN-name.ts, into the lesson's folder of the same name. */
export function lessonPictures(): Promise<LessonPicture[]> {
  const sources = globSync('[0-9][0-9]-*.ts', { cwd: import.meta.dirname }).sort()
  return Promise.all(sources.map(drawPicture))
}

async function drawPicture(source: string): Promise<LessonPicture> {
  const { picture }: { picture: Picture } = await import(join(import.meta.dirname, source))
  const name = join('lessons', basename(source, '.ts'), 'picture.svg')
  const svg = renderToString(picture.draw()).replaceAll(/(<\/g>|<\/style>)/g, '$1\n')
  return { name, file: join(project, name), svg: `${svg}\n` }
}

/** Those that the drawing code would draw otherwise than they lie there. */
export function outOfDate(pictures: LessonPicture[]): LessonPicture[] {
  return pictures.filter(({ file, svg }) => !existsSync(file) || readFileSync(file, 'utf8') !== svg)
}
