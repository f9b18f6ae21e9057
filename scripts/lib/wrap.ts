/** Breaks a plain text (no colours in it) into lines that fit, at spaces where there are some; what follows is indented like the first. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(20, width)))
}

function wrapLine(line: string, width: number): string[] {
  if (line.length <= width) return [line]
  const indent = /^ */.exec(line)?.[0].slice(0, width / 2) ?? ''
  const space = line.lastIndexOf(' ', width)
  const at = space > indent.length ? space : width
  return [line.slice(0, at).trimEnd(), ...wrapLine(indent + line.slice(at).trimStart(), width)]
}
