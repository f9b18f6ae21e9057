import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type ComponentChild, h } from 'preact'
import { render } from 'preact-render-to-string'
import { inNeed, type LessonInfo, lessonFigures, stuckAt } from './figures.ts'
import type { Learner } from './learners.ts'
import type { Unreadable } from './read.ts'
import { files, need, progress, remarks, stuck, summary, whoIsWhere } from './sections.ts'

export interface ClassReport {
  /** What the class is called: the folder. */
  name: string
  learners: Learner[]
  unreadable: Unreadable[]
  /** Names in the folder that do not end in .json. */
  others: number
  lessons: LessonInfo[]
}

const style = readFileSync(new URL('style.css', import.meta.url), 'utf8')

/** No script, no picture, no font, no frame, no form, and of styles this one alone, whatever stands in the page. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/**
 * The class as one HTML page that needs nothing else. It has two halves: the first names nobody, so that it may be shown
 * to the class; the second is for the teacher.
 */
export function pageOf(report: ClassReport): string {
  const { name, learners, unreadable, lessons } = report
  const title = `Class report: ${name}`
  const page = h(
    'html',
    { lang: 'en' },
    h(
      'head',
      null,
      h('meta', { charset: 'utf-8' }),
      h('meta', { 'http-equiv': 'Content-Security-Policy', content: policy }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('meta', { name: 'color-scheme', content: 'light dark' }),
      h('meta', { name: 'referrer', content: 'no-referrer' }),
      h('title', null, title),
      h('style', { dangerouslySetInnerHTML: { __html: style } }), // our own file, and the policy has its hash
    ),
    h(
      'body',
      null,
      summary(report),
      h(
        'main',
        null,
        half('For the class', 'This half names nobody. Show it.', [
          progress(lessonFigures(learners, lessons), learners.length),
          stuck(stuckAt(learners, lessons)),
        ]),
        half('For you', 'This half names everybody. Keep it off the wall.', [
          need(inNeed(learners, lessons)),
          whoIsWhere(learners, lessons),
          files(unreadable),
          remarks(report),
        ]),
      ),
    ),
  )
  return `<!doctype html>\n${render(page)}\n`
}

function half(title: string, says: string, sections: ComponentChild[]) {
  return h('div', { class: 'half' }, h('p', { class: 'half-title' }, h('strong', null, title), ' ', says), sections)
}
