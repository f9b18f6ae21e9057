/** What the command asks of the process in the lab; plain data. */
export interface Orders {
  /** The names of the runtimes that are wanted. */
  names: string[]
  json: boolean
  /** Measure them, run one image by several, or open a shell. */
  do: 'measure' | 'image' | 'shell'
  /** For the shell; a terminal's unless given. */
  script?: string
}
