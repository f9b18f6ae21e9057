import { UsageError } from '#given/errors.ts'
import { command } from '../lib/command.ts'
import { suggest } from '../lib/suggest.ts'

const VERBS = {
  run: 'runs a command in a container, with -d in the background',
  create: 'prepares a container for start',
  start: 'starts containers that do not run',
  stop: 'asks containers to end, and kills those that do not',
  kill: 'sends containers a signal',
  wait: 'waits until containers have ended: their exit codes',
  rm: 'removes containers that do not run',
  ps: 'lists the containers there are',
  logs: 'shows what a container has printed',
  attach: 'shows what a container prints, and sends it what you type',
  exec: 'runs one more command in a container',
  cp: 'copies files to and from a container',
  top: 'shows the processes of a container',
  port: 'shows where the ports of a container can be reached',
  inspect: 'shows all that is known of containers',
  stats: 'shows what the running ones take',
  pause: 'stops all that runs in a container',
  unpause: 'lets it go on',
  diff: 'shows what a container has changed',
  commit: 'makes an image of what a container has changed',
  build: 'makes an image in steps, a layer each',
  images: 'lists the images there are',
  history: 'shows the steps and layers of an image',
  tag: 'gives an image one more name',
  rmi: 'removes images',
  prune: 'removes what belongs to no image',
  load: "takes images of an archive: docker's, podman's, OCI's",
  save: 'writes images to an archive',
  import: 'makes an image of a folder or a tar',
  help: 'shows this',
}

await command(
  {
    name: 'box',
    usage: 'npm run box -- VERB …',
    about: ['Your container, as a tool.', '', ...list(VERBS)].join('\n'),
    examples: ['npm run box -- run -- sh', 'npm run box -- run -d --name web -- httpd', 'npm run box -- run --help'],
    failure: 125,
  },
  async ({ positionals: [verb] }) => {
    if (verb === undefined) throw new UsageError('what? For a shell in a container: npm run box -- run -- sh')
    if (verb !== 'help')
      throw new UsageError(`'${verb}' is nothing that it can do. ${suggest(verb, Object.keys(VERBS))}`)
    console.log(list(VERBS).join('\n'))
    return 0
  },
)

function list(verbs: Record<string, string>): string[] {
  return Object.entries(verbs).map(([name, does]) => `  ${name.padEnd(10)} ${does}`)
}
