/**
 * Text of a stranger, such as the name of his file, for a terminal, a page or a spreadsheet: what would steer a terminal
 * or turn the direction of the line is shown by its number, and what is too long is cut.
 *
 * @param most how many characters are left
 */
export function printable(text: string, most = 120): string {
  const visible = text.toWellFormed().replaceAll(UNSEEN, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`
  })
  const characters = [...visible]
  return characters.length > most ? `${characters.slice(0, most).join('')}…` : visible
}

/** Control and format characters, private and unassigned ones, and separators of lines. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu
