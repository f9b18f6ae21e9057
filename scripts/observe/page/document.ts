/*
 * The page as one file. Its policy lets nothing run but what it was made of, and lets it ask nobody but the server
 * that it came from.
 */
import { createHash } from 'node:crypto'
import { STYLE } from '../draw/style.ts'
import { importMap, modulesOf } from './modules.ts'
import { PLACE } from './picture.ts'

const ENTRY = 'scripts/observe/page/main.ts'

/** Makes it. */
export function documentOf(): string {
  const map = importMap(modulesOf(ENTRY))
  const start = `import '${ENTRY}'`
  const policy = [
    "default-src 'none'",
    `script-src data: ${hash(map)} ${hash(start)}`,
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    'img-src data:', // the icon, which is none
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Namespaces and cgroups</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<div id="root"><noscript>This page draws itself, and needs JavaScript for that.</noscript></div>
${PLACE}
<script type="importmap">${map}</script>
<script type="module">${start}</script>
</body>
</html>
`
}

const hash = (script: string) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`
