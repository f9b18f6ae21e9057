/*
 * Serves the page, and the pictures as server-sent events, on loopback only. It answers questions and takes none: what
 * a browser sends changes nothing here.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Change } from './change.ts'
import type { Collector } from './collector.ts'
import { pack } from './pack.ts'

export const LOOPBACK = '127.0.0.1'

export interface Serving {
  port: number
  close(): Promise<void>
}

/**
 * Serves until it is closed.
 *
 * @param port 0 for any that is free
 * @throws EADDRINUSE where the port is another's
 */
export async function serve(collector: Collector, html: string, port: number): Promise<Serving> {
  const page = { plain: html, short: gzipSync(html) }
  const server = createServer((request, response) => answer(request, response, collector, page))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, LOOPBACK, resolve)
  })
  const close = () =>
    new Promise<void>((resolve) => {
      collector.stop()
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { port: (server.address() as AddressInfo).port, close }
}

const HEADERS = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** As it is, and for the many who can unpack it: through ssh -L it may have a long way. */
interface Document {
  plain: string
  short: Buffer
}

function answer(request: IncomingMessage, response: ServerResponse, collector: Collector, page: Document): void {
  const refuse = (code: number, words: string) =>
    response.writeHead(code, { ...HEADERS, 'content-type': 'text/plain' }).end(`${words}\n`)
  if (!isLocal(request.headers.host)) return void refuse(403, 'This page is for this machine: open it as localhost')
  if (request.method !== 'GET') return void refuse(405, 'One can look here, and do nothing')
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/') {
    const isShort = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
    const encoding = isShort ? { 'content-encoding': 'gzip' } : {}
    response.writeHead(200, {
      ...HEADERS,
      ...encoding,
      'content-type': 'text/html; charset=utf-8',
      vary: 'accept-encoding',
    })
    response.end(isShort ? page.short : page.plain)
    return
  }
  if (pathname === '/events') return void stream(response, collector)
  refuse(404, 'There is nothing here. The page is at /')
}

/**
 * By the name that the browser asked for. A page from elsewhere whose name was made to mean 127.0.0.1 (DNS rebinding)
 * would ask by that name. The port may be another: ssh -L gives it one.
 */
export function isLocal(host: string | undefined): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host ?? '')
}

/** A whole picture, then changes. Who reads too slowly misses some, and gets a whole picture again. */
async function stream(response: ServerResponse, collector: Collector): Promise<void> {
  response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
  let behind = false
  const leave = collector.watch((change, model) => {
    if (response.writableNeedDrain) {
      behind = true
      return
    }
    response.write(behind ? event('picture', pack(model)) : changeEvent(change))
    behind = false
  })
  response.on('close', leave)
  response.on('error', () => {}) // EPIPE: the page was closed
  response.write(`retry: 1000\n${event('picture', pack(await collector.now()))}`)
}

const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

const written = new WeakMap<Change, string>()

/** Made once for all who watch. */
function changeEvent(change: Change): string {
  const text = written.get(change) ?? event('change', change)
  written.set(change, text)
  return text
}
